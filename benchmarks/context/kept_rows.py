"""Rows of a results file whose parts are gone: they stay until they are measured anew."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SAME = ("fingerprints", "tasks")  # rows of other checkpoints, or of other tasks, do not stand beside these
TABLES = ("A", "B", "differences", "real", "real_differences")


def with_kept_rows(facts: Mapping[str, Any], results: Path) -> dict[str, Any]:
    """Return the facts with rows of the file that they lack; none where it is of other checkpoints or tasks.

    Args:
        facts: Of this run.
        results: The file without its ending.
    """
    path = results.with_suffix(".json")
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if any(before.get(name) != facts[name] for name in SAME):
        return dict(facts)
    joined = {name: _join(before[name], facts[name]) for name in TABLES}
    said = {target["name"]: target for target in (*before["targets"], *facts["targets"])}
    return {**facts, **joined, "targets": list(said.values())}


def _join(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return both dictionaries with everything nested in them; of what both have, what is there now."""
    joined = dict(now)
    for name, value in before.items():
        if name not in now:
            joined[name] = value
        elif isinstance(value, dict) and isinstance(now[name], dict):
            joined[name] = _join(value, now[name])
    return joined
