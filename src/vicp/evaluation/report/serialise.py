"""report.json of `vicp evaluate`: every number as a fraction, no pictures."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vicp.evaluation.report.tables import headline
from vicp.evaluation.results import METRICS, ContextSummary, Diagnosis, Estimate, Evaluation, Row

ALWAYS = ("map", "rank1", "rank5", "auc", "acc")
"""Metrics whose key every row has, null where the protocol has none."""


def evaluation_dict(evaluation: Evaluation) -> dict[str, Any]:
    """Return what report.json holds; `verdict` comes first."""
    return {
        "verdict": headline(evaluation),
        "unit": "fraction",
        "protocol": {"name": evaluation.protocol, "sentence": evaluation.protocol_sentence},
        "rows": [_row(row) for row in evaluation.rows],
        "diagnoses": [_diagnosis(diagnosis) for diagnosis in evaluation.diagnoses],
        "source": evaluation.source,
        "command": evaluation.command,
        "seed": evaluation.seed,
        "draws": evaluation.num_draws,
        "methods": dict(evaluation.methods),
        "seconds": evaluation.seconds,
        "skipped": list(evaluation.skipped),
    }


def estimates_dict(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]]:
    """Return the mAP and the ends of its interval, by name."""
    return {name: {"map": each.value, "low": each.low, "high": each.high} for name, each in estimates.items()}


def _row(row: Row) -> dict[str, Any]:
    facts = {name: getattr(row, name) for name in ("method", "adaptation", "protocol", "category", "variant")}
    values = {key: row.values[key].value for key in METRICS if key in row.values}
    ends = {key: (row.values[key].low, row.values[key].high) for key in values}
    return {
        **facts,
        **dict.fromkeys(ALWAYS),
        **values,
        "interval": {key: list(pair) for key, pair in ends.items() if None not in pair},
        "queries": row.num_queries,
        "gallery": row.num_gallery,
        "identities": row.num_identities,
        "pairs": row.num_pairs,
        "draws": row.num_draws,
        "seconds": row.seconds,
        "chosen": dict(row.chosen),
        "context": None if row.context is None else _context(row.context),
        "paper": dict(row.paper),
        **({"sides": _sides(row)} if row.sides else {}),
    }


def _sides(row: Row) -> dict[str, dict[str, Any]]:
    """Return mAP and rank-1 with their intervals, by side of the query."""
    return {side: {key: asdict(estimate) for key, estimate in values.items()} for side, values in row.sides.items()}


def _context(context: ContextSummary) -> dict[str, Any]:
    return {
        "verdict": context.verdict,
        "rows": estimates_dict(context.rows),
        "differences": estimates_dict(context.differences),
        "prompt_cosine": dict(context.prompt_cosine),
        "label_accuracy": None if context.label_accuracy is None else asdict(context.label_accuracy),
        "majority_rate": context.majority_rate,
    }


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "category": diagnosis.category,
        "method": diagnosis.method,
        "adaptation": diagnosis.adaptation,
        "errors": [asdict(error) for error in diagnosis.errors],
        "suspects": [asdict(suspect) for suspect in diagnosis.suspects],
        "leaks": list(diagnosis.leaks),
        "probes": estimates_dict(diagnosis.probes),
        "probe_verdict": diagnosis.probe_verdict,
    }
