"""What came of an ablation: its variants, and the table of them."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from vicp.errors import DataError

ROWS = ("own", "other", "shuffled", "null", "frozen", "map", "labels", "verifier", "flipped", "gap", "spread")
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Variant:
    """One setting of the varied keys, and the best validation of each seed.

    Attributes:
        name: Such as `model.num_prompts=4`.
        checks: Name of a number -> its value, one mapping per seed.
    """

    name: str
    checks: list[dict[str, float]]

    def interval(self, row: str) -> tuple[float, float] | None:
        """Return the mean over seeds and half the width of its 95 % interval (Student's t); None without values."""
        return _interval([check[row] for check in self.checks if row in check])

    @property
    def gain(self) -> tuple[float, float] | None:
        """What the own context adds over the best alternative, the same for all seeds: paired over them."""
        others = [row for row in ("other", "shuffled", "null", "frozen") if row in self.checks[0]]
        if not others or "own" not in self.checks[0]:
            return None
        best = max(others, key=lambda row: statistics.mean(check[row] for check in self.checks))
        return _interval([check["own"] - check[best] for check in self.checks])

    @property
    def label_gains(self) -> list[float]:
        """What the labels add to the own pairs, of each seed in turn: own - shuffled; empty where never computed."""
        return [check["own"] - check["shuffled"] for check in self.checks if {"own", "shuffled"} <= check.keys()]

    def minus(self, base: "Variant") -> tuple[float, float] | None:
        """Return the difference to another variant in what the own context adds, paired over seeds; None for itself."""
        pairs = [
            (a["own"], b["own"]) for a, b in zip(self.checks, base.checks, strict=True) if "own" in a and "own" in b
        ]
        return None if self is base else _interval([a - b for a, b in pairs])


def write_table(variants: Sequence[Variant], out: Path, *, command: str, num_seeds: int) -> list[str]:
    """Write `OUT.md` and `OUT.json`; returns the Markdown's lines."""
    rows = [row for row in ROWS if any(variant.interval(row) for variant in variants)]
    base = variants[0] if variants[0].name == AS_IT_IS and "own" in rows else None
    lines = _page(variants, rows, base, title=f"Ablation: {out.name}", command=command, num_seeds=num_seeds)
    facts = {"command": command, "seeds": num_seeds, "rows": [_facts(variant, rows, base) for variant in variants]}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.with_name(out.name + ".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        out.with_name(out.name + ".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{out}.md: cannot be written ({error.strerror})") from error
    return lines


def _page(
    variants: Sequence[Variant],
    rows: Sequence[str],
    base: Variant | None,
    *,
    title: str,
    command: str,
    num_seeds: int,
) -> list[str]:
    gains, labels = any(v.gain for v in variants), any(v.label_gains for v in variants)
    seeds = f"mean of {num_seeds} seeds ± 95 % interval (Student's t over seeds)" if num_seeds > 1 else "one seed"
    head = ["setting", *rows, *(["own - best other"] if gains else []), *([f"own - {AS_IT_IS}"] if base else [])]
    head += ["own - shuffled, by seed"] if labels else []
    lines = [
        f"# {title}",
        "",
        f"Best validation of each run, on held-out categories: {seeds}; mAP in percent; as shares `labels`, "
        "`verifier`, `flipped` (its answers under inverted labels) and `spread`; `gap`: what inverted labels add to "
        "the loss on held-out pairs.",
        "",
        f"Made by `{command}`.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    for variant in variants:
        cells = [_cell(variant.interval(row)) for row in rows] + ([_cell(variant.gain)] if gains else [])
        cells += [_cell(variant.minus(base))] if base else []
        cells += [", ".join(f"{gain:+.1f}" for gain in variant.label_gains)] if labels else []
        lines.append("| " + " | ".join([f"`{variant.name}`", *cells]) + " |")
    return lines


def _facts(variant: Variant, rows: Sequence[str], base: Variant | None) -> dict[str, Any]:
    numbers = {row: _numbers(variant.interval(row)) for row in rows}
    numbers["gain"] = _numbers(variant.gain)
    if base:
        numbers["own_minus_as_it_is"] = _numbers(variant.minus(base))
    return {"setting": variant.name, **numbers, "runs": variant.checks}


def _interval(values: Sequence[float]) -> tuple[float, float] | None:
    if not values:
        return None
    if len(values) == 1:
        return values[0], math.nan
    half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values), half


def _cell(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return ""
    mean, half = interval
    return f"{mean:.2f}" + ("" if math.isnan(half) else f" ± {half:.2f}")


def _numbers(interval: tuple[float, float] | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    mean, half = interval
    return {"mean": round(mean, 4), "half": None if math.isnan(half) else round(half, 4)}
