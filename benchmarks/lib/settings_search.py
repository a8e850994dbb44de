"""Settings of the methods that take gradient steps, chosen on tasks of their own: as much trying for each of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.lib.method_suite import MethodSuite
from benchmarks.lib.task_methods import rank
from benchmarks.lib.task_support import TaskSupport, draw_task_support, relation_of, see_task_support
from benchmarks.lib.tasks import Task
from vicp.adapt.fitting import Fitter, SupportFeatures
from vicp.adapt.methods import finetuned
from vicp.adapt.methods.finetuned import FinetuneSettings, Loss
from vicp.adapt.recipe import TunedPrompt

STEPS = (10, 20, 30, 60, 120)
TUNED_RATES, RETRAINED_RATES = (2e-3, 5e-3, 2e-2), (3e-5, 1e-4, 3e-4)
KINDS = ("tuned_pairs", "tuned_identities", "triplet_plus_pairs", "triplet_plus_identities")


@dataclass(frozen=True)
class Candidate:
    """Settings to try, at each of `STEPS`.

    Attributes:
        rate: of AdamW.
        loss: of fine-tuning the backbone; tuned prompts have the ranking loss.
        from_triplet: fine-tuning starts from the triplet baseline, not from the plain backbone.
    """

    rate: float
    loss: Loss = "ranking"
    from_triplet: bool = False

    def __str__(self) -> str:
        """Such as "0.001-ranking"."""
        return f"{self.rate:g}-{self.loss}" + ("-from-triplet" if self.from_triplet else "")


def candidates(method: str, *, has_triplet: bool) -> list[Candidate]:
    """What is tried for a method; triplets need photos of known identity, for a pair has no third photo.

    Triplet+ is fine-tuned from Triplet, where there is one.
    """
    if method.startswith("tuned"):
        return [Candidate(rate) for rate in TUNED_RATES]
    losses: tuple[Loss, ...] = ("triplet", "ranking") if method.endswith("_identities") else ("ranking",)
    return [Candidate(rate, loss, has_triplet) for loss in losses for rate in RETRAINED_RATES]


def try_candidate(
    method: str, suite: MethodSuite, task: Task, num_pairs: int, candidate: Candidate
) -> dict[int, float]:
    """MAP in percent on a task after each of `STEPS`."""
    support, with_identities = draw_task_support(task, num_pairs), method.endswith("_identities")
    return dict(zip(STEPS, _path(method, suite, task, support, with_identities, candidate), strict=True))


def _path(
    method: str, suite: MethodSuite, task: Task, support: TaskSupport, with_identities: bool, candidate: Candidate
) -> Iterator[float]:
    if method.startswith("tuned"):
        seen = see_task_support(suite.embedder, support, with_identities=with_identities)
        fitter = Fitter(SupportFeatures(suite.embedder, seen))  # each recipe goes on from the steps of the one before
        for steps in STEPS:
            yield rank(task, suite.embedder, fitter.fit(TunedPrompt("generated", steps, candidate.rate)))
        return
    embedder = suite.triplet if candidate.from_triplet and suite.triplet is not None else suite.embedder
    settings = FinetuneSettings(rate=candidate.rate, loss=candidate.loss)
    relation = relation_of(support, with_identities=with_identities)
    for changed in finetuned.finetuned_snapshots(
        embedder, support.pixels, relation, settings, steps=STEPS, seed=support.seed
    ):
        yield rank(task, changed, None)


def choose_settings(
    suite: MethodSuite, tried: Mapping[tuple[str, int, Candidate], Sequence[Mapping[int, float]]]
) -> tuple[MethodSuite, list[dict[str, object]]]:
    """The methods with the best settings, and what was chosen from what.

    Args:
        suite: to be completed.
        tried: by method, K and candidate: mAP by number of steps, of each choice task.
    """
    recipes, finetune_settings, rows = {}, {}, []
    for method, num_pairs in dict.fromkeys((method, k) for method, k, _ in tried):
        own = {c: found for (m, k, c), found in tried.items() if (m, k) == (method, num_pairs)}
        scores = {
            (c, steps): float(np.mean([each[steps] for each in found]))
            for c, found in own.items()
            for steps in found[0]
        }
        candidate, steps = max(scores, key=lambda key: scores[key])
        if method.startswith("tuned"):
            recipes[method, num_pairs] = TunedPrompt("generated", steps, candidate.rate)
        else:
            settings = FinetuneSettings(steps, candidate.rate, candidate.loss)
            finetune_settings[method, num_pairs] = (settings, candidate.from_triplet)
        best = {"method": method, "K": num_pairs, "chosen": f"{candidate}, {steps} steps", "map": max(scores.values())}
        rows.append({**best, "tried": {f"{c}, {s} steps": round(score, 2) for (c, s), score in scores.items()}})
    return replace(suite, tuned=recipes, finetuned=finetune_settings), rows
