"""Probes show what they say; what a model of the background or of one side recognises is told from the rest."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from vicp.evaluation.diagnostics.perturbations import PROBES, Probe, chance_map, probe_pixels, probe_verdict, run_probes
from vicp.evaluation.results import Estimate
from vicp.evaluation.task import RetrievalTask
from vicp.metrics import retrieval

SIZE = 40
IDENTITIES = np.repeat(np.array([f"id{number}" for number in range(8)]), 4)


def scenes(*, seed: int, background: bool) -> Tensor:
    """Photos (32, 3, S, S) of eight identities, four each: the frame is the identity's own, or else the middle.

    Frame and middle are black and white blocks, the other of the two drawn anew for each photo; the right half is the
    negative of the left one's mirror image, so that all have the same mean colour. Grey lies between them, where the
    probes' ellipse has its rim.
    """
    rng = np.random.default_rng(seed)
    half = (8, 3, SIZE // 2, SIZE // 4)  # blocks of 2 x 2 pixels
    own, other = rng.integers(0, 2, half).repeat(4, axis=0), rng.integers(0, 2, (32, *half[1:]))
    frame, middle = (
        np.concatenate([left, 1 - left[..., ::-1]], axis=3).repeat(2, 2).repeat(2, 3) for left in (own, other)
    )
    frame, middle = (frame, middle) if background else (middle, frame)
    axis = np.abs((np.arange(SIZE) + 0.5) / SIZE - 0.5)  # in sides
    inside, outside = np.maximum.outer(axis, axis) < 0.25, np.hypot.outer(axis, axis) > 0.45
    photos = np.where(inside, 255 * middle, np.where(outside, 255 * frame, 128))
    return torch.from_numpy(photos.astype(np.uint8))


def flat(pixels: Tensor) -> Tensor:
    """A model whose embedding is the photo itself, less its mean."""
    rows = pixels.flatten(1).float()
    return rows - rows.mean(dim=1, keepdim=True)


def lookup(query: Tensor, gallery: Tensor, identities: np.ndarray, *, leave_one_out: bool) -> RetrievalTask:
    """Queries of the first of these identities."""
    own_rows = np.arange(len(query)) if leave_one_out else None
    return RetrievalTask(query, gallery, identities[: len(query)], identities[-len(gallery) :], own_rows=own_rows)


def probed(pixels: Tensor, *, leave_one_out: bool = True, seed: int = 3) -> dict[str, Estimate]:
    task = lookup(flat(pixels), flat(pixels), IDENTITIES, leave_one_out=leave_one_out)
    return run_probes(flat, pixels, task, seed=seed)


def test_probe_pixels_keeps_or_mirrors_the_photo() -> None:
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(probe_pixels(pixels, "as they are"), pixels)
    assert np.array_equal(probe_pixels(pixels, "mirrored").numpy(), pixels.numpy()[:, :, :, ::-1])


@pytest.mark.parametrize(("kind", "covered_is_inside"), [("background only", True), ("centre only", False)])
def test_what_is_covered_has_the_mean_colour_of_the_rest_which_is_untouched(
    kind: Probe, covered_is_inside: bool
) -> None:
    size = 100
    axis = (np.arange(size) + 0.5) / size - 0.5  # in sides
    distance = np.hypot(axis[:, None], axis[None, :])
    left, right = np.array([200, 40, 0]), np.array([100, 60, 250])
    photo = np.where(axis[None, :, None] < 0, left, right) * np.ones((size, 1, 1))  # two halves
    pixels = torch.from_numpy(photo.astype(np.uint8)).permute(2, 0, 1)[None]
    seen = probe_pixels(pixels, kind)[0].permute(1, 2, 0).numpy()
    inside, outside = distance < 0.4 * 0.92, distance > 0.4 * 1.08  # axes of 0.8 sides, and a soft rim
    covered, shown = (inside, outside) if covered_is_inside else (outside, inside)
    assert seen.dtype == np.uint8
    assert (seen[shown] == photo[shown]).all()
    assert (seen[covered] == [150, 50, 125]).all()
    rim = seen[~inside & ~outside].astype(int)
    assert len(np.unique(rim[:, 0])) > 20  # neither shown nor covered, but blended


def test_the_colour_of_what_is_covered_is_gone() -> None:
    pixels = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    pixels[:, :, 22:42, 22:42] = 240  # well inside the ellipse of pi (0.4 * 64)^2 pixels
    assert int(probe_pixels(pixels, "background only").max()) == 0
    seen = probe_pixels(pixels, "centre only")
    assert seen[0, 0, 32, 32].item() == 240
    assert seen[0, 0, 0, 0].item() == pytest.approx(240 * 400 / (np.pi * 25.6**2), abs=1)


@pytest.mark.parametrize("kind", PROBES)
def test_probe_pixels_of_a_photo_does_not_depend_on_the_batch(kind: Probe) -> None:
    pixels = scenes(seed=1, background=True)
    together = probe_pixels(pixels, kind)
    assert together.shape == pixels.shape
    assert torch.equal(together[5:6], probe_pixels(pixels[5:6], kind))


def test_probes_of_other_pixels_or_kinds_are_refused() -> None:
    for wrong in (torch.zeros(1, 3, 8, 8), torch.zeros(1, 8, 8, 3, dtype=torch.uint8)):
        with pytest.raises(ValueError, match="expected uint8"):
            probe_pixels(wrong, "mirrored")
    with pytest.raises(ValueError, match="no probe 'upside down', expected one of as they are, mirrored"):
        probe_pixels(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "upside down")  # type: ignore[arg-type]


@pytest.mark.parametrize("background", [True, False])
def test_run_probes_separates_background_from_centre(background: bool) -> None:
    pixels = scenes(seed=0, background=background)
    found = probed(pixels)
    chance = chance_map(lookup(flat(pixels), flat(pixels), IDENTITIES, leave_one_out=True))
    kept, lost = ("background only", "centre only") if background else ("centre only", "background only")
    assert list(found) == list(PROBES)
    assert found["as they are"].value == pytest.approx(1, abs=0.02)
    assert found[kept].value > 0.9
    assert found[lost].value < 0.5
    verdict = probe_verdict(found, chance=chance)
    assert f": {'much' if background else 'little'} of what is recognised is the background" in verdict
    assert "the two sides look different" in verdict  # nothing of such a photo survives its turning


def test_a_photo_itself_is_no_answer_however_it_is_changed() -> None:
    noise = torch.randint(0, 256, (32, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    without, within = probed(noise), probed(noise, leave_one_out=False)
    for kind in ("as they are", "background only", "centre only"):
        assert without[kind].value < 0.3  # only its own photo looks like a photo of noise
        assert within[kind].value > without[kind].value + 0.2


def test_queries_as_they_are_give_the_retrieval_of_the_gallery() -> None:
    pixels = scenes(seed=4, background=False)
    rows = flat(pixels)
    expected = retrieval(rows, rows, IDENTITIES, IDENTITIES, leave_one_out=True)
    assert probed(pixels)["as they are"].value == expected.map


def test_intervals_hold_the_value_and_come_from_the_seed() -> None:
    pixels = scenes(seed=2, background=True)
    found = probed(pixels)
    assert found == probed(pixels)
    for estimate in found.values():
        assert estimate.low is not None
        assert estimate.high is not None
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    other_seed = probed(pixels, seed=4)
    assert other_seed["centre only"].low != found["centre only"].low


def test_one_identity_has_no_interval_and_none_no_value() -> None:
    pixels, rows = scenes(seed=2, background=True), flat(scenes(seed=2, background=True))
    found = run_probes(flat, pixels[:4], lookup(rows[:4], rows, IDENTITIES, leave_one_out=False), seed=0)
    assert found["mirrored"].low is None
    with pytest.raises(ValueError, match="no query has an answer"):
        run_probes(flat, pixels[:4], lookup(rows[:4], rows[4:], IDENTITIES, leave_one_out=False), seed=0)


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_chance_is_the_mean_over_all_orders(leave_one_out: bool) -> None:
    gallery = np.array(list("aaabbc"))
    query = gallery if leave_one_out else np.array(list("abz"))
    expected = []
    for number, identity in enumerate(query):
        rows = np.delete(gallery, number) if leave_one_out else gallery
        if identity not in rows:
            continue
        for order in itertools.permutations(rows == identity):
            right = np.flatnonzero(order)
            expected.append((number, np.mean((np.arange(len(right)) + 1) / (right + 1))))
    means = [np.mean([ap for q, ap in expected if q == number]) for number in {q for q, _ in expected}]
    rows = torch.ones(len(query), 1), torch.ones(len(gallery), 1)
    task = RetrievalTask(*rows, query, gallery, own_rows=np.arange(len(query)) if leave_one_out else None)
    assert chance_map(task) == pytest.approx(np.mean(means), abs=1e-12)


def test_chance_map_refuses_queries_without_an_answer() -> None:
    with pytest.raises(ValueError, match="no query has an answer"):
        chance_map(lookup(torch.ones(2, 1), torch.ones(2, 1), np.array(["a", "b"]), leave_one_out=True))


def estimates(whole: float, background: float, mirrored: float, half: float | None = 0.02) -> dict[str, Estimate]:
    values = {"as they are": whole, "mirrored": mirrored, "background only": background, "centre only": whole}
    if half is None:
        return {kind: Estimate(value) for kind, value in values.items()}
    return {kind: Estimate(value, value - half, value + half) for kind, value in values.items()}


@pytest.mark.parametrize(
    ("found", "chance", "verdict"),
    [
        (
            estimates(0.5, 0.31, 0.5),
            None,
            "Background alone keeps 62 % of the mAP (31.0 of 50.0): much of what is recognised is the background.",
        ),
        (
            estimates(0.5, 0.31, 0.48),
            0.25,  # above it, 6 of 25 are kept
            "Background alone keeps 62 % of the mAP (31.0 of 50.0, chance alone gives 25.0): "
            "little of what is recognised is the background.",
        ),
        (
            estimates(0.5, 0.15, 0.19),
            None,
            "Background alone keeps 30 % of the mAP (15.0 of 50.0): "
            "some of what is recognised is the background."
            " Mirrored queries lose 31 mAP: the two sides look different to the model.",
        ),
        (
            estimates(0.5, 0.2, 0.5, half=0.15),
            None,
            "Background alone keeps 40 % of the mAP (20.0 of 50.0): "
            "with so few identities it is open how much of what is recognised is the background.",
        ),
        (
            estimates(0.04, 0.04, 0.04),
            0.05,
            "Photos as they are reach 4.0 mAP, not above chance (5.0): nothing is recognised that could be probed.",
        ),
        (
            estimates(0.0, 0.0, 0.0),
            None,
            "Photos as they are reach 0.0 mAP: nothing is recognised that could be probed.",
        ),
    ],
)
def test_probe_verdict_follows_the_estimates(found: dict[str, Estimate], chance: float | None, verdict: str) -> None:
    assert probe_verdict(found, chance=chance) == verdict


def test_a_loss_that_could_be_chance_is_not_mentioned() -> None:
    assert "Mirrored" in probe_verdict(estimates(0.5, 0.1, 0.45))  # intervals of 0.02 either way
    assert "Mirrored" not in probe_verdict(estimates(0.5, 0.1, 0.47))
    assert "Mirrored" not in probe_verdict(estimates(0.5, 0.1, 0.2, half=None))
