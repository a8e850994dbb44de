"""The pictures that compare methods: CMC and ROC of each method's best row, as means over categories."""

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


def plot_curves(marked: Mapping[str, Sequence[ScoredResult]]) -> dict[str, bytes]:
    """Pictures by caption; of the first eight methods, each with the adaptation of highest mAP."""
    best = {method: best_row(exams) for method, exams in list(marked.items())[:_MOST]}
    cmc = {f"{name}, {row}": cmc_curve(marked[name], row) for name, row in best.items()}
    pictures = {"How often the right individual is among the first photos (CMC).": plot_cmc(cmc)}
    roc = {f"{name}, {row}": roc_curve(marked[name], row) for name, row in best.items() if has_pairs(marked[name], row)}
    if roc:
        caption = "How many same-pairs are recognised at each rate of false matches (ROC)."
        pictures[caption] = plot_roc({name: (_RATES, curve) for name, curve in roc.items()})
    return pictures


def best_row(marked: Sequence[ScoredResult]) -> str:
    """The adaptation of highest mAP; second stages, which score no pairs, are passed over."""
    rows = [row for row in marked[0].samples if " + " not in row and all(row in each.samples for each in marked)]
    return max(rows, key=lambda row: np.mean([each.samples[row]["map"].value for each in marked]))


def cmc_curve(marked: Sequence[ScoredResult], row: str) -> Floats:
    """Share of queries found within the first k, (20,), mean over draws and categories."""
    curves = [np.mean([a.found.cmc(_RANKS) for a in _answers(each, row)], axis=0) for each in marked]
    mean: Floats = np.mean(curves, axis=0)
    return mean


def has_pairs(marked: Sequence[ScoredResult], row: str) -> bool:
    """Whether every category has verification pairs."""
    return all(len(a.pair_scores) for each in marked for a in _answers(each, row))


def roc_curve(marked: Sequence[ScoredResult], row: str) -> Floats:
    """True matches at fixed rates of false ones, (202,), mean over draws and categories."""
    found = []
    for each in marked:
        same = each.sitting.left == each.sitting.right
        for answer in _answers(each, row):
            found.append(true_at(verification(answer.pair_scores, same).curve(), _RATES))
    mean: Floats = np.mean(found, axis=0)
    return mean


def _answers(marked: ScoredResult, row: str) -> tuple[TaskResult, ...]:
    return marked.sheet.answers[row]
