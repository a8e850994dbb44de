"""What the context is worth on the procedural world and on real photo sets: written to results/demo.md and .json.

    python -m benchmarks.sets.demo [TABLE.parquet ...] [--pairs 32] [--draws 3]

Runs `vicp demo`'s measurement once per set and support draw. A figure is the mean over categories and draws;
every draw divides the identities anew and chooses its own pairs. The interval is a single draw's, by bootstrap over its
identities, averaged over the draws: the spread between draws stands in the JSON.
"""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.lib.program import ROOT, at_least, run, study_parser
from benchmarks.lib.results import write_results
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.data.procedural.world import world_table
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.evaluation.demo.results import DemoReport
from vicp.evaluation.demo.run import PROTOCOL, run_demo

WORLD = "procedural world"


def main() -> None:
    parser = study_parser(__doc__, out=ROOT / "results" / "demo")
    parser.add_argument("tables", nargs="*", type=Path)
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--draws", type=int, default=3, choices=range(2, 100), metavar="2..99")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--categories", type=at_least(1), default=8, help="of the procedural world")
    arguments = parser.parse_args()
    sets = {path.stem: open_photos(path) for path in arguments.tables}  # before anything is written
    embedder = load_model(arguments.model)
    settings = f"--pairs {arguments.pairs} --draws {arguments.draws} --model {arguments.model}"
    if arguments.categories != parser.get_default("categories"):
        settings += f" --categories {arguments.categories}"
    results = earlier_results(arguments.out, embedder.fingerprint, settings)
    for name, table in {WORLD: world_table(num_categories=arguments.categories, seed=0), **sets}.items():
        if name not in results["sets"]:
            results["sets"][name] = measure(embedder, table, arguments.pairs, arguments.draws)
            tables = [f"{done}.parquet" for done in results["sets"] if done != WORLD]
            results["command"] = " ".join(["python -m benchmarks.sets.demo", *tables, settings])
            write_results(arguments.out, results, page(results))


def earlier_results(out: Path, model: str, settings: str) -> dict[str, Any]:
    """What an earlier run of the same model and settings measured, so that a stopped run goes on."""
    if out.with_suffix(".json").exists():
        earlier = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
        if earlier["model"] == model and earlier["command"].endswith(settings):
            return earlier
    return {"command": "", "model": model, "protocol": PROTOCOL, "unit": "mAP in percent", "sets": {}}


def measure(embedder: Embedder, table: PhotoTable, num_pairs: int, draws: int) -> dict[str, Any]:
    """Every row of the context report on one set."""
    reports = [
        run_demo(embedder, table, source="", command="", num_pairs=num_pairs, seed=seed) for seed in range(draws)
    ]
    return {
        "categories": len(reports[0].categories),
        "queries": sum(category.queries for category in reports[0].categories),
        "label_accuracy": statistics.mean(
            c.context.label_accuracy.value
            for r in reports
            for c in r.categories
            if c.context.label_accuracy is not None
        ),
        "rows": {row: interval(row, reports) for row in reports[0].context.rows},
    }


def interval(row: str, reports: Sequence[DemoReport]) -> dict[str, Any]:
    """Means over draws of mAP and of the ends of its interval, and each draw's mAP, in percent."""
    draws = [report.context.rows[row] for report in reports]
    return {
        "map": 100 * statistics.mean(draw.value for draw in draws),
        "low": 100 * statistics.mean(draw.low for draw in draws),
        "high": 100 * statistics.mean(draw.high for draw in draws),
        "rank1": 100 * statistics.mean(report.rank1[row] for report in reports),
        "draws": [100 * draw.value for draw in draws],
    }


def page(results: dict[str, Any]) -> str:
    """The page of these facts."""
    columns = list(next(iter(results["sets"].values()))["rows"])
    rows = [
        "# What the context is worth",
        "",
        f"Made by `{results['command']}`, model {results['model']}. mAP in percent, mean over draws, with the "
        f"ends of its 95 % interval. {results['protocol']}.",
        "",
        f"| set | categories | queries | {' | '.join(columns)} | held-out labels right |",
        f"| --- | --- | --- |{' --- |' * (len(columns) + 1)}",
    ]
    for name, found in results["sets"].items():
        cells = " | ".join(f"{r['map']:.1f} ({r['low']:.1f}–{r['high']:.1f})" for r in found["rows"].values())
        rows.append(
            f"| {name} | {found['categories']} | {found['queries']} | {cells} | {found['label_accuracy']:.0%} |"
        )
    return "\n".join([*rows, ""])


if __name__ == "__main__":
    run(main)
