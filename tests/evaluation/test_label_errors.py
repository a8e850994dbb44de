"""Wrong labels are found, right ones are left alone, whatever the order and the size of blocks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vicp.data.loading import load_pixels
from vicp.data.sources import open_photos
from vicp.evaluation.diagnostics.label_errors import suspect_labels
from vicp.evaluation.results import SuspectLabel
from vicp.image_transform import ImageTransform

REAL_PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "cattely.parquet"


def at(*degrees: float) -> Tensor:
    """Unit vectors in the plane: similarity is the cosine of the angle between."""
    angles = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def cosine(degrees: float) -> float:
    return float(np.cos(np.deg2rad(degrees)))


def flipped(identities: np.ndarray, *, share: float, seed: int) -> tuple[list[str], set[str]]:
    """The identities with some replaced by another of them, and the names of those photos."""
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(identities))[: round(share * len(identities))]
    labels = identities.tolist()
    for row in wrong:
        labels[row] = rng.choice([name for name in np.unique(identities) if name != identities[row]])
    return labels, {f"photo {row}" for row in wrong}


def test_suspect_labels_finds_a_photo_among_those_of_another_identity() -> None:
    embeddings = at(0, 1, 3, 6, 60, 61, 63, 4)
    labels, names = list("aaaabbbb"), [f"{n}.jpg" for n in range(8)]
    (suspect,) = suspect_labels(embeddings, labels, names, neighbours=3)
    assert suspect == SuspectLabel(
        photo="7.jpg",
        identity="b",
        looks_like="a",
        own_similarity=pytest.approx(cosine(56), abs=1e-6),
        other_similarity=pytest.approx(cosine(1), abs=1e-6),
        neighbours=3,
        of=3,
    )


@pytest.mark.parametrize(
    ("around", "far", "neighbours"),
    [
        ("aaabc", "bd", 0),  # of its own identity b there is one among the five
        ("aaacd", "bb", 3),  # three in five are enough
        ("aacde", "bb", 0),  # two are not
        ("aaccd", "bb", 0),
        ("aaaaa", "bb", 5),
        ("aaaaa", "cc", 0),  # its identity has no other photo
    ],
)
def test_suspect_labels_needs_three_in_five_neighbours_of_one_other_identity(
    around: str, far: str, neighbours: int
) -> None:
    embeddings = at(0, 1, 2, 3, 4, 5, 90, 91)
    names = [f"{n}.jpg" for n in range(8)]
    found = {each.photo: each for each in suspect_labels(embeddings, ["b", *around, *far], names)}
    assert ("0.jpg" in found) is (neighbours > 0)
    if neighbours:
        assert (found["0.jpg"].looks_like, found["0.jpg"].neighbours, found["0.jpg"].of) == ("a", neighbours, 5)


def test_equal_similarities_go_by_name() -> None:
    """Five of eight equally close photos count: those of the first names."""
    embeddings = torch.cat([at(0), at(10).repeat(8, 1), at(90, 90.5)])
    labels = ["x", *"aaabbbbb", "x", "x"]
    first = ["query", *(f"{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8)), "y", "z"]
    last = ["query", *(f"{n}" for n in (6, 7, 8, 1, 2, 3, 4, 5)), "y", "z"]
    assert suspect_labels(embeddings, labels, first)[0].looks_like == "a"
    assert suspect_labels(embeddings, labels, last)[0].looks_like == "b"


def synthetic(*, seed: int) -> tuple[Tensor, np.ndarray]:
    """40 identities of 10 photos each, as clusters whose edges touch."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, 32))
    photos = centres.repeat(10, axis=0) + 0.7 * rng.standard_normal((400, 32))
    return torch.from_numpy(photos).float(), np.repeat(np.array([f"id{n:02}" for n in range(40)]), 10)


def test_flipped_labels_are_found() -> None:
    embeddings, identities = synthetic(seed=0)
    names = [f"photo {row}" for row in range(len(identities))]
    assert suspect_labels(embeddings, identities.tolist(), names) == ()
    labels, wrong = flipped(identities, share=0.1, seed=1)
    found = {each.photo: each for each in suspect_labels(embeddings, labels, names)}
    assert len(found.keys() & wrong) >= 38  # of 40
    assert len(found.keys() - wrong) <= 1
    right = dict(zip(names, identities, strict=True))
    assert all(found[name].looks_like == right[name] for name in found.keys() & wrong)


def test_order_threads_and_blocks_do_not_matter() -> None:
    embeddings, identities = synthetic(seed=2)
    embeddings[50:60] = embeddings[40:50]  # ties
    labels, _ = flipped(identities, share=0.1, seed=3)
    names = [f"photo {row}" for row in range(len(labels))]
    expected = suspect_labels(embeddings, labels, names)
    assert len(expected) > 20
    order = np.random.default_rng(4).permutation(len(labels))
    shuffled = ([each[row] for row in order] for each in (labels, names))
    assert suspect_labels(embeddings[torch.from_numpy(order)], *shuffled) == expected
    for block_size in (1, 7, 399, 4096):
        assert suspect_labels(embeddings, labels, names, block_size=block_size) == expected


def test_the_most_suspicious_come_first_and_no_more_than_fifty() -> None:
    embeddings, identities = synthetic(seed=5)
    labels, _ = flipped(identities, share=0.2, seed=6)
    found = suspect_labels(embeddings, labels, [f"photo {row}" for row in range(400)])
    gaps = [each.other_similarity - each.own_similarity for each in found]
    assert len(found) == 50
    assert gaps == sorted(gaps, reverse=True)


def test_suspect_labels_of_few_photos_is_empty_and_wrong_arguments_are_refused() -> None:
    assert suspect_labels(at(), [], []) == ()
    assert suspect_labels(at(0, 1), ["a", "b"], ["1", "2"]) == ()
    found = suspect_labels(at(0, 1, 90), ["a", "b", "a"], ["1", "2", "3"], neighbours=1)
    assert [(each.photo, each.of) for each in found] == [("1", 1), ("3", 1)]
    assert suspect_labels(at(0, 1, 90), ["a", "b", "a"], ["1", "2", "3"]) == ()  # of both others, half are not enough
    with pytest.raises(ValueError, match="3 embeddings, 2 identities and 3 names differ"):
        suspect_labels(at(0, 1, 2), ["a", "b"], ["1", "2", "3"])
    for wrong in ({"neighbours": 0}, {"block_size": 0}):
        with pytest.raises(ValueError, match="must be at least 1"):
            suspect_labels(at(0, 1, 2), ["a", "a", "b"], ["1", "2", "3"], **wrong)


@pytest.mark.skipif(not REAL_PHOTOS.exists(), reason=f"needs the photos of {REAL_PHOTOS.name}, which are not shipped")
def test_flipped_labels_of_real_photos_are_found() -> None:
    """Faces of cows by their 16 x 16 colours, which are nearly always enough to tell them apart in this set."""
    table = open_photos(REAL_PHOTOS)
    batches = load_pixels(table, ImageTransform(size=16), bad=[])
    pixels = torch.from_numpy(np.concatenate([batch.pixels for batch in batches]))
    colours = pixels.flatten(1).float()
    labels, wrong = flipped(np.array(table.identities), share=0.05, seed=0)
    names = [f"photo {row}" for row in range(len(table))]
    found = {each.photo for each in suspect_labels(colours - colours.mean(dim=1, keepdim=True), labels, names)}
    assert len(wrong) == 40
    assert len(found & wrong) >= 34
    assert len(found - wrong) <= 3
