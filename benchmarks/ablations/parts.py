"""What each part of an emitted prompt is worth: results/ablations/parts.md and .json.

    python -m benchmarks.ablations.parts --checkpoints FOLDER... [--tasks 24] [--pairs 16]

The prompt is made as always and read without some of its parts; the checkpoint was trained with all of them. A
checkpoint per training seed, tasks as in results/context.md. Tasks that are done lie under --runs.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.lib.parts_cache import PartKey, finish_part
from benchmarks.lib.program import ROOT, at_least, command_of, run, shown, study_parser
from benchmarks.lib.results import write_results
from benchmarks.lib.seed_statistics import Floats, Groups, Interval, difference, mean
from benchmarks.lib.table_cells import cell, header, interval_cells
from benchmarks.lib.task_methods import loaded_task_of
from benchmarks.lib.task_support import draw_task_support
from benchmarks.lib.tasks import SEEDS, Task, Test, make_task, plan_tasks
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_model
from vicp.data.images import normalise
from vicp.errors import ConfigError
from vicp.evaluation.scoring import score_task
from vicp.model.category_metric import CategoryMetric
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP, ContextOutput

PARTS = {  # whether the photos are prompted, and which gains there are
    "whole": "everything that the model emits",
    "no tokens": "the metric alone, on frozen photos",
    "tokens alone": "the paper's prompt, without a metric",
    "no evidence": "prompt tokens, and the gains that the LLM emits, followed in full",
    "no trust": "prompt tokens, evidence, and the LLM's gains followed in full; the tokens as far as trusted",
    "no LLM gains": "prompt tokens, and the metric that the evidence makes of the pairs alone",
    "evidence alone": "that metric on frozen photos: no LLM at all",
    "no nuisance": "prompt tokens and gains, and no directions taken away",
    "no centre": "everything, about the centre of all categories in place of this one's",
    "frozen": "the plain backbone",
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    embedders = [load_model(name).without_progress() for name in options.checkpoints]
    tests: dict[Test, dict[str, dict[str, Floats]]] = {}
    for test in ("A", "B"):
        rows = [[measure(options, test, embedder, number) for number in range(options.tasks)] for embedder in embedders]
        tests[test] = {
            name: {
                labels: np.array([[found[f"{name}, {labels}"] for found in line] for line in rows])
                for labels in ("own", "shuffled")
            }
            for name in PARTS
        }
    facts = {
        "command": options.command,
        "unit": "mAP in percent",
        "seeds": {
            "tasks": {test: SEEDS[test] for test in tests},
            "checkpoints": [shown(name) for name in options.checkpoints],
        },
        "pairs": options.pairs,
        "tasks": options.tasks,
        **{
            test: {name: row(table, rules_of(options, test)) for name, table in found.items()}
            for test, found in tests.items()
        },
    }
    write_results(options.out, facts, page(facts))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = study_parser(__doc__, "--checkpoints", "--pairs", out=ROOT / "results" / "ablations" / "parts")
    parser.add_argument("--tasks", type=at_least(2), default=24, help="of each test")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "parts", help="folder of finished tasks")
    options = parser.parse_args(arguments)
    options.command = command_of(parser, options, "benchmarks.ablations.parts")
    return options


def rules_of(options: argparse.Namespace, test: Test) -> Groups:
    """The name of each task's rule (tasks,)."""
    return np.array([plan.rule.name for plan in plan_tasks(test, options.tasks)])


def measure(options: argparse.Namespace, test: Test, embedder: Embedder, number: int) -> dict[str, float]:
    """MAP in percent of one task, by part and labels."""
    plan = plan_tasks(test, options.tasks)[number]
    key = PartKey(test, plan.name, "parts", options.pairs, embedder.fingerprint)

    def make() -> dict[str, Any]:
        task = make_task(plan, size=embedder.transform.size)
        found = dict(maps(embedder, task, options.pairs))
        print(f"{plan.name}: {found['whole, own']:.1f}", file=sys.stderr, flush=True)
        return {"map": found}

    found: dict[str, float] = finish_part(options.runs, key, {"seed": SEEDS[test]}, make)["map"]
    return found


