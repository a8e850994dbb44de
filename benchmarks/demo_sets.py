"""What the context is worth on the procedural world and on real photo sets: written to results/demo.md and .json.

    python benchmarks/demo_sets.py [TABLE.parquet ...] [--pairs 32] [--draws 3]

Runs `vicp demo`'s measurement once per set and support draw. A figure is the mean over categories and draws; its
interval is the mean's 95 % t-interval over draws, each of which divides the identities anew and draws its own pairs.
"""

import argparse
import json
import statistics
from pathlib import Path

from scipy.stats import t as student

from vicp.adapt.embedding import Embedder
from vicp.data.sources import open_photos
from vicp.evaluation.demo import PROTOCOL, run_demo, world_table
from vicp.evaluation.report import METHODS, mean_results
from vicp.model.vicp import VICP


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", type=Path)
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--draws", type=int, default=3, choices=range(2, 100), metavar="2..99")
    parser.add_argument("--model", default="mini")
    arguments = parser.parse_args()
    embedder = Embedder(VICP.from_pretrained(arguments.model).eval())
    names = [path.name for path in arguments.tables]
    results = {
        "command": f"python benchmarks/demo_sets.py {' '.join(names)} --pairs {arguments.pairs} "
        f"--draws {arguments.draws} --model {arguments.model}",
        "model": embedder.model.fingerprint,
        "protocol": PROTOCOL,
        "unit": "mAP in percent",
        "sets": {},
    }
    for path in [None, *arguments.tables]:
        name = "procedural world" if path is None else path.stem
        results["sets"][name] = measure(embedder, path, arguments.pairs, arguments.draws)
        write_results(results)


def measure(embedder: Embedder, path: Path | None, num_pairs: int, draws: int) -> dict[str, object]:
    """Every row of the context report on one set."""
    table = world_table(num_categories=8, seed=0) if path is None else open_photos(path)
    reports = [
        run_demo(embedder, table, source="", command="", num_pairs=num_pairs, seed=seed) for seed in range(draws)
    ]
    means = [mean_results(report) for report in reports]
    return {
        "categories": len(reports[0].categories),
        "queries": sum(category.queries for category in reports[0].categories),
        "label_accuracy": statistics.mean(
            c.label_accuracy for r in reports for c in r.categories if c.label_accuracy is not None
        ),
        "rows": {row: interval([100 * m[row].map for m in means]) for row in means[0]},
    }


def interval(values: list[float]) -> dict[str, float]:
    """Mean and 95 % t-interval over draws."""
    mean = statistics.mean(values)
    half = student.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return {"map": mean, "low": mean - half, "high": mean + half}


def write_results(results: dict[str, object]) -> None:
    folder = Path(__file__).parent.parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "demo.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    rows = [
        "# What the context is worth",
        "",
        f"Made by `{results['command']}`, model {results['model']}. mAP in percent, with the half-width of the 95 % "
        f"interval over support draws. {results['protocol']}.",
        "",
        f"| set | categories | queries | {' | '.join(METHODS)} | held-out labels right |",
        f"| --- | --- | --- |{' --- |' * (len(METHODS) + 1)}",
    ]
    for name, found in results["sets"].items():
        cells = " | ".join(f"{r['map']:.1f} ± {r['high'] - r['map']:.1f}" for r in found["rows"].values())
        rows.append(
            f"| {name} | {found['categories']} | {found['queries']} | {cells} | {found['label_accuracy']:.0%} |"
        )
    (folder / "demo.md").write_text("\n".join([*rows, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
