"""What results/context.json says of real photos already, for a call that measures none: it stays, with its origin."""

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
        return {"real": {}, "bars": [], "real_origin": None}
    facts = json.loads(path.read_text(encoding="utf-8"))
    return {
        "real": facts["real"],
        "bars": [bar for bar in facts["bars"] if bar["bar"].startswith(REAL)],
        "real_origin": facts.get("real_origin") or origin(facts),
    }


def origin(facts: dict[str, Any]) -> dict[str, Any]:
    """Which command measured, with which checkpoints."""
    return {
        "command": facts["command"],
        "checkpoints": facts["seeds"]["checkpoints"],
        "fingerprints": facts["fingerprints"],
    }
