"""Photos to select pairs of and photos to look up, and what each selection reaches on them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from benchmarks.lib.pair_selection import SELECTIONS, Selection, select_support
from benchmarks.lib.task_methods import loaded_task_of
from benchmarks.lib.tasks import TaskPlan, make_task
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, encode_pixels, pairs_within
from vicp.adapt.methods.generated import infer_prompt
from vicp.adapt.prompt import Prompt
from vicp.adapt.selection import select
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.evaluation.scoring import score_task
from vicp.evaluation.task import EvaluationTask, LoadedTask, load_task

METHODS = {"own": "the generated prompt", "chosen": "what `auto` chooses, from the identities"}
Maps = dict[str, float]  # by selection and method


@dataclass(frozen=True, eq=False)
class TaughtCategory:
    """Photos to select pairs of, and photos to look up; embeddings of the plain backbone are made once.

    Attributes:
        embedder: the model.
        name: of the category.
        pixels: that may be taught (m, 3, S, S) uint8.
        identities: theirs.
        loaded_task: the photos looked up.
    """

    embedder: Embedder
    name: str
    pixels: Tensor
    identities: Sequence[str]
    loaded_task: LoadedTask

    @cached_property
    def features(self) -> np.ndarray:
        """Of the photos that may be taught (m, D)."""
        features: np.ndarray = self.embedder.embed_pixels(self.pixels, mirror=False).numpy()
        return features

    @cached_property
    def frozen(self) -> Tensor:
        """Of the photos looked up (n, D)."""
        return self.embedder.embed_pixels(self.loaded_task.pixels, mirror=True)

    def map_of(self, embeddings: Tensor) -> float:
        """MAP of the photos looked up, in percent."""
        return 100 * score_task(self.loaded_task, embeddings).retrieval.map

    def under(self, adaptation: Prompt) -> Tensor:
        """The photos looked up, as an adaptation shows them (n, D')."""
        if all(view is None for view in adaptation.feature_sources):
            return torch.from_numpy(adaptation.project([self.frozen.numpy()]))
        return self.embedder.embed_pixels(self.loaded_task.pixels, adaptation, mirror=True)


def category_of_task(embedder: Embedder, plan: TaskPlan) -> TaughtCategory:
    """A drawn task: its support photos may be taught."""
    task = make_task(plan, size=embedder.transform.size)
    names = [str(code) for code in task.identities[task.support].tolist()]
    return TaughtCategory(embedder, plan.name, task.pool.images[task.support], names, loaded_task_of(task))


@contextmanager
def category_of_photos(embedder: Embedder, table: PhotoTable, task: EvaluationTask) -> Iterator[TaughtCategory]:
    """A category of a set of photos: those of its support identities may be taught."""
    taught = table.select(task.support)
    _, pixels = embedder.pixels(taught)
    with load_task(embedder, table, task) as loaded_task:
        yield TaughtCategory(embedder, task.category, pixels, taught.identities, loaded_task)


def score_selections(case: TaughtCategory, num_pairs: int, seed: int, draw: int) -> Maps:
    """MAP in percent by selection and method, and the share of same-pairs.

    Raises:
        DataError: the identities do not give so many pairs.
    """
    found = {"frozen": case.map_of(case.frozen)}
    for how in SELECTIONS:
        support = select_pairs(case, num_pairs, how, derive_seed(seed, "selection", case.name, draw))
        found[f"{how}, same"] = 100 * float(support.pairs.same.mean())
        for method, adaptation in adaptations(case.embedder, support):
            found[f"{how}, {method}"] = case.map_of(case.under(adaptation))
    return found


def select_pairs(case: TaughtCategory, num_pairs: int, how: Selection, seed: int) -> EncodedSupport:
    """The selected pairs with their photos alone."""
    pairs = select_support(case.identities, num_pairs, case.features, how=how, seed=seed)
    used = np.unique(np.concatenate([pairs.left, pairs.right]))
    names = [case.identities[row] for row in used]
    own = pairs_within(pairs, used)
    return encode_pixels(case.embedder, case.pixels[used], own, category=case.name, identities=names, seed=seed)


def adaptations(embedder: Embedder, support: EncodedSupport) -> Iterator[tuple[str, Prompt]]:
    """One per method."""
    assert support.latents is not None, "a VICP model"
    prompt = infer_prompt(embedder, support.latents, support.pairs, category=support.category, seed=support.seed)
    yield "own", Prompt.of(prompt)
    yield "chosen", select.fit_selected(embedder, support, "auto")
