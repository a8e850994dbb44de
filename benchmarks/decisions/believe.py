"""How well what is believed is calibrated: key `believed` of results/decisions.json, and the page and picture anew.

    python -m benchmarks.decisions.believe TABLE.parquet ... [--model mini] [--seed 0]

`benchmarks.decisions.run` writes the other keys. Another model's features take its own `borrowed.json`, which
`benchmarks.decisions.borrow --model ... --out FILE` writes and `--borrowed FILE` names.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.decisions.believed import SIZES, SOURCES, Scored, Source, measure_believed, summarise
from benchmarks.decisions.other_categories import measure_other_categories
from benchmarks.decisions.page import page, plot_reliability
from benchmarks.decisions.photo_sets import taught_categories
from benchmarks.decisions.support_draws import KIND_OF
from benchmarks.lib.program import ROOT, command_of, run, study_parser
from benchmarks.lib.results import write_results
from vicp.decisions.borrowed import BorrowedCategory

BORROWED = ROOT / "src" / "vicp" / "decisions" / "borrowed.json"
KEYS = ("ece", "log_loss", "share_answered", "top1")


def main() -> None:
    parser = study_parser(__doc__, "tables", "--workers", "--seed", out=ROOT / "results" / "decisions")
    parser.add_argument("--model", default="mini", help="whose features the sets are embedded with")
    parser.add_argument("--borrowed", type=Path, default=BORROWED, help="what other categories lend")
    options = parser.parse_args()
    rows = [BorrowedCategory(**row) for row in json.loads(options.borrowed.read_text())["categories"]]
    sets = {name: one for name, one in taught_categories(options.tables, options.model).items() if name == one.name}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        jobs = {
            (size, method, name): pool.submit(measure_believed, photos, rows, method, size, options.seed, options.model)
            for size in SIZES
            for method in KIND_OF
            for name, photos in sets.items()
        }
        measured = {key: job.result() for key, job in jobs.items()}
    found = json.loads(options.out.with_suffix(".json").read_text())
    sizes = sorted({size for (size, _, _), scored in measured.items() if scored is not None})
    found["believed"] = {str(size): _of_size(measured, size) for size in sizes}
    found["believed_command"] = command_of(parser, options, "benchmarks.decisions.believe")
    found["other_categories"] = measure_other_categories(sets, options.seed)
    write_results(options.out, found, page(found))
    plot_reliability(found["believed"], options.out.with_suffix(".png"))


def _of_size(measured: dict[tuple[int, str, str], dict[Source, Scored] | None], size: int) -> dict[str, Any]:
    """Results over all sets and adaptations, then by source of the belief, then by adaptation."""
    by_source: dict[Source, dict[str, Scored]] = {source: {} for source in SOURCES}
    for (at, method, name), scored in measured.items():
        if at == size and scored is not None:
            for source, one in scored.items():
                by_source[source][f"{name}, {method}"] = one
    both = summarise(by_source["hierarchical"])
    methods = {
        method: summarise({name: one for name, one in by_source["hierarchical"].items() if name.endswith(f" {method}")})
        for method in KIND_OF
    }
    return {
        **both,
        "sets": len(by_source["hierarchical"]) // len(KIND_OF),
        "borrowed": {key: summarise(by_source["borrowed"])[key] for key in KEYS},
        "own": {key: summarise(by_source["own"])[key] for key in KEYS},
        "methods": {method: {key: one[key] for key in KEYS} for method, one in methods.items()},
    }


if __name__ == "__main__":
    run(main)
