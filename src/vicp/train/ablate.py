"""Runs one config with a key varied, over seeds, and writes one table of what came of it."""

import itertools
import json
import logging
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from scipy.stats import t as student

from vicp.config import RunConfig
from vicp.config_files import load_config
from vicp.errors import ConfigError, DataError
from vicp.train.loop import train
from vicp.train.resume import check_same_settings

logger = logging.getLogger(__name__)
ROWS = ("own", "other", "shuffled", "null", "frozen", "map", "labels", "verifier", "flipped", "gap", "spread")
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Variant:
    """One setting of the varied keys, and the best validation of each seed.

    Attributes:
        name: such as `model.num_prompts=4`.
        checks: name of a number -> its value, one mapping per seed.
    """

    name: str
    checks: list[dict[str, float]]

    def interval(self, row: str) -> tuple[float, float] | None:
        """Mean over seeds and half the width of its 95 % interval (Student's t); None where never computed."""
        return _interval([check[row] for check in self.checks if row in check])

    @property
    def gain(self) -> tuple[float, float] | None:
        """What the own context adds over the best alternative, the same for all seeds: paired over them."""
        others = [row for row in ("other", "shuffled", "null", "frozen") if row in self.checks[0]]
        if not others or "own" not in self.checks[0]:
            return None
        best = max(others, key=lambda row: statistics.mean(check[row] for check in self.checks))
        return _interval([check["own"] - check[best] for check in self.checks])


def ablate(
    config: Path | None,
    overrides: Sequence[str],
    vary: Sequence[str],
    *,
    each: Sequence[str] = (),
    num_seeds: int,
    runs: Path,
) -> list[Variant]:
    """Trains every variant with every seed; runs that are done are not run again.

    Args:
        config: YAML of a run.
        overrides: settings that all runs share.
        vary: such as `model.num_prompts=1,4,16`; several keys give every combination.
        each: such as `train.pair_weight=0`, or several settings with spaces between: a variant by itself beside the
            config as it is.
        num_seeds: seeds from the config's on.
        runs: their folder.

    Raises:
        ConfigError: a key or value that does not fit.
        DataError: photos that cannot be used.
        WeightsError: a run that cannot be gone on with.
    """
    if not vary and not each:
        raise ConfigError("nothing to vary: give --vary key=a,b,c, or --each key=a")
    variants = list(itertools.product(*map(_choices, vary))) if vary else []
    variants += [(), *(tuple(settings.split()) for settings in each)] if each else []
    planned = {}
    for chosen in variants:  # every config first: a misspelt key is known before an hour has passed
        base = load_config(RunConfig, config, [*overrides, *chosen])
        for seed in range(base.seed, base.seed + num_seeds):
            folder = runs / _file_name(chosen) / f"seed-{seed}"
            planned[chosen, seed] = load_config(
                RunConfig, config, [*overrides, *chosen, f"seed={seed}", f"out={json.dumps(str(folder))}"]
            )
    found: dict[tuple[str, ...], list[dict[str, float]]] = {chosen: [] for chosen in variants}
    for number, ((chosen, seed), settings) in enumerate(planned.items(), start=1):
        logger.info("run %d of %d: %s seed %d", number, len(planned), " ".join(chosen), seed)
        check_same_settings(settings, Path(settings.out) / "train.yaml")  # a table is of one base
        if not (Path(settings.out) / "last").exists():
            train(settings, resume=True, bar=True)
        found[chosen].append(best_check(Path(settings.out) / "train.jsonl"))
    return [Variant(" ".join(chosen).replace('"', "") or AS_IT_IS, checks) for chosen, checks in found.items()]


def best_check(log: Path) -> dict[str, float]:
    """The validation with the best score in a run's log; where nothing was ranked, the last.

    Raises:
        DataError: the log has no validation, or cannot be read.
    """
    try:
        rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        checks = [row for row in rows if "total" not in row and row["step"] > 0]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{log}: cannot be read ({error!r}); remove its folder to run it again") from error
    if not checks:
        raise DataError(f"{log}: no validation in it; remove its folder to run it again")
    ranked = [row for row in checks if "score" in row]
    return max(ranked, key=lambda row: row["score"]) if ranked else checks[-1]


def write_table(variants: Sequence[Variant], out: Path, *, command: str, num_seeds: int) -> list[str]:
    """Writes `OUT.md` and `OUT.json`; returns the Markdown's lines."""
    rows = [row for row in ROWS if any(variant.interval(row) for variant in variants)]
    lines = _page(variants, rows, title=out.name, command=command, num_seeds=num_seeds)
    facts = {"command": command, "seeds": num_seeds, "rows": [_facts(variant, rows) for variant in variants]}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.with_name(out.name + ".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        out.with_name(out.name + ".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{out}.md: cannot be written ({error.strerror})") from error
    return lines


def _page(variants: Sequence[Variant], rows: Sequence[str], *, title: str, command: str, num_seeds: int) -> list[str]:
    gains = any(variant.gain for variant in variants)
    seeds = f"mean of {num_seeds} seeds ± 95 % interval (Student's t over seeds)" if num_seeds > 1 else "one seed"
    head = ["setting", *rows, *(["own - best other"] if gains else [])]
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
        lines.append("| " + " | ".join([f"`{variant.name}`", *cells]) + " |")
    return lines


def _facts(variant: Variant, rows: Sequence[str]) -> dict[str, Any]:
    numbers = {row: _numbers(variant.interval(row)) for row in rows}
    return {"setting": variant.name, **numbers, "gain": _numbers(variant.gain), "runs": variant.checks}


def _choices(vary: str) -> list[str]:
    """`key=a,b` -> `key=a`, `key=b`; a list as a value is written `key=[4],[4,16]`."""
    key, equals, values = vary.partition("=")
    try:
        parsed = yaml.safe_load(f"[{values}]") if equals else []
    except yaml.YAMLError as error:
        raise ConfigError(f"--vary {vary}: cannot read the values ({str(error).splitlines()[0]})") from error
    if not key or not parsed:
        raise ConfigError(f"--vary {vary}: expected key=a,b,c, such as model.num_prompts=1,4,16")
    return [f"{key}={json.dumps(value)}" for value in parsed]


def _file_name(chosen: Sequence[str]) -> str:
    return "+".join("".join(c if c.isalnum() or c in "=.-_" else "_" for c in choice) for choice in chosen) or "base"


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
