import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.backbone.scores import PhotoSet, leave_one_out, same_pairs, score


def photos(identities: list[int], encounters: list[int] | None = None) -> PhotoSet:
    num = len(identities)
    pixels = torch.zeros(num, 3, 1, 1, dtype=torch.uint8)
    return PhotoSet(pixels, np.array(identities), np.array(encounters or range(num)))


def at_angles(*degrees: float) -> torch.Tensor:
    radians = torch.tensor(degrees).deg2rad()
    return torch.stack([radians.cos(), radians.sin()], dim=1)


def test_every_photo_is_looked_up_among_all_others() -> None:
    found = leave_one_out(at_angles(0, 10, 3, 40), photos([0, 0, 1, 1]), np.arange(4))
    assert found.map == pytest.approx(np.mean([1 / 2, 1 / 2, 1 / 3, 1 / 2]))
    assert found.rank1 == 0


def test_frames_of_one_encounter_are_not_looked_up_for_each_other() -> None:
    embeddings = at_angles(0, 1, 30, 20)
    found = leave_one_out(embeddings, photos([0, 0, 0, 1], [0, 0, 2, 1]), np.arange(4))
    assert found.map == pytest.approx(np.mean([1 / 2, 1 / 2, (1 / 2 + 2 / 3) / 2]))
    assert found.rank1 == 0
    assert leave_one_out(embeddings, photos([0, 0, 0, 1]), np.arange(4)).rank1 == pytest.approx(2 / 3)


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
