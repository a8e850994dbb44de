"""Photos that look like the category, and photos that do not."""

import numpy as np
import pytest
from tests.decisions.individuals import embeddings_of

from vicp.decisions.typicality import LEAST_TYPICALITY, CategoryReference

DIM = 24


def category(num: int, seed: int, *, photos: int = 3, centre: int = 0) -> np.ndarray:
    """Photos (num * photos, DIM) of individuals around one direction of the space."""
    rows = embeddings_of(num, photos, dim=DIM, seed=seed)
    rows = rows + 2 * np.eye(DIM)[centre]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("num", [4, 12, 60])
def test_few_photos_of_the_category_are_flagged_and_most_others_are(num: int) -> None:
    own, other = [], []
    for seed in range(8):
        reference = CategoryReference(category(num, seed), np.repeat(np.arange(num), 3))
        own.append(reference.typicality(category(30, 100 + seed)))
        other.append(reference.typicality(category(30, 200 + seed, centre=1)))
    assert (np.concatenate(own) < LEAST_TYPICALITY).mean() < 0.02
    assert (np.concatenate(other) < LEAST_TYPICALITY).mean() > (0.3 if num < 12 else 0.8)


def test_typicality_is_the_share_of_photos_as_far_away() -> None:
    reference = CategoryReference(category(60, 0), np.repeat(np.arange(60), 3))
    shares = reference.typicality(category(300, 1, photos=1))
    assert np.mean(shares < 0.1) == pytest.approx(0.1, abs=0.05)
    assert np.mean(shares < 0.5) == pytest.approx(0.5, abs=0.12)


def test_a_photo_of_a_known_individual_is_typical() -> None:
    rows = category(10, 0)
    reference = CategoryReference(rows, np.repeat(np.arange(10), 3))
    assert reference.typicality(rows).min() > 0.5


def test_one_individual_says_nothing() -> None:
    assert CategoryReference(category(1, 0), np.zeros(3, np.int64)).typicality(category(2, 1)) is None
