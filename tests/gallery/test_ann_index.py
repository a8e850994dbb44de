"""The index of a large category: measured before it is used, and refused where it finds too little."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from vicp.gallery.categories import GalleryCategory
from vicp.gallery.enrollment.writer import write_embeddings
from vicp.gallery.gallery import Gallery
from vicp.gallery.nearest import ExactNearest, IndexedNearest, exact_nearest, nearest_in_category
from vicp.gallery.store.database import change, create_gallery
from vicp.gallery.store.tables import PHOTOS, PROMPTS, SCHEMAS

WIDTH, ROWS = 16, 9000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Nine thousand embeddings of three thousand individuals, without photos."""
    uri = str(tmp_path_factory.mktemp("large") / "gallery")
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((ROWS // 3, WIDTH), dtype=np.float32)
    rows = np.repeat(centres, 3, axis=0) + 0.3 * rng.standard_normal((ROWS, WIDTH), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    category = GalleryCategory("thing", "0" * 16, "made up", "null", None)
    who = {"author": "ann", "at": datetime.now(UTC), "reason": ""}
    prompt = {
        "category": "thing",
        "space": category.space,
        "model": "",
        "method": "",
        "prompt": b"",
    }
    facts = {"category": "thing", "date": "", "thumbnail": b"", **who}
    photos = [
        {"number": n, "key": f"{n:032x}", "identity": f"i{n // 3}", "source": f"{n}.jpg", **facts} for n in range(ROWS)
    ]
    create_gallery(uri, {}, author="ann")
    with change(uri, "enroll", author="ann") as writer:
        writer.update(PROMPTS, pa.Table.from_pylist([prompt | who], schema=SCHEMAS[PROMPTS]))
        write_embeddings(writer, category, list(range(ROWS)), rows)
        writer.add(PHOTOS, pa.Table.from_pylist(photos, schema=SCHEMAS[PHOTOS]))
        writer.commit("photos")
    return Gallery.open(uri, author="ann")


def test_exact_below_the_limit_and_an_index_that_is_measured_above(large: Gallery) -> None:
    assert large.index() == [], "nine thousand are not many"
    assert isinstance(nearest_in_category(large.snapshot, large.categories()["thing"]), ExactNearest)
    (refused,) = large.index(min_photos=ROWS, min_recall=1.01)
    assert "refused" in refused
    assert isinstance(nearest_in_category(large.snapshot, large.categories()["thing"]), ExactNearest)
    (said,) = large.index(min_photos=ROWS)
    assert "recall@1" in said
    assert large.index(min_photos=ROWS) == [], "made once"

    snapshot, prompted = large.snapshot, large.categories()["thing"]
    indexed, exact = nearest_in_category(snapshot, prompted), exact_nearest(snapshot, prompted)
    assert isinstance(indexed, IndexedNearest)
    assert exact is not None
    query = exact.index.embeddings[::450] + np.float32(0.01)
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    assert (indexed.closest_photos(query) == exact.closest_photos(query)).mean() >= 0.95
    for a, b in zip(indexed.search(query, 3), exact.search(query, 3), strict=True):
        assert a.names[0] == b.names[0]
        assert len(a.similarities) == len(b.similarities) == ROWS // 3
        np.testing.assert_allclose(a.similarities[:3], b.similarities[:3], atol=1e-4)
    large.undo()
    assert isinstance(nearest_in_category(large.snapshot, prompted), ExactNearest)
