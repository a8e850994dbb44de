"""What it is worth how the support's pairs are selected: results/ablations/selection.md and .json.

    python benchmarks/selection.py --checkpoints FOLDER... [--tasks 24] [--sets TABLE.parquet... --draws 3] [--pairs 16]

Identities of all photos that may be taught are known, and K pairs of them are to be chosen: balanced, random, diverse
or hard ones. Drawn tasks are of the choice split, since a default is decided here; a checkpoint per training seed reads
them, the first one the photos of SETS. What is done lies under --runs.
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from context_asked import shown
from context_page import cell, header
from context_tables import interval_cells
from program import run
from vicp.adapt import choose
from vicp.adapt.adaptation import Adaptation
from vicp.adapt.embedding import Embedder
from vicp.adapt.generated import infer_prompt
from vicp.adapt.opening import open_model
from vicp.adapt.support_photos import SupportPhotos, pairs_within, see_pixels
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.selection import SELECTIONS, Selection, select_support
from vicp.data.sources import open_photos
from vicp.data.tasks import TaskPlan, make_task, plan_tasks
from vicp.errors import DataError
from vicp.evaluation.answer import Paper, answer
from vicp.evaluation.protocols.exam import Exam
from vicp.evaluation.protocols.papers import open_paper
from vicp.evaluation.protocols.protocol import draw_exams, find_protocol
from vicp.evaluation.report.files import json_text, write_files
from vicp.evaluation.seed_table import Floats, difference, mean
from vicp.evaluation.tasks.methods import paper_of
from vicp.evaluation.tasks.parts import PartKey, finish_part

ROOT = Path(__file__).parent.parent
OUT = ROOT / "results" / "ablations" / "selection"
SEED = 0
WORLD = "drawn world"
METHODS = {"own": "the generated prompt", "chosen": "what `auto` chooses, told the identities"}
TOLD: dict[Selection, str] = {
    "balanced": "half same-pairs, identities take turns: what `vicp teach` draws",
    "random": "any two photos",
    "diverse": "of balanced candidates, each pair differs in other ways than those before it",
    "hard": "of balanced candidates, the same-pairs least alike and the different-pairs most alike",
}
Maps = dict[str, float]  # by selection and method


@dataclass(frozen=True, eq=False)
class Case:
    """Photos to select pairs of, and photos to look up.

    Attributes:
        name: of the category.
        pixels: that may be taught (m, 3, S, S) uint8.
        identities: theirs.
        paper: the photos looked up.
    """

    name: str
    pixels: Tensor
    identities: Sequence[str]
    paper: Paper


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parse(arguments)
    embedders = [open_model(name).quiet() for name in asked.checkpoints]
    found = {WORLD: [list(of_tasks(asked, embedder)) for embedder in embedders]} if asked.tasks else {}
    found |= {path.stem: [list(of_set(asked, embedders[0], path))] for path in asked.sets}
    facts = {
        "command": command(asked),
        "unit": "mAP in percent",
        "seeds": {"checkpoints": [shown(name) for name in asked.checkpoints]},
        "fingerprints": [embedder.fingerprint for embedder in embedders],
        "pairs": asked.pairs,
        "photos": {name: rows(maps) for name, maps in found.items()},
    }
    write_files(asked.out.parent, {f"{asked.out.name}.json": json_text(facts), f"{asked.out.name}.md": page(facts)})


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", nargs="+", type=str, default=["mini"], help="one per training seed")
    parser.add_argument("--tasks", type=int, default=24, help="of the choice split of the drawn world")
    parser.add_argument("--sets", nargs="*", type=Path, default=[], help="Parquet tables")
    parser.add_argument("--draws", type=int, default=3, help="supports per category of photos")
    parser.add_argument("--pairs", type=int, default=16, help="K")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "selection", help="folder of what is done")
    parser.add_argument("--out", type=Path, default=OUT, help="stem of the files")
    return parser.parse_args(arguments)


def command(asked: argparse.Namespace) -> str:
    words = ["python", "benchmarks/selection.py", "--checkpoints", *map(shown, asked.checkpoints)]
    words += ["--sets", *map(shown, asked.sets)] if asked.sets else []
    for name, usual in (("tasks", 24), ("draws", 3), ("pairs", 16)):
        words += [f"--{name}", str(getattr(asked, name))] if getattr(asked, name) != usual else []
    return shlex.join(words)


def of_tasks(asked: argparse.Namespace, embedder: Embedder) -> Iterator[Maps]:
    """What the selections reach on every drawn task."""
    for plan in plan_tasks("choice", asked.tasks):
        yield done(asked, embedder, "choice", plan.name, partial(of_task, embedder, plan, asked.pairs))


def of_task(embedder: Embedder, plan: TaskPlan, num_pairs: int) -> Maps:
    task = make_task(plan, size=embedder.transform.size)
    names = [str(code) for code in task.identities[task.support].tolist()]
    return maps(embedder, Case(plan.name, task.pool.images[task.support], names, paper_of(task)), num_pairs, 0)


def of_set(asked: argparse.Namespace, embedder: Embedder, path: Path) -> Iterator[Maps]:
    """What the selections reach on every category and draw of a set of photos that has pairs enough."""
    table = open_photos(path)
    for exam in draw_exams(table, find_protocol("vicp-retrieval"), source=None, seed=SEED)[0]:
        for draw in range(asked.draws):
            make = partial(of_exam, embedder, table, exam, asked.pairs, draw)
            try:
                yield done(asked, embedder, path.stem, f"{exam.category}-{draw}", make)
            except DataError as error:  # not so many pairs
                print(f"{path.stem}, {exam.category}: left out: {error}", file=sys.stderr, flush=True)
                break


def of_exam(embedder: Embedder, table: PhotoTable, exam: Exam, num_pairs: int, draw: int) -> Maps:
    taught = table.select(exam.support)
    _, pixels = embedder.pixels(taught)
    with open_paper(embedder, table, exam) as paper:
        return maps(embedder, Case(exam.category, pixels, taught.identities, paper), num_pairs, draw)


def done(asked: argparse.Namespace, embedder: Embedder, test: str, name: str, make: Callable[[], Maps]) -> Maps:
    key = PartKey(test, name, "selection", asked.pairs, embedder.fingerprint)

    def part() -> dict[str, Any]:
        found = make()
        print(f"{test} {name}: {found}", file=sys.stderr, flush=True)
        return {"map": found}

    found: Maps = finish_part(asked.runs, key, {"size": embedder.transform.size}, part)["map"]
    return found


def maps(embedder: Embedder, case: Case, num_pairs: int, draw: int) -> Maps:
    """MAP in percent by selection and method, and the share of same-pairs."""
    features = embedder.embed_pixels(case.pixels, mirror=False).numpy()  # (m, D)
    frozen = embedder.embed_pixels(case.paper.pixels)
    found = {"frozen": 100 * answer(case.paper, frozen).found.map}
    for how in SELECTIONS:
        seed = derive_seed(SEED, "selection", case.name, draw)
        support = seen(embedder, case, features, num_pairs, how, seed)
        found[f"{how}, same"] = 100 * float(support.pairs.same.mean())
        for method, adaptation in adaptations(embedder, support):
            looked = all(view is None for view in adaptation.views)
            embeddings = adaptation.finish([frozen]) if looked else embedder.embed_pixels(case.paper.pixels, adaptation)
            found[f"{how}, {method}"] = 100 * answer(case.paper, embeddings).found.map
    return found


def seen(
    embedder: Embedder, case: Case, features: np.ndarray, num_pairs: int, how: Selection, seed: int
) -> SupportPhotos:
    """The selected pairs with their photos alone."""
    pairs = select_support(case.identities, num_pairs, features, how=how, seed=seed)
    used = np.unique(np.concatenate([pairs.left, pairs.right]))
    names = [case.identities[row] for row in used]
    own = pairs_within(pairs, used)
    return see_pixels(embedder, case.pixels[used], own, category=case.name, identities=names, seed=seed)


def adaptations(embedder: Embedder, support: SupportPhotos) -> Iterator[tuple[str, Adaptation]]:
    assert support.latents is not None, "a VICP model"
    prompt = infer_prompt(embedder, support.latents, support.pairs, category=support.category, seed=support.seed)
    yield "own", Adaptation.of(prompt)
    yield "chosen", choose.adapt(embedder, support, "auto", steps=False)


def rows(found: Sequence[Sequence[Maps]]) -> dict[str, Any]:
    """By selection: mAP of each method, and the paired difference to balanced pairs."""

    def table(name: str) -> Floats:
        return np.array([[one[name] for one in line] for line in found])

    told: dict[str, Any] = {"frozen": as_cells(table("frozen")), "cases": len(found[0])}
    for how in SELECTIONS:
        told[how] = {"same": round(float(table(f"{how}, same").mean()), 1)}
        for method in METHODS:
            own, base = table(f"{how}, {method}"), table(f"balanced, {method}")
            apart = difference(own, base)
            told[how][method] = as_cells(own)
            told[how][f"{method} - balanced"] = None if apart is None or how == "balanced" else interval_cells(apart)
    return told


def as_cells(values: Floats) -> dict[str, float | None] | None:
    found = mean(values)
    return None if found is None else interval_cells(found)


def page(facts: Mapping[str, Any]) -> str:
    lines = [
        "# How the support's pairs are selected",
        "",
        f"Written by `{facts['command']}`.",
        "",
        f"mAP in percent with K = {facts['pairs']} pairs, in brackets the 95 % interval over tasks and training seeds "
        "(drawn world: the choice split) or over categories and draws (bootstrap). "
        + "; ".join(f"`{name}`: {told}" for name, told in METHODS.items())
        + ".",
        "",
        *(f"- `{how}`: {told}." for how, told in TOLD.items()),
        "",
    ]
    for name, found in facts["photos"].items():
        columns = [column for method in METHODS for column in (f"{method}", f"{method} - balanced")]
        lines += [f"## {name}", "", f"{found['cases']} cases; the plain backbone reaches {cell(found['frozen'])}.", ""]
        lines += header(["pairs", "same, %", *columns])
        for how in SELECTIONS:
            cells = [cell(found[how][column], signed="-" in column) for column in columns]
            lines.append("| " + " | ".join([how, f"{found[how]['same']:.0f}", *cells]) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
