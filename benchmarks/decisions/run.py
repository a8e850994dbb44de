"""What decisions promise and what they keep: results/decisions.md and .json.

    python -m benchmarks.decisions.run TABLE.parquet ... [--draws 200] [--simulations 1000] [--seed 0]

Simulated worlds, whose truth is known, and real sets under the packaged `mini`. A set's embeddings are made once.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from benchmarks.decisions.draw_statistics import share
from benchmarks.decisions.page import page
from benchmarks.decisions.real_sets import METHODS, gather, measure
from benchmarks.decisions.simulated import SETTINGS, WORLDS, simulate
from benchmarks.lib.embedded_sets import embedded
from benchmarks.lib.program import ROOT, command_of, run, study_parser
from benchmarks.lib.results import write_results

CONFIDENCE = 0.9


def main() -> None:
    parser = study_parser(__doc__, "tables", "--workers", "--seed", out=ROOT / "results" / "decisions")
    parser.add_argument("--draws", type=int, default=200, help="supports per real set and adaptation")
    parser.add_argument("--simulations", type=int, default=1000, help="draws per world and setting")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        photos = {table.stem: embedded(table) for table in options.tables}
        measured = {
            name: {m: pool.submit(measure, one, m, CONFIDENCE, options.draws, options.seed) for m in METHODS}
            for name, one in photos.items()
        }
        jobs = {
            name: [pool.submit(simulate, name, *s, CONFIDENCE, options.simulations, options.seed) for s in SETTINGS]
            for name in WORLDS
        }
        simulated = {name: [job.result() for job in own] for name, own in jobs.items()}
        sets = {name: gather({m: job.result() for m, job in own.items()}) for name, own in measured.items()}
    rows = [*(row for rows in simulated.values() for row in rows), *sets.values()]
    found: dict[str, Any] = {
        "command": command_of(parser, options, "benchmarks.decisions.run"),
        "seed": options.seed,
        "share_promised": CONFIDENCE,
        **share(sum(row["num_held"] for row in rows), sum(row["num_draws"] for row in rows)),
        "least_share_held": min(row["share_held"] for row in rows),
        "simulated": simulated,
        "sets": sets,
    }
    earlier = options.out.with_suffix(".json")
    if earlier.exists():  # what `benchmarks.decisions.believe` has written
        kept = json.loads(earlier.read_text())
        found |= {key: kept[key] for key in ("believed", "believed_command", "other_categories") if key in kept}
    write_results(options.out, found, page(found))


if __name__ == "__main__":
    run(main)
