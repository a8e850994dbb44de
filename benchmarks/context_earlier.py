"""What results/context.json says of real photos already: what a call does not measure anew stays, with its origin."""

import json
from pathlib import Path
from typing import Any

REAL = "Real"  # how the bars on real photos begin


def earlier_real(path: Path) -> dict[str, Any]:
    """Rows, bars and origin of the real photos in a file of results; nothing of them where there is none.

    Args:
        path: the JSON file.
    """
    if not path.exists():
        return {"real": {}, "bars": [], "real_origin": None, "real_differences": {}}
    facts = json.loads(path.read_text(encoding="utf-8"))
    return {
        "real": facts["real"],
        "bars": [bar for bar in facts["bars"] if bar["bar"].startswith(REAL)],
        "real_origin": facts.get("real_origin") or origin(facts),
        "real_differences": facts.get("real_differences", {}),
    }


def with_earlier(real: dict[str, Any], path: Path) -> dict[str, Any]:
    """The rows of these sets, and those of a file of results where a set has none: `before` is what measured them.

    Args:
        real: rows by set and method.
        path: the JSON file.
    """
    earlier = earlier_real(path)
    if earlier["real_origin"] is None:
        return real
    command = earlier["real_origin"]["command"]
    found = {name: dict(rows) for name, rows in real.items()}
    for name in found.keys() & earlier["real"].keys():
        rows = {method: row for method, row in earlier["real"][name].items() if isinstance(row, dict)}
        for method, row in rows.items():
            found[name][method] = _with_each_k(found[name].get(method), row, command)
    return found


def _with_each_k(row: dict[str, Any] | None, earlier: dict[str, Any], command: str) -> dict[str, Any]:
    marked = {k: {"before": command, **one} for k, one in earlier["by_K"].items()}
    if row is None:
        return {"before": command, **earlier, "by_K": marked}
    by_k = marked | row["by_K"]
    return {**row, "by_K": {k: by_k[k] for k in sorted(by_k, key=int)}}


def origin(facts: dict[str, Any]) -> dict[str, Any]:
    """Which command measured, with which checkpoints."""
    return {
        "command": facts["command"],
        "checkpoints": facts["seeds"]["checkpoints"],
        "fingerprints": facts["fingerprints"],
    }
