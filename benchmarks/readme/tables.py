"""The tables of README.md, from results/context.json: each between a mark, say `<!-- context -->`, and `<!-- end -->`.

python -m benchmarks.readme.tables
"""

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.lib.program import ROOT, run
from benchmarks.lib.table_cells import cell, header
from vicp.errors import DataError

END = "<!-- end -->"
ROWS = {
    "own": "the category's own pairs",
    "prompt": "the prompt tokens alone, as in the paper",
    "prompt_shuffled": "the prompt tokens alone, labels shuffled",
    "shuffled": "the same pairs, labels shuffled",
    "repaired": "the same photos, paired anew",
    "other": "another category's pairs",
    "other_rule": "the same photos, labelled by another rule",
    "null": "no pairs",
    "static": "a static learned prompt",
    "frozen": "the plain backbone",
    "metric": "a metric in closed form of the own pairs",
    "chosen_pairs": "what `vicp teach` chooses by itself, from the pairs",
    "triplet_plus_pairs": "every weight fine-tuned, from the pairs (Triplet+)",
    "chosen_identities": "what `vicp teach` chooses, from the identities of the same photos",
    "triplet_plus_identities": "Triplet+, from the identities of the same photos",
    "verifier": "the verifier, with the own pairs",
}
REAL_COLUMNS = {  # method and K
    "plain backbone": ("frozen", "64"),
    "labels shuffled, 64 pairs": ("shuffled", "64"),
    "own pairs, 64": ("own", "64"),
    "prompt tokens alone, 64": ("prompt", "64"),
    "without the LLM, 64": ("no_llm", "64"),
    "whitening (`metric`), identities of 16 pairs": ("metric", "16"),
    "whitening (`metric`), identities of 64 pairs": ("metric", "64"),
    "chosen, identities of 16 pairs": ("chosen_identities", "16"),
    "chosen, identities of 64 pairs": ("chosen_identities", "64"),
    "Triplet+, identities of 64 pairs": ("triplet_plus_identities", "64"),
}


def main() -> None:
    results = ROOT / "results" / "context.json"
    if not results.exists():
        raise DataError(f"{results.relative_to(ROOT)} is not there; `make results` writes it")
    facts = json.loads(results.read_text(encoding="utf-8"))
    readme = ROOT / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8"), facts), encoding="utf-8")


def with_tables(text: str, facts: Mapping[str, Any]) -> str:
    """The text with the tables of these results between their marks."""
    for name, make in TABLES.items():
        before, rest = text.split(f"<!-- {name} -->\n")
        after = rest.split(END, maxsplit=1)[1]
        text = f"{before}<!-- {name} -->\n{make(facts)}{END}{after}"
    return text


def context_table(facts: Mapping[str, Any]) -> str:
    """MAP with its interval at K = 16, or at 0 for what reads no pairs; rows without a measurement are left out."""
    lines = header(["mAP, 16 labelled pairs", "A: unseen shapes", "B: unseen shapes and rules"])
    for method, meaning in ROWS.items():
        found = [facts[test].get(method, {}).get("by_K", {}) for test in ("A", "B")]
        cells = [cell_with_tasks(by_k.get("16", by_k.get("0")), facts["tasks"]) for by_k in found]
        if any(found):
            lines.append("| " + " | ".join([meaning, *cells]) + " |")
    return "\n".join(lines) + "\n"


def cell_with_tasks(row: Mapping[str, Any] | None, num_tasks: int) -> str:
    """The cell, and its number of tasks where it has not all."""
    if row is None or row["tasks"] >= num_tasks:
        return cell(row)
    return f"{cell(row)}, {row['tasks']} tasks"


def real_table(facts: Mapping[str, Any]) -> str:
    """MAP on real photos; columns without a measurement are left out."""
    by_set = facts["real"]
    there = {
        title: [found.get(method, {}).get("by_K", {}).get(k) for found in by_set.values()]
        for title, (method, k) in REAL_COLUMNS.items()
    }
    there = {title: rows for title, rows in there.items() if any(rows)}
    lines = header(["mAP", *there])
    for number, (name, found) in enumerate(by_set.items()):
        mark = " *" if found["seen_in_training"] else ""
        lines.append("| " + " | ".join([name + mark, *(cell(rows[number]) for rows in there.values())]) + " |")
    return "\n".join(lines) + "\n"


TABLES = {"context": context_table, "real": real_table}

if __name__ == "__main__":
    run(main)
