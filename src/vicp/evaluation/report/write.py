"""What reports share: numbers as percent, pages from templates, and writing files whole or not at all."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from vicp.errors import DataError
from vicp.io import atomic_write


def percent(fraction: float) -> str:
    """Return a fraction as percent with one decimal, without the sign for percent."""
    return f"{100 * fraction:.1f}"


def signed(fraction: float) -> str:
    """Return a difference of fractions in points with one decimal and its sign; zero has none."""
    points = round(100 * fraction, 1)
    return f"{points:+.1f}" if points else "0.0"


def data_uri(picture: bytes) -> str:
    """Return an encoded PNG or JPEG as a URI that holds it."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def json_text(value: Mapping[str, Any]) -> str:
    """Return facts as indented JSON.

    Raises:
        ValueError: A number is NaN or infinite, which JSON does not know.
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def page_text(template: str, values: Mapping[str, object], *, words: Mapping[str, object]) -> str:
    """Return a page from one of `templates/`, whatever stands in `values` escaped.

    Args:
        template: Its file.
        values: What this page is about.
        words: Functions and names that the template's imported macros may use as well.
    """
    environment = Environment(
        loader=PackageLoader("vicp.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, signed=signed, data_uri=data_uri)
    environment.globals.update(words)
    return environment.get_template(template).render(values)


def write_files(out: Path, files: Mapping[str, str | bytes]) -> None:
    """Write texts, and pictures as bytes, by file name into a folder, which is made; each appears whole or not at all.

    Raises:
        DataError: The folder cannot be written.
    """
    for name, content in files.items():
        try:
            # texts with file names may hold lone surrogates
            data = content.encode("utf-8", errors="replace") if isinstance(content, str) else content
            with atomic_write(out / name) as part:
                part.write_bytes(data)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{out / name}: cannot write the report ({reason}); choose another folder") from error
