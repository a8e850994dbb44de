"""A web page of proposed pairs on which a person labels them and saves the labels as a CSV."""

import base64
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment

from vicp.data.images import decode_photo
from vicp.data.records import PhotoTable
from vicp.errors import DataError
from vicp.gallery.labelling.proposals import ProposedPair
from vicp.io import atomic_write, encode_thumbnail

THUMBNAIL_SIZE = 240  # pixels of the longer side


def write_sheet(path: Path, pairs: Sequence[ProposedPair], table: PhotoTable, *, title: str) -> None:
    """Write the page; photos are inside it, so that it can be sent to who knows the individuals.

    Raises:
        DataError: A photo cannot be read, or the page not written.
    """
    template = files("vicp.gallery.labelling").joinpath("pairs.html").read_text(encoding="utf-8")
    row_of = {str(name): row for row, name in enumerate(table.frame["path"])}
    entries = [
        {
            "left": pair.left,
            "right": pair.right,
            "photos": [thumbnail_url(table, row_of[pair.left]), thumbnail_url(table, row_of[pair.right])],
            "why": pair.why,
            "similarity": f"{pair.similarity:.3f}",
        }
        for pair in pairs
    ]
    page = Environment(autoescape=True).from_string(template).render(title=title, pairs=entries)
    try:
        with atomic_write(path) as part:
            part.write_text(page, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error


def thumbnail_url(table: PhotoTable, index: int) -> str:
    """Return a photo as a data URL, its longer side at most `THUMBNAIL_SIZE` pixels."""
    jpeg = encode_thumbnail(decode_photo(table.photo_bytes(index), min_side=THUMBNAIL_SIZE), THUMBNAIL_SIZE)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
