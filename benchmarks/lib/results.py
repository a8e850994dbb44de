"""The files of a study's results: facts as JSON, a line for each of the outermost keys, and the page made of them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vicp.evaluation.report.write import json_text, write_files


def results_json(facts: Mapping[str, Any]) -> str:
    """Return facts as JSON, compact below the outermost keys.

    Raises:
        ValueError: a number is NaN or infinite, which JSON does not know.
    """
    values = {key: json.dumps(value, ensure_ascii=False, allow_nan=False) for key, value in facts.items()}
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {value}" for key, value in values.items()) + "\n}\n"


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """Return a finished part of a study from its JSON file, or make and keep it now."""
    if not path.exists():
        write_files(path.parent, {path.name: json_text(make())})
    return json.loads(path.read_text(encoding="utf-8"))


def write_results(stem: Path, facts: Mapping[str, Any], page: str) -> None:
    """Writes the facts to `stem`.json and their page to `stem`.md.

    Raises:
        DataError: the folder cannot be written.
    """
    write_files(stem.parent, {f"{stem.name}.json": results_json(facts), f"{stem.name}.md": page})
