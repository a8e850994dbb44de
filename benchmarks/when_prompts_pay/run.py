"""Where prompt tokens lead every linear map of the frozen readout, in results/when-prompts-pay.md and .json.

    python -m benchmarks.when_prompts_pay.run [--checkpoint mini | --backbone FOLDER]

For each kind of task: the frozen readout; the best linear map of it; the best prompt tokens, in every layer; and the
best map of what these tokens make of the photos. Finished kinds are kept in runs/when-prompts-pay.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.lib.program import ROOT, at_least, command_of, run, study_parser
from benchmarks.lib.results import kept, write_results
from benchmarks.lib.seed_statistics import mean
from benchmarks.lib.table_cells import interval_cells
from benchmarks.when_prompts_pay.generated import generated_scores
from benchmarks.when_prompts_pay.oracles import (
    MAP_STEPS,
    TOKEN_STEPS,
    TOKENS,
    all_readouts,
    layer_accuracy,
    mean_average_precision,
    oracle_map,
    oracle_tokens,
)
from benchmarks.when_prompts_pay.page import page
from benchmarks.when_prompts_pay.pictures import PICTURE, write_pictures
from benchmarks.when_prompts_pay.tasks import KINDS, make_tasks
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import load_backbone_embedder, load_model


def main() -> None:
    parser = study_parser(__doc__, "--seed", out=ROOT / "results" / "when-prompts-pay")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--backbone", help="a folder of transformers in place of a checkpoint")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--train", type=at_least(4), default=24, help="tasks to learn from")
    parser.add_argument("--test", type=at_least(4), default=16, help="tasks on other silhouettes")
    parser.add_argument("--token-steps", type=at_least(1), default=TOKEN_STEPS)
    parser.add_argument("--pairs", type=at_least(2), default=64, help="that a checkpoint's LLM reads, K")
    parser.add_argument("--map-steps", type=at_least(1), default=MAP_STEPS)
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs" / "when-prompts-pay", help="folder of finished kinds"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    embedder = load_model(options.checkpoint) if options.backbone is None else load_backbone_embedder(options.backbone)
    facts = {
        "command": command_of(parser, options, "benchmarks.when_prompts_pay.run"),
        "unit": "percent",
        "size": embedder.transform.size,
        "tokens": TOKENS,
        "token_steps": options.token_steps,
        "map_steps": options.map_steps,
        "pairs": options.pairs,
        "tasks": {"train": options.train, "test": options.test},
        "kinds": {kind: one_kind(embedder, kind, options) for kind in options.kinds},
    }
    write_pictures(options.out.parent / PICTURE.parent, size=embedder.transform.size)
    write_results(options.out, facts, page(facts))


def one_kind(embedder: Embedder, kind: str, options: Any) -> dict[str, Any]:
    """The facts of a kind of task, from its file or made now."""
    settings = (
        f"{options.train}-{options.test}-{options.token_steps}-{options.map_steps}-{options.pairs}-{options.seed}"
    )
    path = options.runs / f"{kind}-{embedder.fingerprint}-{settings}.json"
    found: dict[str, Any] = kept(path, lambda: measure(embedder, kind, options))
    return found


def measure(embedder: Embedder, kind: str, options: Any) -> dict[str, Any]:
    """MAP of every way by task, the differences that matter, and what each layer holds."""
    size, seed = embedder.transform.size, options.seed
    train = make_tasks(kind, options.train, size=size, split="seen", seed=seed)
    test = make_tasks(kind, options.test, size=size, split="unseen", seed=seed)
    tokens = oracle_tokens(embedder, train, seed=seed, steps=options.token_steps)
    scores: dict[str, np.ndarray] = {}
    for plain, mapped, prompt in (("frozen", "map", None), ("prompts", "both", tokens)):
        fitted, tested = all_readouts(embedder, train, prompt), all_readouts(embedder, test, prompt)
        best = oracle_map(fitted, train.identities, seed=seed, steps=options.map_steps)
        scores[plain] = mean_average_precision(tested, test.identities)
        scores[mapped] = mean_average_precision(best.of(tested), test.identities)
    if embedder.model is not None:
        taught = make_tasks(kind, options.test, size=size, split="unseen", seed=seed, photos="taught")
        scores |= generated_scores(embedder, taught, test, num_pairs=options.pairs, seed=seed)
        scores["generated_less_map"] = scores["generated"] - scores["map"]
        scores["generated_less_shuffled"] = scores["generated"] - scores["generated_shuffled"]
    return {
        **{way: cells(found) for way, found in scores.items()},
        "prompts_less_map": cells(scores["prompts"] - scores["map"]),
        "both_less_map": cells(scores["both"] - scores["map"]),
        "layers": [round(value, 1) for value in layer_accuracy(embedder, train, test)],
    }


def cells(values: np.ndarray) -> dict[str, float | None]:
    """A mean over tasks with its interval."""
    found = mean(values[None])
    assert found is not None
    return interval_cells(found)


if __name__ == "__main__":
    run(main)
