"""The verdict on a context follows the paired interval of its difference from the best control."""

import numpy as np
import pytest

from vicp.evaluation.context_report import context_verdict, own_leads, summarise_contexts
from vicp.evaluation.estimates import Sample
from vicp.evaluation.results import Estimate


@pytest.mark.parametrize(
    ("own", "gap", "verdict"),
    [
        (0.41, Estimate(0.061, 0.05, 0.074), "adds 6.1 ± 1.2 mAP over the best alternative (own 41.0, null 34.9)."),
        (0.35, Estimate(0.001, -0.02, 0.02), "does nothing here: 0.1 ± 2.0 mAP from the best alternative "
         "(own 35.0, null 34.9)."),
        (0.30, Estimate(-0.049, -0.06, -0.04), "hurts: 4.9 ± 1.0 mAP below the best alternative "
         "(own 30.0, null 34.9)."),
        (0.349, Estimate(-0.0003, -0.0005, -0.0001), "does nothing here: 0.0 ± 0.0 mAP from the best alternative "
         "(own 34.9, null 34.9)."),
        (0.349, Estimate(0.0003, 0.0001, 0.0005), "does nothing here: 0.0 ± 0.0 mAP from the best alternative "
         "(own 34.9, null 34.9)."),
    ],
)  # fmt: skip
def test_context_verdict_follows_the_interval_of_the_best_control(own: float, gap: Estimate, verdict: str) -> None:
    rows = {"own": Estimate(own), "null": Estimate(0.349), "other": Estimate(0.2)}
    differences = {"null": gap, "other": Estimate(own - 0.2, 0.0, 0.9), "metric": Estimate(-0.5, -0.6, -0.4)}
    assert context_verdict(rows, differences) == f"The context {verdict}"


def test_context_verdict_without_a_control_says_so() -> None:
    verdict = context_verdict({"own": Estimate(0.5)}, {"frozen": Estimate(0.1, 0.0, 0.2)})
    assert verdict == "Whether the context helps was not measured: there is nothing to compare it with."


def test_summarise_contexts_pairs_the_resamples() -> None:
    """Own leads by two points in every resample, although each interval alone is forty points wide."""
    spread = np.linspace(0.3, 0.7, 1001)
    samples = {"frozen": Sample(0.4, spread - 0.1), "null": Sample(0.48, spread - 0.02), "own": Sample(0.5, spread)}
    summary = summarise_contexts(samples)
    assert list(summary.rows) == ["own", "null", "frozen"]
    assert summary.rows["own"].low == pytest.approx(0.31)
    assert summary.rows["own"].high == pytest.approx(0.69)
    gap = summary.differences["null"]
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.02, 0.02, 0.02))
    assert summary.verdict == (
        "The context adds 2.0 ± 0.0 mAP over the best alternative (own 50.0, null 48.0; plain backbone 40.0)."
    )
    assert own_leads(summary)
    assert not own_leads(summarise_contexts({**samples, "other": Sample(0.51, spread)}))
