"""What VICP makes of damaged photos, tables, prompts, checkpoints and settings: results/faults.md and .json.

    nice python -m benchmarks.faults.run [--photos 10000] [--others 2000]

A fault is a traceback, a case that computes for more than ten seconds, or a photo that is neither read nor named as
bad. What was done is in --runs, and the same command goes on there.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.faults.watch import Outcome, run_cases
from benchmarks.lib.program import ROOT, at_least, command_of, run, study_parser
from benchmarks.lib.results import write_results

KINDS = {
    "photos": "benchmarks.faults.photos",
    "prompts": "benchmarks.faults.prompts",
    "checkpoints": "benchmarks.faults.checkpoints",
    "tables": "benchmarks.faults.tables",
    "settings": "benchmarks.faults.settings",
}
"""What is damaged → the module whose `run_case(number, folder)` damages and reads it."""

_SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> None:
    parser = study_parser(__doc__, "--seed", out=ROOT / "results" / "faults")
    parser.add_argument("--photos", type=at_least(0), default=10_000, help="damaged photos")
    parser.add_argument("--others", type=at_least(0), default=2_000, help="other damaged files, as many of each kind")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "faults", help="folder of what was done")
    options = parser.parse_args(arguments)
    outcomes = {}
    for kind, number in counts(options.photos, options.others).items():
        first = options.seed * 10**6
        outcomes[kind] = outcomes_of(kind, range(first, first + number), options.runs)
    facts = {"command": command_of(parser, options, "benchmarks.faults.run"), **summarise(outcomes)}
    write_results(options.out, facts, page(facts))


def counts(photos: int, others: int) -> dict[str, int]:
    """Return how many cases of each kind there are."""
    kinds = [kind for kind in KINDS if kind != "photos"]
    return {"photos": photos} | {kind: others // len(kinds) + (n < others % len(kinds)) for n, kind in enumerate(kinds)}


def outcomes_of(kind: str, numbers: Sequence[int], runs: Path) -> list[Outcome]:
    """Return the outcomes of cases; those that the file of an earlier run has are not run again."""
    path = runs / f"{kind}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    done = {outcome.number: outcome for outcome in (Outcome(**json.loads(line)) for line in lines)}
    with path.open("a", encoding="utf-8") as file:
        for outcome in run_cases(KINDS[kind], [number for number in numbers if number not in done]):
            done[outcome.number] = outcome
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()
    return [done[number] for number in numbers]


def summarise(outcomes: dict[str, list[Outcome]]) -> dict[str, Any]:
    """Return the counts of photos and of all others, of each kind, and the faults themselves."""
    every = [outcome for cases in outcomes.values() for outcome in cases]
    others = [outcome for kind, cases in outcomes.items() if kind != "photos" for outcome in cases]
    return {
        "photos": counts_of(outcomes.get("photos", [])),
        "others": counts_of(others),
        "kinds": {kind: counts_of(cases) for kind, cases in outcomes.items()},
        "peak_mb": round(max((outcome.megabytes for outcome in every), default=0)),
        "longest_s": round(max((outcome.seconds for outcome in every), default=0.0), 1),
        "faults": [
            {"of": kind, "number": outcome.number, "kind": outcome.kind, "detail": outcome.detail}
            for kind, cases in outcomes.items()
            for outcome in cases
            if outcome.kind != "fine"
        ],
    }


def counts_of(outcomes: Sequence[Outcome]) -> dict[str, int]:
    kinds = Counter(outcome.kind for outcome in outcomes)
    return {
        "tried": len(outcomes),
        "tracebacks": kinds["traceback"],
        "hangs": kinds["hang"],
        "silent": kinds["silent"],
    }


def page(facts: dict[str, Any]) -> str:
    """The page of these facts."""
    lines = [
        "# Damaged files",
        "",
        f"Written by `{facts['command']}`.",
        "",
        "Each case damages a file at random and gives it to VICP. It should be read, or named as bad in one line. A "
        "hang is more than ten seconds of computing. Silent is a photo that is neither read nor named as bad, and a "
        "checkpoint that is loaded without one of its tensors.",
        "",
        "| damaged | tried | tracebacks | hangs | silent |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind, count in facts["kinds"].items():
        lines.append(f"| {kind} | {count['tried']:,} | {count['tracebacks']} | {count['hangs']} | {count['silent']} |")
    lines += [
        "",
        f"The largest process took {facts['peak_mb']} MB, and the longest case {facts['longest_s']} s of computing.",
    ]
    if facts["faults"]:
        lines += ["", "## Faults", ""]
        lines += [
            f"- {fault['of']} {fault['number']}: {fault['kind']}, {(fault['detail'].splitlines() or ['-'])[-1]}"
            for fault in facts["faults"][:_SHOWN]
        ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    run(main)
