import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.backbone.scores import PhotoSet, retrieval, same_pairs, score


def photos(identities: list[int], frames: list[int] | None = None, burst: int = 0) -> PhotoSet:
    num = len(identities)
    return PhotoSet(
        torch.zeros(num, 3, 1, 1, dtype=torch.uint8),
        torch.tensor(identities),
        torch.tensor(frames or [0] * num),
        burst,
    )


def at_angles(*degrees: float) -> torch.Tensor:
    radians = torch.tensor(degrees).deg2rad()
    return torch.stack([radians.cos(), radians.sin()], dim=1)


def test_every_photo_is_looked_up_among_all_others() -> None:
    # 0 degrees finds the other of its identity second, 5 finds it first, 3 asks for the last.
    found = retrieval(at_angles(0, 10, 3, 40), photos([0, 0, 1, 1]), torch.arange(4))
    assert found[0] == pytest.approx(100 * np.mean([1 / 2, 1 / 2, 1 / 3, 1 / 2]))
    assert found[1] == 0


def test_frames_of_one_encounter_are_not_looked_up_for_each_other() -> None:
    embeddings = at_angles(0, 1, 30, 20)
    near = photos([0, 0, 0, 1], frames=[1, 4, 100, 50], burst=5)
    # of 0 and 1, the third photo (30 degrees) comes after the stranger's at 20
    precision, first = retrieval(embeddings, near, torch.arange(4))
    assert precision == pytest.approx(100 * np.mean([1 / 2, 1 / 2, (1 / 2 + 2 / 3) / 2]))
    assert first == 0
    without = photos([0, 0, 0, 1], frames=[1, 4, 100, 50])
    assert retrieval(embeddings, without, torch.arange(4))[1] == pytest.approx(100 * 2 / 3)


def test_a_photo_without_another_of_its_identity_asks_nothing() -> None:
    assert retrieval(at_angles(0, 1, 50), photos([0, 0, 1]), torch.arange(3)) == (100, 100)


def test_same_pairs_are_of_one_identity_and_differ() -> None:
    identities = np.repeat(np.arange(6), 4)
    pairs = same_pairs(identities, 20, np.random.default_rng(0))
    assert pairs.shape == (20, 2)
    assert (identities[pairs[:, 0]] == identities[pairs[:, 1]]).all()
    assert len({tuple(pair) for pair in pairs.tolist()}) == 20


def test_pairs_whiten_away_what_differs_within_identities() -> None:
    draw = torch.Generator().manual_seed(0)
    centres = torch.randn(30, 6, generator=draw)
    identities = torch.arange(30).repeat_interleave(6)
    noise = torch.randn(180, 2, generator=draw) * 4
    features = F.normalize(torch.cat([centres[identities], noise], dim=1), dim=1)
    found = score(features, photos(identities.tolist()), draws=2)
    assert found["pairs64"] > found["frozen"] + 20
