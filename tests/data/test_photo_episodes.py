"""Episodes of a photo table: support and batch never share an identity."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vicp.data.episodes.photos import list_categories, sample_photo_episode
from vicp.data.records import PhotoTable


def table(sizes: dict[str, list[int]]) -> PhotoTable:
    """Category -> photos of each of its identities."""
    rows = [
        (c, f"i{i}", f"{c}/{i}/{n}.jpg")
        for c, all_ in sizes.items()
        for i, size in enumerate(all_)
        for n in range(size)
    ]
    frame = pd.DataFrame(rows, columns=["category", "identity", "path"])
    return PhotoTable(frame.assign(row=range(1, len(frame) + 1)), Path())


SMALL = table({"shoe": [3, 2, 4, 3, 1, 5], "cat": [4, 4, 4, 4]})


def test_an_identity_is_its_category_and_name() -> None:
    cat, shoe = list_categories(SMALL)
    assert (cat.name, shoe.name) == ("cat", "shoe")
    assert cat.num_photos == 16
    assert not set(cat.codes) & set(shoe.codes)
    assert [list(rows) for rows in shoe.photos][:2] == [[0, 1, 2], [3, 4]]


@given(seed=st.integers(0, 10**6), num_pairs=st.sampled_from([0, 2, 5]))
def test_support_and_batch_are_strangers(seed: int, num_pairs: int) -> None:
    episode = sample_photo_episode(
        list_categories(SMALL), num_pairs=num_pairs, num_identities=2, num_photos=4, num_queries=6, seed=seed
    )
    identity = np.array(SMALL.identities)
    taught = {identity[i] for i in [*episode.support.left, *episode.support.right]}
    asked = [identity[i] for i in episode.batch]
    assert not taught & set(asked)
    assert len({name.split("/")[0] for name in [*taught, *asked]}) == 1, "one category"
    assert len(set(episode.batch.tolist())) == 4
    assert len(set(asked)) == len(torch.unique(episode.identities))
    same = identity[episode.support.left.numpy()] == identity[episode.support.right.numpy()]
    assert same.tolist() == episode.support.same.tolist()
    assert int(episode.support.same.sum()) == num_pairs // 2
    left, right = (episode.identities[side] for side in (episode.queries.left, episode.queries.right))
    assert (left == right).tolist() == episode.queries.same.tolist()
    assert (episode.queries.left != episode.queries.right).all()


def test_a_seed_is_an_episode() -> None:
    sizes = {"num_pairs": 4, "num_identities": 2, "num_photos": 4, "num_queries": 4}
    first, again, other = (sample_photo_episode(list_categories(SMALL), **sizes, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.batch, again.batch)
    assert not torch.equal(first.batch, other.batch)


@pytest.mark.parametrize(
    ("sizes", "num_photos", "num_pairs", "fits"),
    [
        ([2, 2, 2, 2], 4, 4, True),  # two identities each side: two same-pairs, four different ones
        ([2, 2, 2, 2], 4, 5, True),
        ([2, 2, 2, 2], 4, 6, False),  # three same-pairs of four photos
        ([2, 2, 2, 2], 5, 4, False),
        ([2, 2, 2, 1, 1, 1], 4, 0, False),  # one photo makes no pair
    ],
)
def test_what_a_category_can_give(sizes: list[int], num_photos: int, num_pairs: int, fits: bool) -> None:
    (category,) = list_categories(table({"shoe": sizes}))
    assert category.fits(num_photos=num_photos, num_identities=2, num_pairs=num_pairs) is fits
