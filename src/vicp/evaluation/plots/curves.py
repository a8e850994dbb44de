"""CMC and ROC plots of each method's best row, as means over categories."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vicp.evaluation.plots.figures import plot_cmc, plot_roc, true_at
from vicp.evaluation.scoring import TaskResult
from vicp.evaluation.summary import ScoredResult
from vicp.metrics import verification

_RANKS, _MOST = 20, 8
_RATES = np.concatenate([[0.0], np.logspace(-4, 0, 201)])
Floats = NDArray[np.float64]


def plot_curves(scored: Mapping[str, Sequence[ScoredResult]]) -> dict[str, bytes]:
    """Return pictures by caption, of the first eight methods, each with the adaptation of highest mAP."""
    best = {method: best_row(tasks) for method, tasks in list(scored.items())[:_MOST]}
    cmc = {f"{name}, {row}": cmc_curve(scored[name], row) for name, row in best.items()}
    pictures = {"How often the right individual is among the first photos (CMC).": plot_cmc(cmc)}
    roc = {f"{name}, {row}": roc_curve(scored[name], row) for name, row in best.items() if has_pairs(scored[name], row)}
    if roc:
        caption = "How many same-pairs are recognised at each rate of false matches (ROC)."
        pictures[caption] = plot_roc({name: (_RATES, curve) for name, curve in roc.items()})
    return pictures


def best_row(scored: Sequence[ScoredResult]) -> str:
    """Return the adaptation of highest mAP; second stages, which score no pairs, are passed over."""
    rows = [row for row in scored[0].samples if " + " not in row and all(row in each.samples for each in scored)]
    return max(rows, key=lambda row: np.mean([each.samples[row]["map"].value for each in scored]))


def cmc_curve(scored: Sequence[ScoredResult], row: str) -> Floats:
    """Return the share of queries with a right photo within the first k, (20,), mean over draws and categories."""
    curves = [np.mean([a.retrieval.cmc(_RANKS) for a in _results(each, row)], axis=0) for each in scored]
    mean: Floats = np.mean(curves, axis=0)
    return mean


def has_pairs(scored: Sequence[ScoredResult], row: str) -> bool:
    """Return whether every category has verification pairs."""
    return all(len(a.pair_scores) for each in scored for a in _results(each, row))


def roc_curve(scored: Sequence[ScoredResult], row: str) -> Floats:
    """Return the rates of true matches at fixed rates of false ones, (202,), mean over draws and categories."""
    curves = []
    for each in scored:
        same = each.units.left == each.units.right
        for result in _results(each, row):
            curves.append(true_at(verification(result.pair_scores, same).curve(), _RATES))
    mean: Floats = np.mean(curves, axis=0)
    return mean


def _results(scored: ScoredResult, row: str) -> tuple[TaskResult, ...]:
    return scored.method_result.results[row]
