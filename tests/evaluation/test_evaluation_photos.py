"""The photos of an evaluation: those that cannot be used, the categories that are evaluated, and their moments."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vicp.data.records import PhotoTable
from vicp.data.sources.options import ReadOptions
from vicp.errors import ConfigError, DataError
from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import find_protocol

CONFIG = EvaluationConfig(find_protocol("disjoint"))


def photo(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def table() -> PhotoTable:
    """Three photos of a cat, two of which are equal, and one of a dog."""
    images = [photo(0), photo(0), photo(1), photo(2)]
    frame = pd.DataFrame({"row": range(1, 5), "path": list("abcd"), "identity": ["Tom"] * 3 + ["Rex"], "image": images})
    return PhotoTable(frame.assign(category=["cat"] * 3 + ["dog"]), None)


def test_a_photo_that_cannot_be_used_is_named_or_left_out(table: PhotoTable) -> None:
    images = [*table.frame["image"][:2], b"no photo", table.frame["image"][3]]
    damaged = replace(table, frame=table.frame.assign(image=images))
    with pytest.raises(DataError, match=r"1 photo cannot be used: row 3 \(c\)"):
        EvaluationPhotos.open(damaged, ReadOptions(), seed=0)
    left = EvaluationPhotos.open(damaged, ReadOptions(skip_bad=True), seed=0)
    assert list(left.table.frame["path"]) == ["a", "b", "d"]
    assert left.moments.tolist() == [0, 0, 1]
    assert left.hashes[0] == left.hashes[1] != left.hashes[2]


def test_the_photos_of_the_chosen_categories_keep_their_moments(table: PhotoTable) -> None:
    photos = EvaluationPhotos.decoded(table)
    assert photos.moments.tolist() == [0, 0, 1, 2]
    cats = photos.chosen(replace(CONFIG, categories=("cat",)))
    assert cats.moments.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(cats.hashes, photos.hashes[:3])
    counted = photos.chosen(replace(CONFIG, categories=("cat",), keep_bursts=True))
    assert counted.moments.tolist() == [0, 1, 2], "a frame of a burst counts"
    with pytest.raises(ConfigError, match=r"unseen: no category 'dog' is evaluated \(there are: cat\)"):
        photos.chosen(replace(CONFIG, categories=("cat",), unseen=("dog",)))


def test_photos_apart_are_hashed_and_not_decoded(table: PhotoTable) -> None:
    unreadable = replace(table, frame=table.frame.assign(image=[b"x", b"x", b"y", b"z"]))
    photos = EvaluationPhotos.apart(unreadable, "things")
    assert (photos.name, photos.source, photos.moments.tolist()) == ("things", None, [0, 1, 2, 3])
    assert photos.hashes[0] == photos.hashes[1] != photos.hashes[2]
