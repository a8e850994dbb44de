"""Proposed pairs side by side on one page: look, click same or different, save the labels as a CSV."""

import base64
import io
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment

from vicp.data.images import decode_photo
from vicp.data.records import PhotoTable
from vicp.errors import DataError
from vicp.gallery.labelling.active_learning import PairProposal

SIDE = 240  # pixels of a thumbnail


def write_sheet(path: Path, proposals: list[PairProposal], table: PhotoTable, *, title: str) -> None:
    """Writes the page; photos are inside it, so that it can be sent to who knows the individuals.

    Raises:
        DataError: a photo cannot be read, or the page not written.
    """
    template = files("vicp.gallery").joinpath("pairs.html").read_text(encoding="utf-8")
    pairs = [
        {
            "left": str(table.frame["path"].iloc[p.left]),
            "right": str(table.frame["path"].iloc[p.right]),
            "photos": [thumbnail(table, p.left), thumbnail(table, p.right)],
            "why": p.why,
            "similarity": f"{p.similarity:.3f}",
        }
        for p in proposals
    ]
    page = Environment(autoescape=True).from_string(template).render(title=title, pairs=pairs)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error


def thumbnail(table: PhotoTable, index: int) -> str:
    """A photo as a data URL, its longest side at most SIDE pixels."""
    image = decode_photo(table.photo_bytes(index))
    image.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
