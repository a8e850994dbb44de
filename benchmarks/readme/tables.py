"""The tables of README.md, docs/trust.md and the model card: results/context.json, between two marks.

A table stands between `<!-- NAME -->` and `<!-- end -->`.

python -m benchmarks.readme.tables
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.lib.program import ROOT, run
from benchmarks.lib.table_cells import DASH, cell, header
from vicp.errors import DataError

Table = Callable[[Mapping[str, Any]], str]
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
GAINS = {  # of one method over another at K
    "what `teach` chooses, 16 pairs": ("chosen_identities", "frozen", "16"),
    "what `teach` chooses": ("chosen_identities", "frozen", "64"),
    "whitening": ("metric", "frozen", "64"),
    "prompt tokens alone": ("prompt", "frozen", "64"),
    "tokens, over shuffled": ("prompt", "prompt_shuffled", "64"),
    "the LLM adds": ("own", "no_llm", "64"),
}
STAGES = {
    "k-reciprocal neighbours (`k-reciprocal`)": ("chosen_k_reciprocal", "chosen_identities", "64"),
    "local matching (`patches`)": ("chosen_patches", "chosen_identities", "64"),
}
SUMMARY_ROWS = {
    "eth80": "fruit, toys, cups and animals",
    "holstein2025": "faces of cows",
    "household50": "objects of a household",
    "lion": "lions",
    "zebra_rapid": "zebras",
}
NO_EVIDENCE = ("cattely",)  # one clip per cow
SUMMARY_COLUMNS = {  # the method on real photos at K = 64, and on drawn objects at K = 16
    "plain vision model": ("frozen", "frozen"),
    "what `teach` chooses": ("chosen_identities", "chosen_pairs"),
    "whitening": ("metric", "metric"),
    "prompt tokens alone": ("prompt", "prompt"),
    "prompt tokens, labels shuffled": ("prompt_shuffled", "prompt_shuffled"),
}


def main() -> None:
    results = ROOT / "results" / "context.json"
    if not results.exists():
        raise DataError(f"{results.relative_to(ROOT)} is not there; `make results` writes it")
    facts = json.loads(results.read_text(encoding="utf-8"))
    for name, tables in PAGES.items():
        page = ROOT / name
        page.write_text(with_tables(page.read_text(encoding="utf-8"), facts, tables), encoding="utf-8")


def with_tables(text: str, facts: Mapping[str, Any], tables: Mapping[str, Table]) -> str:
    """The text with the tables of these results between their marks."""
    for name, make in tables.items():
        before, rest = text.split(f"<!-- {name} -->\n")
        after = rest.split(END, maxsplit=1)[1]
        text = f"{before}<!-- {name} -->\n{make(facts)}{END}{after}"
    return text


def summary_table(facts: Mapping[str, Any]) -> str:
    """MAP without intervals: a row for each real set, then for each test of drawn objects."""
    lines = header(["mAP", *SUMMARY_COLUMNS])
    rows = [
        (f"{SUMMARY_ROWS.get(name, name)} ({name}), 64 pairs", found, "64", 0)
        for name, found in facts["real"].items()
        if not found["seen_in_training"] and name not in NO_EVIDENCE
    ]
    rows += [
        ("drawn objects, new shapes, 16 pairs", facts["A"], "16", 1),
        ("drawn objects, new shapes and rules, 16 pairs", facts["B"], "16", 1),
    ]
    for title, found, k, which in rows:
        measured = [found.get(methods[which], {}).get("by_K", {}) for methods in SUMMARY_COLUMNS.values()]
        cells = [by_k.get(k, by_k.get("0")) for by_k in measured]
        lines.append(
            "| " + " | ".join([title, *(DASH if row is None else f"{row['map']:.1f}" for row in cells)]) + " |"
        )
    return "\n".join(lines) + "\n"


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


def gains_table(facts: Mapping[str, Any]) -> str:
    """MAP of the plain backbone, and what labelled pairs add: a row for each real set that training did not see."""
    return _gains(facts, GAINS, first=("plain backbone", "frozen"))


def stages_table(facts: Mapping[str, Any]) -> str:
    """MAP of what `teach` chooses, and what a second stage adds."""
    return _gains(facts, STAGES, first=("what `teach` chooses", "chosen_identities"))


def _gains(facts: Mapping[str, Any], columns: Mapping[str, tuple[str, str, str]], *, first: tuple[str, str]) -> str:
    title, method = first
    lines = header(["set", f"{title}, mAP", *columns])
    for name, found in facts["real"].items():
        if not found["seen_in_training"]:
            cells = [gain_cell(facts, name, *column) for column in columns.values()]
            lines.append("| " + " | ".join([name, f"{found[method]['by_K']['64']['map']:.1f}", *cells]) + " |")
    return "\n".join(lines) + "\n"


def gain_cell(facts: Mapping[str, Any], name: str, method: str, over: str, k: str) -> str:
    """The difference of two methods on a set, in bold where its paired interval does not hold zero."""
    paired = facts["real_differences"].get(f"{method} - {over}, K = {k}", {}).get(name)
    if paired is not None:
        is_clear = paired["low"] > 0 or paired["high"] < 0
        return f"**{_signed(paired['map'])}**" if is_clear else _signed(paired["map"])
    maps = [facts["real"][name].get(each, {}).get("by_K", {}).get(k) for each in (method, over)]
    return DASH if None in maps else _signed(maps[0]["map"] - maps[1]["map"])


def _signed(difference: float) -> str:
    return f"{difference:+.1f}".replace("-", "−")


PAGES: dict[str, dict[str, Table]] = {
    "README.md": {"summary": summary_table},
    "docs/trust.md": {"gains": gains_table, "stages": stages_table, "context": context_table},
    "src/vicp/checkpoints/mini/README.md": {"gains": gains_table},
}

if __name__ == "__main__":
    run(main)
