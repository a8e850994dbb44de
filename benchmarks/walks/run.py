"""What people get who teach their own photos: the commands, the answers, and how often they are right.

    nice python -m benchmarks.walks.run TABLE.parquet ... [--draws 3] [--seed 0] [--runs runs/walks]

A walk is taken where all its sets are given: results/walks.md and .json. Each draw takes other individuals; what an
earlier run has done is in --runs.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.lib.program import ROOT, command_of, run, study_parser
from benchmarks.lib.results import kept, write_results
from benchmarks.walks.commands import summarise, take_walk
from benchmarks.walks.photos import Walk, write_photos
from vicp.errors import DataError
from vicp.phrases import counted

WALKS: dict[str, Walk] = {
    "6 dogs": Walk(("dogs_street",), "dog", 6, 4, 12, "Each dog at one place; training has seen these dogs."),
    "24 household things": Walk(("household50",), "thing", 24, 3, 24, "A white table, turned objects."),
    "a herd of 50": Walk(("holstein2025",), "cow", 50, 4, 30, "Faces by a surveillance camera, of other clips."),
    "a herd of 183": Walk(
        ("holstein2025", "cattely", "cows_above"),
        "cow",
        160,
        3,
        23,
        "Three farms together: 92 and 45 faces, 46 backs. Training has seen some of them; photos of one cow in cattely "
        "and cows_above are of one clip.",
    ),
}
COLUMNS = {
    "answered": "answered, %",
    "top1": "right one first, %",
    "named_right": "named right, %",
    "called_new": "new called new, %",
    "stated": "stated, %",
    "right": "right, %",
    "ece": "ECE",
    "ari": "ARI",
    "grouped": "photos grouped, %",
    "pure": "groups pure, %",
    "stated_pure": "stated, %",
}
_PLAIN = ("ece", "ari")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = study_parser(__doc__, "tables", "--draws", "--seed", out=ROOT / "results" / "walks")
    parser.add_argument("--model", default="mini", help="what teaches")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "walks", help="folder of what was done")
    options = parser.parse_args(arguments)
    tables = {table.stem: table.resolve() for table in options.tables}
    walks = {name: walk for name, walk in WALKS.items() if set(walk.tables) <= set(tables)}
    if not walks:
        raise DataError(f"no walk has all its sets among {', '.join(tables)}; give those of one in WALKS")
    model = [] if options.model == parser.get_default("model") else ["--model", options.model]
    draws = {name: _draws(name, walk, tables, options, model) for name, walk in walks.items()}
    facts = {
        "command": command_of(parser, options, "benchmarks.walks.run"),
        "draws": options.draws,
        "seed": options.seed,
        "walks": {name: summarise([draw["facts"] for draw in of_one]) for name, of_one in draws.items()},
        "notes": {name: walk.note for name, walk in walks.items()},
        "logs": {name: of_one[0]["log"] for name, of_one in draws.items()},
    }
    write_results(options.out, facts, page(facts))


def _draws(
    name: str, walk: Walk, tables: Mapping[str, Path], options: Any, model: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the facts and the log of each draw of a walk, those of an earlier run as they are."""

    def take(seed: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="vicp-walk-") as folder:
            photos = write_photos(walk, dict(tables), Path(folder), seed=seed)
            facts, log = take_walk(walk, photos, model=model)
        return {"facts": facts, "log": log}

    seeds = range(options.seed, options.seed + options.draws)
    return [
        kept(options.runs / f"{name.replace(' ', '-')}-{options.model}-{seed}.json", lambda seed=seed: take(seed))
        for seed in seeds
    ]


def page(facts: Mapping[str, Any]) -> str:
    """The page of these facts."""
    lines = [
        "# People's own photos",
        "",
        f"Written by `{facts['command']}`. A folder of named photos is taught at default settings. Other photos of the "
        "same individuals, and one photo of each of some individuals that have no name, are then asked about; photos "
        f"of these others are grouped. {counted(facts['draws'], 'draw')} of individuals.",
        "",
        "Right one first: of photos of known individuals, whatever is said of somebody new. Named right: of these, the "
        "ones whose likeliest answer is the right name. Stated: the mean probability of the answers; right: the share "
        "of them that are right; ECE: how far the two are apart, by tenths; in these three, known and new individuals "
        "weigh the same, as the prior of 50 % for somebody new says. ARI: the adjusted Rand index of the "
        "groups; pure: the share of groups that show one individual, beside the share that was stated.",
        "",
        f"| walk | individuals, photos | asked, new | {' | '.join(COLUMNS.values())} |",
        f"| --- | ---: | ---: |{' ---: |' * len(COLUMNS)}",
    ]
    for name, row in facts["walks"].items():
        cells = [_cell(key, row[key]) for key in COLUMNS]
        counts = f"{row['individuals']}, {row['photos']} | {row['asked']}, {row['asked_new']}"
        lines.append(f"| {name} | {counts} | {' | '.join(cells)} |")
    differing = max(row["difference"] for row in facts["walks"].values())
    lines += ["", f"A folder and a gallery of it gave probabilities that differ by at most {differing:.6f}."]
    for name, log in facts["logs"].items():
        lines += ["", f"## {name[0].upper()}{name[1:]}", "", facts["notes"][name], "", "```console"]
        for command, answer in log:
            lines += [f"$ {command}", answer]
        lines += ["```"]
    return "\n".join([*lines, ""])


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if key in _PLAIN else f"{100 * value:.0f}"


if __name__ == "__main__":
    run(main)
