"""What mini's frozen backbone holds, and what its training runs said: results/mini.md and .json.

    python -m benchmarks.checkpoint.run --checkpoint mini [--runs FOLDER...] [--photos 49152 16384]

Probes of every factor of the procedural world (factor_probes.py). RUNS are folders with a train.jsonl, or such files,
one per training seed; their last validation is shown.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.checkpoint.factor_probes import HIDDEN, NUM_SILHOUETTES, PROBES, probe
from benchmarks.checkpoint.training_curves import read_log
from benchmarks.lib.program import ROOT, at_least, command_of, run, shown, study_parser
from benchmarks.lib.results import write_results
from benchmarks.lib.table_cells import cell, header
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.data.procedural.world import FACTORS, NUM_VALUES

PHOTOS = [49152, 16384]
CHECKS = ("own", "other", "shuffled", "null", "frozen", "verifier", "flipped", "spread")
PARTS = (
    "backbone",
    "qformer",
    "comparison",
    "reasoner",
    "head",
    "metric_head",
    "metric_refinement",
    "prompt_gate",
    "verifier",
)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    embedder = load_model(options.checkpoint).without_progress()
    facts = {
        "command": options.command,
        "fingerprint": embedder.fingerprint,
        "parameters": parameters(embedder),
        "probe": {"photos": options.photos, "accuracy": probe(embedder, *options.photos)},
        "validation": {shown(run): check for run in options.runs if (check := last_check(run))},
    }
    write_results(options.out, facts, page(facts))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = study_parser(__doc__, out=ROOT / "results" / "mini")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--runs", nargs="+", type=Path, default=[], help="folders with a train.jsonl")
    parser.add_argument("--photos", nargs=2, type=at_least(64), default=PHOTOS, help="to fit and to test")
    options = parser.parse_args(arguments)
    options.command = command_of(parser, options, "benchmarks.checkpoint.run")
    return options


def parameters(embedder: Embedder) -> dict[str, int]:
    """Numbers of weights by part."""
    model = embedder.full_model
    parts = {name: getattr(model, name) for name in PARTS if getattr(model, name) is not None}
    return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}


def last_check(run: Path) -> dict[str, float]:
    """The last validation with a ranking in a run's log; nothing where there was none, as in a warm-up."""
    log = run / "train.jsonl" if run.is_dir() else run
    ranked = [row for row in read_log(log) if row.get("own") == row.get("own") and "own" in row]
    return {name: ranked[-1][name] for name in ("step", *CHECKS)} if ranked else {}


def page(facts: Mapping[str, Any]) -> str:
    (num_fit, num_test), accuracy = facts["probe"]["photos"], facts["probe"]["accuracy"]
    millions = {name: f"{number / 1e6:.2f} M" for name, number in facts["parameters"].items()}
    lines = [
        "# What mini is made of",
        "",
        f"Written by `{facts['command']}`, model {facts['fingerprint']}.",
        "",
        f"Weights: {', '.join(f'{name} {number}' for name, number in millions.items())}.",
        "",
        "## What the frozen backbone holds",
        "",
        f"Probes that learn on the readout of {num_fit} drawn objects of {NUM_SILHOUETTES['seen']} seen silhouettes "
        f"and are tested on {num_test} of {NUM_SILHOUETTES['unseen']} silhouettes that no training saw: values "
        f"that are right, in percent, with the 95 % interval over photos; chance is {100 / NUM_VALUES:.1f}. Linear: "
        "discriminant analysis, what a linear map reads off. Two layers: a perceptron with "
        f"{HIDDEN} hidden units, what is there to be read.",
        "",
        *header(["factor", "linear", "two layers"]),
        *(f"| {name} | {' | '.join(cell(accuracy[kind][name]) for kind in PROBES)} |" for name in FACTORS),
        "",
    ]
    if facts["validation"]:
        lines += [
            "## The last validation of each training seed",
            "",
            "mAP in percent on held-out rule episodes, K = 16, and shares of held-out pairs that the verifier gets "
            "right with the own and with flipped labels. These episodes may choose a checkpoint: leads, not results.",
            "",
            *header(["run", "step", *CHECKS]),
        ]
        for run, found in facts["validation"].items():
            lines.append("| " + " | ".join([run, str(found["step"]), *(f"{found[n]:.2f}" for n in CHECKS)]) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
