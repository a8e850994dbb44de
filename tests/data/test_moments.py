"""Moments: near-equal frames, one sequence, or seconds apart; never across individuals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vicp.data.moments import codes_within, moment_codes, num_shared, one_per_moment
from vicp.data.photos.fingerprints import PhotoFingerprint, image_fingerprint
from vicp.data.records import PhotoTable


def table(**columns: list[object]) -> PhotoTable:
    size = len(next(iter(columns.values())))
    facts = {"path": [f"{row}.jpg" for row in range(size)], "category": "cat", "identity": "Tom", **columns}
    return PhotoTable(pd.DataFrame(facts).assign(row=range(1, size + 1)), Path())


def scene(number: int, noise_seed: int | None = None) -> PhotoFingerprint:
    """A drawn scene, and with a seed another frame of it."""
    small = np.random.default_rng(number).integers(0, 255, (6, 6, 3)).astype(np.uint8)
    pixels = np.asarray(Image.fromarray(small).resize((96, 96), Image.Resampling.BICUBIC)).astype(int)
    if noise_seed is not None:
        pixels = pixels + np.random.default_rng(noise_seed).integers(-3, 4, pixels.shape)
    return image_fingerprint(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def test_values_a_few_apart_belong_together() -> None:
    frames, everybody = np.array([1, 100, 6, 13, 11, 94]), np.zeros(6, dtype=np.int64)
    assert codes_within(everybody, frames, 5).tolist() == [0, 1, 0, 0, 0, 2]
    assert codes_within(np.array([0, 0, 1, 0, 0, 0]), frames, 5).tolist() == [0, 1, 2, 3, 3, 4]


def test_near_equal_frames_are_one_moment() -> None:
    frames = [scene(1), scene(1, 5), scene(2), scene(1, 6), scene(2, 7)]
    photos = table(path=list("abcde"))
    assert moment_codes(photos, frames).tolist() == [0, 0, 1, 0, 1]
    assert moment_codes(photos).tolist() == [0, 1, 2, 3, 4]


def test_two_individuals_share_no_moment() -> None:
    photos = table(identity=["Tom", "Tom", "Bella"], sequence=["7", "7", "7"])
    assert moment_codes(photos, [scene(1), scene(1, 5), scene(1, 6)]).tolist() == [0, 0, 1]


def test_a_sequence_is_one_moment_and_none_is_none() -> None:
    assert moment_codes(table(sequence=["1", "", "2", "1", ""])).tolist() == [0, 1, 2, 0, 3]


def test_photos_less_than_a_minute_apart_are_one_moment() -> None:
    dates = [
        "2025-04-01 12:00:00",
        "2025-04-01T12:00:50",  # 50 s after the first
        "2025-04-01 12:01:40",  # 50 s after the second
        "2025-04-01 12:02:41",  # 61 s after the third
        "2025-04-01",  # a day has no seconds
        "2025-04-01",
        "",
        "last week",
    ]
    assert moment_codes(table(date=dates)).tolist() == [0, 0, 0, 1, 2, 3, 4, 5]


def test_links_join() -> None:
    photos = table(sequence=["1", "1", ""], date=["2025-04-01 12:00:00", "", "2025-04-01 12:00:05"])
    assert moment_codes(photos).tolist() == [0, 0, 0]


@pytest.mark.parametrize("identity", [None, "Tom"])
def test_photos_without_an_identity_may_share_a_moment(identity: str | None) -> None:
    assert moment_codes(table(identity=[identity] * 2, sequence=["1", "1"])).tolist() == [0, 0]


def test_one_photo_of_each_moment() -> None:
    moments = np.array([0, 0, 1, 2, 2, 2])
    drawn = {tuple(one_per_moment(moments, np.random.default_rng(seed)).tolist()) for seed in range(40)}
    assert {rows[1] for rows in drawn} == {2}
    assert {rows[0] for rows in drawn} == {0, 1}
    assert {rows[2] for rows in drawn} == {3, 4, 5}
    assert one_per_moment(np.arange(4), np.random.default_rng(0)).tolist() == [0, 1, 2, 3]
    assert (num_shared(moments), num_shared(np.arange(3)), num_shared(np.zeros(0, np.int64))) == (5, 0, 0)
