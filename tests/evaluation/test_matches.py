"""Which patches are joined, and that the lines run between their centres."""

import colorsys

import numpy as np
import pytest

from vicp.evaluation.plots.matches import plot_matches, strongest_matches

GREY = np.full((32, 32, 3), 128, dtype=np.uint8)
CLEAR = (0, 0, 0, 0)


def plan_of(pairs: dict[tuple[int, int], float], patches: int = 16) -> np.ndarray:
    plan = np.zeros((patches, patches))
    for pair, weight in pairs.items():
        plan[pair] = weight
    return plan


def hue(pixel: tuple[int, ...]) -> float:
    return colorsys.rgb_to_hsv(*(value / 255 for value in pixel[:3]))[0]


def test_a_line_joins_the_centres_of_the_matched_patches():
    # Grid 4x4, photos of 320 pixels, gap 24: patch 4 is row 1, column 0; patch 15 is row 3, column 3.
    picture = plot_matches(GREY, GREY, plan_of({(4, 15): 0.5}), (4, 4))
    start, end = np.array([40, 120]), np.array([320 + 24 + 280, 280])
    assert picture.size == (664, 320)
    for share in (0, 0.3, 0.5, 0.8, 1):
        x, y = np.round(start + share * (end - start)).astype(int).tolist()
        red, green, blue, alpha = picture.getpixel((x, y))
        assert (red > 220, green < 90, blue < 90, alpha) == (True, True, True, 255), share
    assert picture.getpixel((40, 280)) == (128, 128, 128, 255)  # the mirrored start
    assert picture.getpixel((624, 120)) == (128, 128, 128, 255)
    assert picture.getpixel((332, 20)) == CLEAR  # between the photos, away from the line


def test_colours_go_round_with_the_strength():
    plan = plan_of({(0, 0): 0.5, (7, 7): 0.3, (12, 12): 0.2})
    picture = plot_matches(GREY, GREY, plan, (4, 4))
    found = [hue(picture.getpixel(centre)) for centre in ((40, 40), (280, 120), (40, 280))]
    assert found == pytest.approx([0, 1 / 3, 2 / 3], abs=0.01)


def test_the_circles_are_antialiased():
    picture = np.asarray(plot_matches(GREY, GREY, plan_of({(5, 5): 1.0}), (4, 4)).convert("L"))
    assert len(np.unique(picture[105:135, 100:140])) > 6


def test_a_rectangular_grid_has_its_own_centres():
    picture = plot_matches(GREY, GREY, plan_of({(3, 3): 1.0}, 8), (2, 4), photo_size=160)
    assert picture.size == (344, 160)
    assert hue(picture.getpixel((140, 40))) == pytest.approx(0, abs=0.01)


def test_mutual_matches_come_before_heavier_one_sided_ones():
    # Left 0 prefers right 0, which prefers left 1: one-sided, though heavier than the mutual 10 and 5.
    plan = plan_of({(0, 0): 0.30, (1, 0): 0.40, (10, 5): 0.20})
    assert strongest_matches(plan, (4, 4), num=3)[:2] == [(1, 0), (10, 5)]


def test_no_patch_has_two_lines():
    plan = np.full((16, 16), 0.001)
    plan[:, 3] = 0.06
    assert strongest_matches(plan, (4, 4), num=14) == [(0, 3)]


def test_strongest_matches_are_spread_before_close_ones_are_taken():
    plan = np.eye(64) * np.linspace(1, 0.5, 64)[:, None]  # the strongest are neighbours in the first row
    matches = strongest_matches(plan, (8, 8), num=4)
    assert matches == [(0, 0), (3, 3), (6, 6), (24, 24)]
    assert len(strongest_matches(plan, (8, 8), num=64)) == 64


def test_only_foreground_patches_are_joined():
    left, right = np.zeros(16, bool), np.ones(16, bool)
    left[[2, 9]] = True
    right[9] = False
    assert strongest_matches(np.eye(16), (4, 4), num=5, foreground=(left, right)) == [(2, 2)]


def test_plot_matches_without_foreground_leaves_the_photos_unchanged():
    picture = plot_matches(GREY, GREY, np.zeros((16, 16)), (4, 4))
    assert set(picture.getcolors()) == {(24 * 320, CLEAR), (2 * 320 * 320, (128, 128, 128, 255))}


def test_strongest_matches_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"plan is \(16, 16\); expected finite \(12, 12\) for grid \(3, 4\)"):
        plot_matches(GREY, GREY, np.eye(16), (3, 4))
    with pytest.raises(ValueError, match="expected finite"):
        strongest_matches(np.full((4, 4), np.nan), (2, 2), num=1)
    with pytest.raises(ValueError, match=r"expected uint8 \(S, S, 3\)"):
        plot_matches(GREY / 255, GREY, np.eye(16), (4, 4))
    with pytest.raises(ValueError, match="foreground masks"):
        strongest_matches(np.eye(4), (2, 2), num=1, foreground=(np.ones(4, bool), np.ones(3, bool)))
