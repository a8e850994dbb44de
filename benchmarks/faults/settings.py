"""Damaged configs and overrides: each gives settings, or is refused with a line."""

from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.faults.mutations import mutate
from benchmarks.lib.program import ROOT
from vicp.config import RunConfig
from vicp.config_files import load_config
from vicp.data.seeds import derive_seed
from vicp.errors import VICPError
from vicp.train.config_checks import check_settings

_VALUES = (
    "null",
    "[]",
    "{}",
    "-1",
    "1e400",
    "nan",
    ".inf",
    "true",
    "''",
    "[1, [2]]",
    "{a: 1}",
    "!!python/object:x",
    "*a",
    "&a b",
    "${seed}",
)


@cache
def originals() -> tuple[str, ...]:
    """Return the configs that the project ships."""
    return tuple(path.read_text(encoding="utf-8") for path in sorted((ROOT / "configs").rglob("*.yaml")))


def run_case(number: int, folder: Path) -> str:
    """Damage a config's bytes or values, or an override, and read it."""
    rng = np.random.default_rng(derive_seed(number, "faults", "settings"))
    text = originals()[number % len(originals())]
    lines = [line for line in text.splitlines() if not line.startswith("extends")]
    path, overrides = folder / "a.yaml", []
    if rng.random() < 0.4:
        path.write_bytes(mutate("\n".join(lines).encode(), rng))
    else:
        keys = [place for place, line in enumerate(lines) if ":" in line and not line.lstrip().startswith("#")] or [0]
        place = keys[rng.integers(len(keys))]
        lines[place] = f"{lines[place].split(':')[0]}: {_VALUES[rng.integers(len(_VALUES))]}"
        path.write_text("\n".join(lines), encoding="utf-8")
        overrides = [f"train.joint_steps={_VALUES[rng.integers(len(_VALUES))]}"] if rng.random() < 0.5 else []
    try:
        check_settings(load_config(RunConfig, path, overrides))
    except VICPError:
        return ""
    return ""
