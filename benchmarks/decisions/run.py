"""What decisions promise and what they keep: results/decisions.md and .json.

    python -m benchmarks.decisions.run TABLE.parquet ... [--draws 200] [--simulations 1000] [--seed 0]

Simulated worlds, whose truth is known, and real sets under the packaged `mini`. A set's embeddings are made once.
"""

import argparse
import shlex
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.decisions.draw_statistics import share
from benchmarks.decisions.page import page, plot_reliability
from benchmarks.decisions.real_sets import METHODS, gather, measure
from benchmarks.decisions.simulated import SETTINGS, WORLDS, simulate
from benchmarks.lib.embedded_sets import embedded
from benchmarks.lib.program import ROOT, run
from benchmarks.lib.results import write_results

CONFIDENCE = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--draws", type=int, default=200, help="supports per real set and adaptation")
    parser.add_argument("--simulations", type=int, default=1000, help="draws per world and setting")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "decisions")
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
        photos = {table.stem: embedded(table) for table in asked.tables}
        measured = {
            name: {m: pool.submit(measure, one, m, CONFIDENCE, asked.draws, asked.seed) for m in METHODS}
            for name, one in photos.items()
        }
        jobs = {
            name: [pool.submit(simulate, name, *s, CONFIDENCE, asked.simulations, asked.seed) for s in SETTINGS]
            for name in WORLDS
        }
        simulated = {name: [job.result() for job in own] for name, own in jobs.items()}
        sets = {name: gather({m: job.result() for m, job in own.items()}) for name, own in measured.items()}
    rows = [*(row for rows in simulated.values() for row in rows), *sets.values()]
    found: dict[str, Any] = {
        "command": shlex.join(
            ["python", "-m", "benchmarks.decisions.run", *(t.name for t in asked.tables), *options(asked)]
        ),
        "seed": asked.seed,
        "share_promised": CONFIDENCE,
        **share(sum(row["num_held"] for row in rows), sum(row["num_draws"] for row in rows)),
        "least_share_held": min(row["share_held"] for row in rows),
        "simulated": simulated,
        "sets": sets,
    }
    write_results(asked.out, found, page(found))
    plot_reliability(sets, asked.out.with_suffix(".png"))


def options(asked: argparse.Namespace) -> list[str]:
    return ["--draws", str(asked.draws), "--simulations", str(asked.simulations), "--seed", str(asked.seed)]


if __name__ == "__main__":
    run(main)
