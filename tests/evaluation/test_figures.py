"""Pictures by what their pixels say, and the figures behind them by value."""

import io

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from threadpoolctl import threadpool_limits
from torch import Tensor

from vicp.evaluation.plots.canvas import LINE, PALETTE, percent, words
from vicp.evaluation.plots.figures import (
    bar_range,
    plot_bars,
    plot_cmc,
    plot_identities,
    plot_roc,
    plot_similarities,
    true_at,
)
from vicp.evaluation.plots.identity_map import drawn_photos, heart, named_identities, place_photos
from vicp.evaluation.plots.similarities import similarity_shares
from vicp.evaluation.results import Estimate
from vicp.metrics import verification

FLAT = {"all": np.ones(20), "half": np.full(20, 0.5), "none": np.zeros(20)}
RATES = np.array([0.0, 1e-4, 1.0])


def pixels(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.info.get("Software"), image.convert("RGBA").getextrema()[3]) == (
        "PNG",
        None,
        (255, 255),
    )
    return np.asarray(image.convert("RGB"))


def where(picture: np.ndarray, colour: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels of exactly this colour."""
    return np.nonzero((picture == np.round(255 * np.array(to_rgb(colour)))).all(axis=-1))


def middle_row(picture: np.ndarray, colour: str) -> float:
    """The row of a flat line, read in the left half of the plot, away from the key."""
    return float(np.median(where(picture[:, 300:1000], colour)[0]))


def clustered(num: int, each: int, *, seed: int = 0) -> tuple[Tensor, list[str]]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(num, 32, generator=generator).repeat_interleave(each, 0)
    rows = torch.nn.functional.normalize(centres + 0.3 * torch.randn(num * each, 32, generator=generator), dim=1)
    return rows, [f"id{i // each:02d}" for i in range(num * each)]


def test_the_lines_of_cmc_lie_at_their_shares() -> None:
    picture = pixels(plot_cmc(FLAT))
    assert picture.shape == (1080, 2000, 3)
    top, middle, bottom = (middle_row(picture, colour) for colour in PALETTE[:3])
    assert bottom - top > 700
    assert middle == pytest.approx((top + bottom) / 2, abs=2)


def test_cmc_stops_at_twenty_and_zooms_in_on_high_shares() -> None:
    rising = np.linspace(0.9, 1, 100)
    assert plot_cmc({"a": rising}) == plot_cmc({"a": rising[:20]})
    assert plot_cmc({"a": rising}) != plot_cmc({"a": rising[:19]})
    rows = where(pixels(plot_cmc({"a": np.array([0.9, 1.0])}))[:, 200:1500], PALETTE[0])[0]
    assert np.ptp(rows) > 400  # 10 % are half of an axis from 80 %


def test_the_lines_of_roc_lie_at_their_rates() -> None:
    levels = {"all": 1.0, "half": 0.5, "none": 0.0}
    picture = pixels(plot_roc({name: (RATES, np.array([level] * 3)) for name, level in levels.items()}))
    top, middle, bottom = (middle_row(picture, colour) for colour in PALETTE[:3])
    assert bottom - top > 700
    assert middle == pytest.approx((top + bottom) / 2, abs=5)


def test_the_key_has_room_for_many_methods() -> None:
    names = [f"a method of a long name and number {i}" for i in range(9)]
    for draw, curve in ((plot_cmc, np.ones(3)), (plot_roc, (RATES, np.ones(3)))):
        picture = pixels(draw(dict.fromkeys(names, curve)))
        key = picture[:, 1300:]
        assert picture.shape[0] > 1080
        assert (key[-40:] == 255).all()  # nothing is cut off
        assert len(where(key, PALETTE[7])[0]) > 500
        assert np.ptp(where(picture[:, 150:400], "#c3c8ce")[0]) > 700  # the plot keeps its size


def test_roc_begins_where_its_pairs_begin_to_tell() -> None:
    few, many = (np.concatenate([[0.0], np.arange(1, n + 1) / n]) for n in (100, 10_000))
    picture = pixels(plot_roc({"few": (few, np.full(101, 0.5)), "many": (many, np.full(10_001, 0.9))}))[:, 200:1200]
    starts = [where(picture, colour)[1].min() for colour in PALETTE[:2]]
    assert starts[0] - starts[1] > 400  # 1 % is half way from 0.01 % to 100 %


def test_true_matches_at_a_rate_are_those_of_a_threshold_that_exists() -> None:
    rng = np.random.default_rng(0)
    found = verification(rng.normal(size=300) + 0.7 * (np.arange(300) < 80), np.arange(300) < 80)
    rates = np.array([0.0, 0.001, 0.01, 0.0999, 0.1, 0.5, 1.0])
    assert true_at(found.curve(), rates).tolist() == [found.tpr_at(rate) for rate in rates]


def test_true_at_equals_a_hand_made_curve() -> None:
    curve = (np.array([0.0, 0.0, 0.5, 1.0]), np.array([0.0, 0.4, 0.6, 1.0]))
    assert true_at(curve, np.array([0.0, 0.49, 0.5, 1.0])).tolist() == [0.4, 0.4, 0.6, 1.0]


def test_similarities_are_shares_of_their_own_kind() -> None:
    edges, same, different = similarity_shares(np.array([1.0, 0.99, 0.5]), np.array([0.0, 0.01, 0.011, 0.5]))
    np.testing.assert_allclose(edges, np.linspace(0, 1, 51))
    assert {i: round(v, 4) for i, v in enumerate(same) if v} == {25: 0.3333, 49: 0.6667}
    assert {i: v for i, v in enumerate(different) if v} == {0: 0.75, 25: 0.25}


def test_the_threshold_stands_between_what_it_parts() -> None:
    rng = np.random.default_rng(0)
    same, different = rng.uniform(0.6, 1.0, 400), rng.uniform(-0.2, 0.4, 900)
    plain, parted = (pixels(plot_similarities(same, different, threshold=t))[:1080] for t in (None, 0.5))
    right, left = (where(parted[:, 200:1370], colour)[1] for colour in PALETTE[:2])
    line = where(parted[100:900, 200:1370], "#1c2024")[1]
    assert np.ptp(line) < 8
    # 0.5 is in the middle of the empty space between 0.4 and 0.6; outlines run along its floor, so look at the bulk.
    assert np.quantile(left, 0.9) < line.min() < line.max() < np.quantile(right, 0.1)
    assert not len(where(plain[100:900, 200:1370], "#1c2024")[1])


def test_bars_are_as_long_as_their_values() -> None:
    data = plot_bars({"whole": Estimate(1.0), "half": Estimate(0.5), "no": Estimate(0.0)}, title="shares")
    rows, columns = where(pixels(data), PALETTE[5])
    lengths = np.bincount(rows)
    whole, half = lengths[lengths > 0].max(), lengths[lengths > 0].min()
    assert half / whole == pytest.approx(0.5, abs=0.005)
    assert whole > 1000
    assert len(columns) == pytest.approx(1.5 * whole * (lengths == whole).sum(), rel=0.02)


def test_an_interval_reaches_from_low_to_high() -> None:
    columns = where(pixels(plot_bars({"a": Estimate(1.0)}, title="t")), PALETTE[5])[1]
    left, right = columns.min(), columns.max()
    with_interval = pixels(plot_bars({"a": Estimate(1.0, 0.25, 0.75), "b": Estimate(1.0)}, title="t"))
    rows, columns = where(with_interval[:, left : right + 1], "#1c2024")
    across = columns[rows == np.bincount(rows).argmax()]
    assert (across.min() / (right - left), across.max() / (right - left)) == pytest.approx((0.25, 0.75), abs=0.01)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([0.2, 0.6], (0.0, 1.0)),
        ([0.1, 0.2], (0.0, 0.212)),
        ([-0.1, 0.3], (-0.124, 0.324)),
        ([0.0], (0.0, 0.06)),
        ([-0.5], (-0.53, 0.03)),
    ],
)
def test_the_axis_of_bars_holds_zero_and_every_end(ends: list[float], expected: tuple[float, float]) -> None:
    assert bar_range(ends) == pytest.approx(expected)


def test_places_keep_neighbours_and_do_not_depend_on_threads() -> None:
    rows, identities = clustered(20, 10)
    places = place_photos(rows, seed=1)
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.diag([np.inf] * 200)
    names = np.array(identities)
    assert (names[distances.argmin(axis=1)] == names).mean() == 1
    shapeless = torch.randn(300, 64, generator=torch.Generator().manual_seed(0))
    single, double = [], []
    for threads, found in ((1, single), (2, double)):
        with threadpool_limits(limits=threads):
            found.append(place_photos(shapeless, seed=1))
    assert np.array_equal(single, double)


def test_places_of_few_or_equal_photos() -> None:
    assert place_photos(clustered(5, 1)[0], seed=0).shape == (5, 2)
    assert place_photos(torch.ones(7, 4), seed=0).tolist() == [[0, 0]] * 7


def test_the_map_shows_at_most_two_thousand_photos() -> None:
    assert drawn_photos(2000, seed=0).tolist() == list(range(2000))
    drawn = drawn_photos(3000, seed=0)
    assert len(set(drawn.tolist())) == len(drawn) == 2000
    assert (np.diff(drawn) > 0).all()
    assert drawn.max() > 2000
    assert np.array_equal(drawn, drawn_photos(3000, seed=0))
    assert not np.array_equal(drawn, drawn_photos(3000, seed=1))


def test_the_twelve_with_the_most_photos_are_named() -> None:
    names = [f"n{i:02d}" for i in range(14)]
    assert named_identities([*names, "n13", "n13", "n05"]) == ["n13", "n05", *names[:5], *names[6:11]]


def test_the_heart_is_the_photo_at_the_median() -> None:
    assert heart(np.array([[0.0, 0], [1, 1], [50, 2], [1.5, 90], [-3, -3]])).tolist() == [1, 1]


def test_the_map_colours_twelve_identities_and_greys_the_rest() -> None:
    picture = pixels(plot_identities(*clustered(13, 4), seed=0))
    assert picture.shape == (1440, 2000, 3)
    assert all(len(where(picture, colour)[0]) > 500 for colour in PALETTE[:6])
    assert len(where(picture, LINE)[0]) > 100
    twelve = pixels(plot_identities(*clustered(12, 4), seed=0))
    assert len(where(twelve, LINE)[0]) == 0


def test_plots_draw_names_of_any_script() -> None:
    rows, _ = clustered(3, 4)
    for odd in ("$x", "a_$b$_\\", "猫", "\udcff", "_hidden", "", "x" * 400, "two\nlines"):
        plot_identities(rows, [odd] * 6 + ["other"] * 6, seed=0)
        plot_cmc({odd: np.array([0.5, 1.0])})
        plot_bars({odd: Estimate(0.5)}, title=odd)


def test_words_wraps_and_percent_rounds() -> None:
    assert words("one two three", 7) == "one two\nthree"
    assert words("a 猫 \udcff", 9) == "a □ □"
    assert words("a$b$") == r"a\$b\$"
    assert words("x" * 50, 10).split("\n") == ["x" * 10, "x" * 10, "x" * 9 + "…"]
    assert [percent(x) for x in (1e-4, 0.07, 0.2, 1, 0, -0.05)] == ["0.01 %", "7 %", "20 %", "100 %", "0 %", "−5 %"]


def test_plots_of_equal_input_are_equal_bytes() -> None:
    rows, identities = clustered(4, 5)
    roc = {"a": (np.array([0.0, 0.1, 1]), np.array([0.0, 0.8, 1]))}
    for draw in (
        lambda: plot_cmc(FLAT),
        lambda: plot_roc(roc),
        lambda: plot_similarities(np.array([0.9, 0.8]), np.array([0.1]), threshold=0.5),
        lambda: plot_identities(rows, identities, seed=3),
        lambda: plot_bars({"a": Estimate(0.5, 0.4, 0.6)}, title="t"),
    ):
        first = draw()
        assert first == draw()
        assert not any(word in first for word in (b"Software", b"matplotlib", b"tIME", b"tEXt"))


def test_plot_cmc_allows_the_rounding_of_means() -> None:
    curve = np.array([0.5, 0.5 - 1e-16, 1 + 2e-16])
    assert plot_cmc({"a": curve}) == plot_cmc({"a": np.array([0.5, 0.5, 1.0])})


def test_plots_refuse_curves_and_values_that_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="no curves to draw"):
        plot_cmc({})
    for bad in ([], [0.5, 0.4], [0.5, 1.1], [-0.1, 1], [np.nan, 1], [[0.5, 0.6]]):
        with pytest.raises(ValueError, match=r"does not ascend in \[0, 1\]"):
            plot_cmc({"a": np.array(bad)})
    with pytest.raises(ValueError, match="no curves to draw"):
        plot_roc({})
    with pytest.raises(ValueError, match="does not ascend"):
        plot_roc({"a": (np.array([0.0, 1]), np.array([1.0, 0]))})
    with pytest.raises(ValueError, match="0 same and 1 different pairs"):
        plot_similarities(np.array([]), np.array([0.1]), threshold=None)
    with pytest.raises(ValueError, match="all finite"):
        plot_similarities(np.array([np.nan]), np.array([0.1]), threshold=None)
    with pytest.raises(ValueError, match="0 values; expected at least one"):
        plot_bars({}, title="t")
    with pytest.raises(ValueError, match="all of them finite"):
        plot_bars({"a": Estimate(float("nan"))}, title="t")
    with pytest.raises(ValueError, match=r"embeddings are \(4, 32\); expected \(n, D\) with n >= 5"):
        plot_identities(*clustered(4, 1), seed=0)
    with pytest.raises(ValueError, match="5 embeddings and 2 identities"):
        plot_identities(torch.eye(5), ["a", "b"], seed=0)
    with pytest.raises(ValueError, match="not finite"):
        place_photos(torch.full((5, 2), torch.nan), seed=0)
