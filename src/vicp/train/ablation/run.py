"""Runs one config with a key varied, over seeds."""

import itertools
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import yaml

from vicp.config import RunConfig
from vicp.config_files import load_config
from vicp.errors import ConfigError, DataError
from vicp.io import content_digest
from vicp.train.ablation.table import AS_IT_IS, Variant
from vicp.train.config_checks import check_settings
from vicp.train.loop import train
from vicp.train.state import check_same_settings

logger = logging.getLogger(__name__)
LONGEST_NAME = 160  # characters of a folder's; file systems allow 255


def ablate(
    config: Path | None,
    overrides: Sequence[str],
    vary: Sequence[str],
    *,
    each: Sequence[str] = (),
    num_seeds: int,
    runs: Path,
) -> list[Variant]:
    """Train every variant with every seed; runs that are done are not run again.

    Args:
        config: YAML of a run.
        overrides: Settings that all runs share.
        vary: Such as `model.num_prompts=1,4,16`; several keys give every combination.
        each: Such as `train.pair_weight=0`, or several settings with spaces between: a variant added to the
            config as it is.
        num_seeds: Seeds from the config's on.
        runs: Their folder.

    Raises:
        ConfigError: A key or value that does not fit.
        DataError: Photos that cannot be used.
        WeightsError: A run that cannot be gone on with.
    """
    if not vary and not each:
        raise ConfigError("nothing to vary: give --vary key=a,b,c, or --each key=a")
    _check_keys([setting.partition("=")[0] for setting in vary])
    variants = list(itertools.product(*map(_choices, vary))) if vary else []
    variants += [(), *(tuple(settings.split()) for settings in each)] if each else []
    planned = {}
    for chosen in variants:  # every config first: what makes no sense is known before an hour has passed
        base = load_config(RunConfig, config, [*overrides, *chosen])
        check_settings(base)
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
    """Return the validation with the best score in a run's log; where nothing was ranked, the last.

    Raises:
        DataError: The log has no validation, or cannot be read.
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


def _check_keys(keys: Sequence[str]) -> None:
    """Raises `ConfigError` for keys that are not to be varied, or twice."""
    for number, key in enumerate(keys):
        if key in ("out", "seed"):
            raise ConfigError(f"--vary {key}: every run has its own; give --seeds for more of them")
        if key in keys[:number]:
            raise ConfigError(f"--vary {key} is given twice; name all its values in one")


def _choices(vary: str) -> list[str]:
    """Return the overrides of `key=a,b`: `key=a`, `key=b`; a list as a value is written `key=[4],[4,16]`."""
    key, equals, values = vary.partition("=")
    try:
        parsed = yaml.safe_load(f"[{values}]") if equals else []
    except yaml.YAMLError as error:
        raise ConfigError(f"--vary {vary}: cannot read the values ({str(error).splitlines()[0]})") from error
    if not key or not parsed:
        raise ConfigError(f"--vary {vary}: expected key=a,b,c, such as model.num_prompts=1,4,16")
    return [f"{key}={json.dumps(value)}" for value in parsed]


def _file_name(chosen: Sequence[str]) -> str:
    """Return a folder's name: the settings, and where they are too many, the first of them and digits of them all."""
    name = "+".join("".join(c if c.isalnum() or c in "=.-_" else "_" for c in choice) for choice in chosen) or "base"
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]}-{content_digest(name.encode(), size=4).hex()}"