@torch.inference_mode()
def maps(embedder: Embedder, task: Task, num_pairs: int) -> Iterator[tuple[str, float]]:
    """MAP in percent under each part of the prompt of the own and of shuffled labels."""
    support, loaded_task = draw_task_support(task, num_pairs), loaded_task_of(task)
    model, transform = embedder.full_model, embedder.transform
    latents = model.latents(normalise(support.pixels, transform))
    photos = normalise(loaded_task.pixels, transform)
    photos = torch.cat([photos, photos.flip(-1)])
    frozen = readouts(model, photos, None)
    for labels, pairs in (("own", support.pairs), ("shuffled", support.pairs.shuffled(support.seed))):
        left, right, same = (torch.from_numpy(side) for side in (pairs.left, pairs.right, pairs.same))
        reading = model.encode_context(latents[left][None], latents[right][None], same[None])
        prompted = readouts(model, photos, reading.tokens[0])
        for name, embeddings in embedded(model, reading, (latents[left], latents[right], same), frozen, prompted):
            yield f"{name}, {labels}", 100 * score_task(loaded_task, mirrored(embeddings)).retrieval.map


def embedded(
    model: VICP, reading: ContextOutput, pairs: tuple[Latents, Latents, Tensor], frozen: Tensor, prompted: Tensor
) -> Iterator[tuple[str, Tensor]]:
    """L2-normalised embeddings of readouts (n, D'), frozen or prompted, by the parts that are used."""
    head, evidence = model.metric_head, model.metric_refinement
    if head is None or evidence is None or reading.category_metric is None:
        raise ConfigError("this checkpoint emits no metric with evidence: there are no parts to leave out")
    left, right, same = (side[None] for side in pairs)
    seen = model.pair_embeddings(left, right, same)
    whole = reading.category_metric.of_context(0)
    emitted = head(reading.states)
    without_llm = evidence(torch.zeros_like(emitted), seen, head.centre).of_context(0)
    yield "whole", model.apply_metric(prompted, whole)
    yield "no tokens", model.apply_metric(frozen, whole)
    yield "tokens alone", model.apply_metric(prompted, None)
    yield "no evidence", model.apply_metric(prompted, CategoryMetric(emitted[0]))
    yield "no trust", model.apply_metric(prompted, evidence(emitted, seen, head.centre).of_context(0))
    yield "no LLM gains", model.apply_metric(prompted, without_llm)
    yield "evidence alone", model.apply_metric(frozen, without_llm)
    yield "no nuisance", model.apply_metric(prompted, replace(whole, nuisance=None))
    yield "no centre", model.apply_metric(prompted, replace(whole, centre=None))
    yield "frozen", model.apply_metric(frozen, None)


def readouts(model: VICP, photos: Tensor, tokens: Tensor | None) -> Tensor:
    """Readouts (n, D') of normalised photos, under prompt tokens or none."""
    states = None if tokens is None else model.backbone.prompt_states(tokens)
    return torch.cat([model.backbone.features(block, states) for block in photos.split(64)])


def mirrored(embeddings: Tensor) -> Tensor:
    """A photo's embedding and its mirror image's, summed."""
    return F.normalize(embeddings.unflatten(0, (2, -1)).sum(dim=0), dim=-1)


def row(table: Mapping[str, Floats], rules: Groups) -> dict[str, Any]:
    """Own, shuffled and their paired difference, of values (seeds, tasks) of tasks with these rules (tasks,)."""
    return {
        "own": as_cells(mean(table["own"], rules)),
        "shuffled": as_cells(mean(table["shuffled"], rules)),
        "own - shuffled": as_cells(difference(table["own"], table["shuffled"], rules)),
    }


def as_cells(found: Interval | None) -> dict[str, float | None]:
    assert found is not None, "two tasks or more"
    return interval_cells(found)


def page(facts: Mapping[str, Any]) -> str:
    lines = [
        "# What each part of an emitted prompt is worth",
        "",
        f"Written by `{facts['command']}`.",
        "",
        "mAP in percent; in brackets the 95 % interval over rules and training seeds (bootstrap). "
        f"{facts['tasks']} tasks a test, K = {facts['pairs']}, those of results/context.md. The model was trained with "
        "all parts; here its prompt is read without some of them. `shuffled`: the same pairs, their labels permuted.",
        "",
    ]
    for test, what in (("A", "unseen silhouettes"), ("B", "unseen silhouettes and rules")):
        lines += [f"## {test}: {what}", "", *header(["parts", "own", "shuffled", "own - shuffled", "what is used"])]
        for name, found in facts[test].items():
            cells = [cell(found["own"]), cell(found["shuffled"]), cell(found["own - shuffled"], signed=True)]
            lines.append("| " + " | ".join([name, *cells, PARTS[name]]) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
