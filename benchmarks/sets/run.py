"""`vicp evaluate` on real photo sets, collected into results/sets.md and .json.

    python -m benchmarks.sets.run TABLE.parquet ... [--support-draws 5] [--methods mini triplet ...]

The baselines are those of configs/mini-baselines, trained with `vicp train --config configs/mini-baselines/NAME.yaml`.
Each set is evaluated into runs/evaluation/NAME, with report.json, report.md and report.html; what is there already is
not done again.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.lib.program import ROOT, command_of, run, study_parser
from benchmarks.lib.results import write_results
from vicp.data.sources import open_photos

METHODS = ["mini", "triplet", "arcface", "adaface", "scl", "scl-lora", "static-shared", "static-per-layer"]
ADAPTATIONS, STAGES = "null,static,generated,metric", "ot,verifier,k-reciprocal"
CONTEXTS = ("own", "other", "shuffled", "null", "static", "frozen", "metric", "verifier")


def main() -> None:
    parser = study_parser(__doc__, "tables", "--seed", out=ROOT / "results" / "sets")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--support-draws", type=int, default=5)
    options = parser.parse_args()
    for table in options.tables:
        open_photos(table)  # a set that is not there ends it before hours are spent on the others
    sets = {
        table.stem: evaluate(table, options.methods, options.support_draws, options.seed) for table in options.tables
    }
    found = {
        "command": command_of(parser, options, "benchmarks.sets.run"),
        "protocol": next(iter(sets.values()))["protocol"],
        "unit": "fraction",
        "seed": options.seed,
        "draws": options.support_draws,
        "sets": {name: {"rows": means(report), "skipped": report["skipped"]} for name, report in sets.items()},
    }
    write_results(options.out, found, page(found))


def evaluate(table: Path, methods: list[str], draws: int, seed: int) -> dict[str, Any]:
    """The report of one set."""
    out = Path("runs", "evaluation", table.stem)
    command = [
        str(Path(sys.executable).parent / "vicp"),
        "evaluate",
        *methods,
        "--photos",
        str(table),
        "--out",
        str(out),
    ]
    command += ["--adapt", ADAPTATIONS, "--rerank", STAGES, "--support-draws", str(draws), "--seed", str(seed)]
    if code := subprocess.run([*command, "--no-diagnose"], check=False).returncode:
        sys.exit(code)  # which has said why
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def means(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of means over categories, without what depends on the machine."""
    rows = [row for row in report["rows"] if row["category"] == "mean"]
    return [{key: value for key, value in row.items() if key not in ("seconds", "paper", "variant")} for row in rows]


def page(found: dict[str, Any]) -> str:
    """The page of these facts."""
    sets = found["sets"]
    lines = ["# Every method on every set", "", f"Written by `{found['command']}`.", ""]
    lines += [
        f"{found['protocol']['sentence']} {found['draws']} support draws of 32 labelled pairs (fewer where a category "
        "gives fewer), seed 0; mAP in percent with the 95 % interval over identities and draws; a set's figure is the "
        "mean over its categories. The model card of the shipped mini says which sets it has seen; the baselines on "
        "its backbone have seen none.",
        "",
        *table_lines(sets, "mAP", lambda row: "–" if row is None or row["map"] is None else percent(row["map"])),
        "",
        *table_lines(sets, "mAP with intervals", cell),
    ]
    return "\n".join([*lines, "", *context_lines(sets), ""])


def table_lines(sets: dict[str, Any], title: str, show: Callable[[dict[str, Any] | None], str]) -> list[str]:
    """A row for each method and adaptation, a column for each set; rows of the same figures once, under all names."""
    names: dict[tuple[str, ...], list[str]] = {}  # by figures
    for method, adaptation in dict.fromkeys((r["method"], r["adaptation"]) for s in sets.values() for r in s["rows"]):
        figures = tuple(cell(find(s["rows"], method, adaptation)) for s in sets.values())
        names.setdefault((adaptation, *figures), []).append(method)
    lines = [
        f"## {title}",
        "",
        f"| method | adaptation | {' | '.join(sets)} |",
        f"| --- | --- |{' ---: |' * len(sets)}",
    ]
    for (adaptation, *_), methods in names.items():
        cells = [show(find(s["rows"], methods[0], adaptation)) for s in sets.values()]
        lines.append(f"| {', '.join(methods)} | {adaptation} | {' | '.join(cells)} |")
    return lines


def context_lines(sets: dict[str, Any]) -> list[str]:
    """The context report of mini: mAP by context, and what its own context adds."""
    lines = ["## What the category's own context adds (mini)", ""]
    lines += [f"| set | {' | '.join(CONTEXTS)} | labels predictable |", f"| --- |{' ---: |' * (len(CONTEXTS) + 1)}"]
    verdicts = []
    for name, one in sets.items():
        row = next((r for r in one["rows"] if r["context"]), None)
        if row is None:
            continue
        context = row["context"]
        cells = [f"{100 * context['rows'][c]['map']:.1f}" if c in context["rows"] else "–" for c in CONTEXTS]
        accuracy = context["label_accuracy"]
        lines.append(f"| {name} | {' | '.join(cells)} | {'–' if accuracy is None else percent(accuracy)} |")
        cosines = ", ".join(f"{k} {v:.3f}" for k, v in context["prompt_cosine"].items())
        verdicts.append(f"- **{name}**: {context['verdict']} Prompt cosine with the own prompt: {cosines}.")
    left = [f"- {name}: {reason}" for name, one in sets.items() for reason in one["skipped"]]
    return [*lines, "", *verdicts, *(["", "## Left out", "", *left] if left else [])]


def percent(value: Any) -> str:
    return f"{100 * (value['value'] if isinstance(value, dict) else value):.1f}"


def find(rows: list[dict[str, Any]], method: str, adaptation: str) -> dict[str, Any] | None:
    return next((r for r in rows if (r["method"], r["adaptation"]) == (method, adaptation)), None)


def cell(row: dict[str, Any] | None) -> str:
    if row is None or row["map"] is None:
        return "–"
    low, high = row["interval"]["map"]
    return f"{100 * row['map']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    run(main)
