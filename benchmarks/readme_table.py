"""The first table of README.md, from results/context.json: between the marks `<!-- context -->` and `<!-- end -->`.

python benchmarks/readme_table.py
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from context_page import cell, header

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- context -->\n", "<!-- end -->"
ROWS = {
    "own": "the category's own pairs",
    "shuffled": "the same pairs, labels shuffled",
    "repaired": "the same photos, paired anew",
    "other": "another category's pairs",
    "other_rule": "the same photos, labelled by another rule",
    "null": "no pairs",
    "static": "a static learned prompt",
    "frozen": "the plain backbone",
    "metric": "closed-form metric of the own pairs",
}


def main() -> None:
    facts = json.loads((ROOT / "results" / "context.json").read_text(encoding="utf-8"))
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), facts), encoding="utf-8")


def with_table(text: str, facts: Mapping[str, Any]) -> str:
    """The text with the table of these results between its marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table(facts) + END + after


def table(facts: Mapping[str, Any]) -> str:
    """MAP with its interval at K = 16, or at 0 for what reads no pairs; rows without a measurement are left out."""
    lines = header(["mAP, 16 labelled pairs", "A: unseen shapes", "B: unseen shapes and rules"])
    for method, meaning in ROWS.items():
        found = [facts[test].get(method, {}).get("by_K", {}) for test in ("A", "B")]
        cells = [cell(by_k.get("16", by_k.get("0"))) for by_k in found]
        if any(found):
            lines.append("| " + " | ".join([meaning, *cells]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
