"""False-match rates are kept: on simulated individuals, whose truth is known, and on real ones where they are there.

`benchmarks/decisions/run.py` does the same a thousand times a row.
"""

from pathlib import Path

import pytest
from scipy import stats

from benchmarks.decisions import real_sets, simulated
from benchmarks.lib.embedded_sets import embedded

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
CONFIDENCE = 0.9


def check_held(row: dict) -> None:
    """No evidence, at one in ten thousand, that the rate holds in a smaller share of draws than the confidence."""
    p = stats.binom.cdf(row["num_held"], row["num_draws"], row["share_promised"])
    assert p > 1e-4, row


@pytest.mark.parametrize("world", ["sphere", "twins", "families", "wolves"])
def test_the_rate_of_a_search_holds_in_the_wanted_share_of_draws(world: str) -> None:
    row = simulated.simulate(world, 60, 0.1, None, CONFIDENCE, 80, 1)
    check_held(row)
    assert 0.01 < row["rate_achieved"]["mean"] < 0.06  # 2 / 60, neither broken nor bought with silence


def test_the_check_would_notice_searches_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if n identities were n independent searches: look-alikes that find each other then exceed the rate."""
    monkeypatch.setattr("vicp.decisions.impostor_searches.num_independent", lambda pairs, candidates: 2 * pairs)
    row = simulated.simulate("twins", 30, 0.1, None, CONFIDENCE, 250, 1)
    with pytest.raises(AssertionError):
        check_held(row)


@pytest.mark.parametrize("candidates", [1, 8])
def test_so_does_the_rate_of_a_pair_and_of_few_candidates(candidates: int) -> None:
    check_held(simulated.simulate("families", 60, 0.1, candidates, CONFIDENCE, 80, 2))


def test_real_individuals(tmp_path: Path) -> None:
    table = DATA / "lego_minifig.parquet"
    if not table.exists():
        pytest.skip("needs the photo set lego_minifig.parquet, which is not part of the project")
    photos = embedded(table, tmp_path)
    row = real_sets.gather(
        {method: real_sets.measure(photos, method, CONFIDENCE, 20, 0) for method in real_sets.METHODS}
    )
    check_held(row)
    assert row["individuals"] == 6
    assert row["missing_for"]["0.01"] > row["missing_for"]["0.05"] > 0
