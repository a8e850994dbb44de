import torch

from vicp.gallery.identify import rank_identities


def unit(*degrees: float) -> torch.Tensor:
    angles = torch.tensor(degrees).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_an_identity_is_as_close_as_its_closest_photo() -> None:
    gallery = unit(0, 90, 10, 40)
    ranked = rank_identities(unit(12), gallery, ["a", "a", "b", "c"], top=3)[0]
    assert [c.identity for c in ranked] == ["b", "a", "c"]
    assert [c.photo for c in ranked] == [2, 0, 3]
    assert ranked[0].similarity == torch.tensor(2.0).deg2rad().cos().item()


def test_no_more_identities_than_there_are() -> None:
    assert len(rank_identities(unit(0), unit(0, 5), ["a", "a"], top=5)[0]) == 1
