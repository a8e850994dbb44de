"""Rows of the results of a method: by category, their means, and the context report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.context_report import summarise_contexts
from vicp.evaluation.estimates import (
    PER_SIDE,
    ResamplingUnits,
    Sample,
    estimate_all,
    estimate_by_side,
    estimate_map,
    mean_of,
)
from vicp.evaluation.result_cache import CONTROL_ROWS, MethodResult, control_row
from vicp.evaluation.results import CONTEXT_ROWS, ContextSummary, Estimate, Row
from vicp.evaluation.task import EvaluationTask

_SOURCES = {
    "own": "generated",
    "static": "static",
    "frozen": "null",
    "metric": "metric",
    "verifier": "generated + verifier",
} | {name: control_row(name) for name in CONTROL_ROWS}
_HIDDEN = tuple(map(control_row, CONTROL_ROWS))


@dataclass(frozen=True, eq=False)
class ScoredResult:
    """The result of a method on a task, and the samples of every row.

    Attributes:
        task: The task.
        units: What the bootstrap resamples.
        method_result: The result.
        samples: By row and metric.
        contexts: mAP by the keys of CONTEXT_ROWS.
        by_side: mAP and rank-1 by row, side and metric; empty where no query's side is known.
    """

    task: EvaluationTask
    units: ResamplingUnits
    method_result: MethodResult
    samples: Mapping[str, Mapping[str, Sample]]
    contexts: Mapping[str, Sample]
    by_side: Mapping[str, Mapping[str, Mapping[str, Sample]]]


def summarise(task: EvaluationTask, units: ResamplingUnits, method_result: MethodResult) -> ScoredResult:
    """Return the samples of all rows of a result."""
    shown = {row: found for row, found in method_result.results.items() if row not in _HIDDEN}
    contexts = {name: method_result.results[row] for name, row in _SOURCES.items() if row in method_result.results}
    return ScoredResult(
        task,
        units,
        method_result,
        {row: estimate_all(results, _asked(row, units)) for row, results in shown.items()},
        {name: estimate_map(results, units) for name, results in contexts.items()},
        {}
        if task.sides is None
        else {row: estimate_by_side(results, units, task.sides[task.query]) for row, results in shown.items()},
    )


def _asked(row: str, units: ResamplingUnits) -> ResamplingUnits:
    """Return a second stage orders photos anew, but has no scores that could tell known from new."""
    return replace(units, open_set=False) if " + " in row else units


def method_rows(method: str, config: EvaluationConfig, scored: Sequence[ScoredResult]) -> list[Row]:
    """Return the rows of a method: for each adaptation and second stage the means, then every category."""
    rows = []
    for name in dict.fromkeys(row for each in scored for row in each.samples):
        having = [each for each in scored if name in each.samples]

        def row(category: str, part: Sequence[ScoredResult], name: str = name) -> Row:
            return _row(method, config, category, name, part)

        rows.append(row("mean", having))
        rows += [row(f"mean of fold {fold}", part) for fold, part in _folds(having)]
        rows += [row(f"mean of {kind}", part) for kind, part in _seen_and_unseen(having, config.unseen) if part]
        rows += [row(each.task.category, [each]) for each in having]
    return rows


def _seen_and_unseen(
    scored: Sequence[ScoredResult], unseen: Sequence[str]
) -> tuple[tuple[str, list[ScoredResult]], ...]:
    """Return the results on categories that no method was trained on, and on the others; nothing if none is named."""
    if not unseen:
        return ()
    return (
        ("unseen categories", [each for each in scored if each.task.category in unseen]),
        ("seen categories", [each for each in scored if each.task.category not in unseen]),
    )


def _folds(scored: Sequence[ScoredResult]) -> list[tuple[str, list[ScoredResult]]]:
    folds = sorted({each.task.fold for each in scored if each.task.fold})
    return [(fold, [each for each in scored if each.task.fold == fold]) for fold in folds]


def _row(method: str, config: EvaluationConfig, category: str, name: str, part: Sequence[ScoredResult]) -> Row:
    metrics = [key for key in part[0].samples[name] if all(key in each.samples[name] for each in part)]
    values = {key: mean_of([each.samples[name][key] for each in part]) for key in metrics}
    reads_pairs = name.split(" + ")[0] not in ("null", "static")
    chosen: Counter[str] = Counter()
    for each in part if name == "auto" else ():
        chosen.update(each.method_result.chosen)
    return Row(
        method=method,
        adaptation=name,
        protocol=config.protocol.name,
        category=category,
        variant=part[0].task.variant if len(part) == 1 else "",
        values={key: sample.estimate() for key, sample in values.items()},
        num_queries=sum(int((each.method_result.results[name][0].retrieval.first_hit > 0).sum()) for each in part),
        num_gallery=sum(len(each.task.gallery) for each in part),
        num_identities=sum(len(set(each.units.identities.tolist())) for each in part),
        num_pairs=max(each.method_result.num_pairs for each in part) if reads_pairs else 0,
        num_draws=config.num_draws if reads_pairs else 1,
        seconds=sum(each.method_result.seconds.get(name, 0.0) for each in part),
        chosen=dict(chosen),
        context=_context(part) if name == "generated" else None,
        paper={},
        sides=_sides(name, part),
    )


def _sides(name: str, part: Sequence[ScoredResult]) -> dict[str, dict[str, Estimate]]:
    """Return mAP and rank-1 of a row by side, means over the categories that show it."""
    found = [each.by_side.get(name, {}) for each in part]
    names = sorted({side for each in found for side in each})
    return {
        side: {key: mean_of([each[side][key] for each in found if side in each]).estimate() for key in PER_SIDE}
        for side in names
    }


def _context(part: Sequence[ScoredResult]) -> ContextSummary:
    names = [name for name in CONTEXT_ROWS if all(name in each.contexts for each in part)]
    cosines = {name for each in part for name in each.method_result.cosines}
    majority_rate = [share for each in part for share in each.method_result.majority_rate]
    return summarise_contexts(
        {name: mean_of([each.contexts[name] for each in part]) for name in names},
        prompt_cosine={
            name: _mean([each.method_result.cosines.get(name) for each in part]) for name in sorted(cosines)
        },
        label_accuracy=_label_accuracy(part),
        majority_rate=_mean(majority_rate) if majority_rate else None,
    )


def _label_accuracy(part: Sequence[ScoredResult]) -> Estimate | None:
    """Return the mean over categories and draws, with a normal-approximation interval over several draws."""
    values = np.array([value for each in part for value in each.method_result.label_accuracy])
    if not len(values):
        return None
    if len(values) < 3:
        return Estimate(float(values.mean()))
    half = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(float(values.mean()), max(float(values.mean()) - half, 0.0), min(float(values.mean()) + half, 1.0))


def _mean(values: Sequence[float | None]) -> float:
    """Return the mean of the values that are not NaN; NaN where there is none."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else float("nan")
