"""Training curves as pictures, a line per run: results/curves/*.png, and curves.md that shows them.

    python -m benchmarks.checkpoint.training_curves RUN... [--out results/curves]

A run is a folder with a train.jsonl, or such a file; NAME=RUN gives its line a name. What is drawn: how far prompts
move with the context (spread), what the own labels are worth to the verifier (right answers and loss, against flipped
labels) and to retrieval (against shuffled ones), and the loss on held-out pairs. What no run has logged is left out.
"""

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lib.program import ROOT, run
from vicp.errors import DataError
from vicp.evaluation.plots.canvas import DASHES, LINE, PALETTE, add_key, name_axes, new_axes, png, words
from vicp.evaluation.report.write import write_files

Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Quantity:
    """A curve: one number of the log, or the first minus the second.

    Attributes:
        name: of the picture.
        axis: what it shows, in words.
        keys: of the log.
    """

    name: str
    axis: str
    keys: tuple[str, ...]


QUANTITIES = (
    Quantity("spread", "distance of prompts from their mean,\nover their length", ("spread",)),
    Quantity("labels", "pairs the verifier gets right,\nown minus flipped labels", ("verifier", "flipped")),
    Quantity("context", "mAP in percent,\nown minus shuffled labels", ("own", "shuffled")),
    Quantity("gap", "loss on held-out pairs,\nflipped minus own labels", ("gap",)),
    Quantity("pair-loss", "loss on held-out pairs", ("pair",)),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "curves")
    options = parser.parse_args(arguments)
    logs = dict(named(run) for run in options.runs)
    rows = {name: read_log(path) for name, path in logs.items()}
    lines = [
        "# Training curves",
        "",
        "Written by `" + shlex.join(["python", "-m", "benchmarks.checkpoint.training_curves", *logs]) + "`.",
        "",
    ]
    pictures: dict[str, bytes] = {}
    for quantity in QUANTITIES:
        curves = {name: found for name, log in rows.items() if (found := curve(log, quantity))}
        if curves:
            pictures[f"{quantity.name}.png"] = draw(curves, quantity)
            lines += [f"![{' '.join(quantity.axis.split())}]({quantity.name}.png)", ""]
            lines += [f"- {name}: {ends(found)}" for name, found in curves.items()] + [""]
    write_files(options.out, {**pictures, "curves.md": "\n".join(lines)})


def named(run: str) -> tuple[str, Path]:
    """The name of a run's line, and its log."""
    name, equals, path = run.rpartition("=")
    log = Path(path) / "train.jsonl" if Path(path).is_dir() else Path(path)
    return (name if equals else log.parent.name), log


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a run's log.

    Raises:
        DataError: it cannot be read.
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [row | {"step": int(row["step"])} for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot read this log ({error!r}); give the folder of a run of vicp train") from error


def curve(log: Sequence[Mapping[str, Any]], quantity: Quantity) -> Curve:
    """The points (step, value) that a run has logged, in order."""
    points = {}
    for row in log:
        if all(key in row for key in quantity.keys):
            points[row["step"]] = float(row[quantity.keys[0]]) - sum(float(row[key]) for key in quantity.keys[1:])
    return sorted(points.items())


def draw(curves: Mapping[str, Curve], quantity: Quantity) -> bytes:
    figure, axes = new_axes()
    for number, (name, points) in enumerate(curves.items()):
        steps, values = np.array(points).T
        style = {"color": PALETTE[number % len(PALETTE)], "linestyle": DASHES[number // len(PALETTE) % len(DASHES)]}
        marker = "o" if len(points) < 30 else None
        axes.plot(steps, values, label=words(name, 20), linewidth=2.4, marker=marker, **style)
    if min(value for points in curves.values() for _, value in points) < 0:
        axes.axhline(0, color=LINE, linewidth=1.5)
    else:
        axes.set_ylim(bottom=0)
    name_axes(axes, "step", quantity.axis)
    add_key(axes, "run")
    return png(figure)


def ends(points: Curve) -> str:
    """The first and the last point, in words."""
    (first, start), (last, end) = points[0], points[-1]
    return f"{start:.3g} at step {first}, {end:.3g} at step {last}"


if __name__ == "__main__":
    run(main)
