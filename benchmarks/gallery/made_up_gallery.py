"""A gallery of embeddings that no model made, written and opened by the gallery's own functions."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from vicp.gallery.categories import GalleryCategory, find_category
from vicp.gallery.enrollment.writer import write_embeddings
from vicp.gallery.search.indexed_nearest import nearest_in_category
from vicp.gallery.store.database import change, create_gallery, read_gallery
from vicp.gallery.store.tables import PHOTOS, PROMPTS, SCHEMAS

CATEGORY = GalleryCategory("thing", "0" * 16, "made up", "null", None)
PHOTOS_EACH = 5


def make(folder: Path, blocks: Iterable[tuple[int, np.ndarray]]) -> tuple[str, int]:
    """Enrolls blocks of embeddings, each visible at once; returns the gallery and how many rows it has."""
    uri, count = str(folder), 0
    now = datetime.now(UTC)
    create_gallery(uri, {"fingerprint": "made up"}, author="benchmark")
    with change(uri, "enroll", author="benchmark") as writer:
        row = {"category": "thing", "space": CATEGORY.space, "model": "made up", "method": "null", "prompt": b""}
        row |= {"author": "benchmark", "at": now, "reason": ""}
        writer.update(PROMPTS, pa.Table.from_pylist([row], schema=SCHEMAS[PROMPTS]))
        for start, block in blocks:
            numbers = np.arange(start, start + len(block))
            write_embeddings(writer, CATEGORY, numbers.tolist(), block)
            writer.add(PHOTOS, facts(numbers, now))
            count += len(block)
            writer.commit(f"{count} photos")
    return uri, count


def facts(numbers: np.ndarray, now: datetime) -> pa.Table:
    """The photos' rows, five of each individual."""
    same = {"category": "thing", "date": "", "author": "benchmark", "reason": ""}
    columns = {name: pa.repeat(value, len(numbers)) for name, value in same.items()}
    columns |= {
        "number": pa.array(numbers),
        "key": pa.array([f"{n:032x}" for n in numbers]),
        "identity": pa.array([f"i{n // PHOTOS_EACH}" for n in numbers]),
        "source": pa.array([f"{n}.jpg" for n in numbers]),
        "thumbnail": pa.repeat(b"", len(numbers)),
        "at": pa.repeat(pa.scalar(now, pa.timestamp("us", "UTC")), len(numbers)),
    }
    return pa.table({name: columns[name] for name in SCHEMAS[PHOTOS].names}, schema=SCHEMAS[PHOTOS])


def open_search(uri: str) -> Callable[[np.ndarray], np.ndarray]:
    """The number of the best photo of each query, by the way that `vicp gallery identify` takes."""
    snapshot = read_gallery(uri)
    nearest = nearest_in_category(snapshot, find_category(snapshot, "thing"))
    assert nearest is not None
    return lambda query: nearest.closest_photos(query)
