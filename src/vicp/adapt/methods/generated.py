"""The paper's prompt: the LLM reads the support and emits the prompt; and how far it understood the support."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.methods.whitening import WhiteningTransform
from vicp.adapt.prompt import Prompt, Recipe
from vicp.data.seeds import derive_seed
from vicp.data.support import Support
from vicp.errors import ConfigError
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP
from vicp.model.visual_prompt import VisualPrompt

NUM_FOLDS = 4
SUSPECT = 0.1  # a pair whose own label gets less than this is worth a second look
BY_CHANCE = 0.05  # of contexts that say nothing, so many pass for foreseen


@dataclass(frozen=True)
class LabelPrediction:
    """What the LLM says of pairs whose label it has not seen.

    Attributes:
        probability: P(same) of each pair (K,), from a context of the other folds' pairs.
        same: the labels given (K,) bool.
    """

    probability: np.ndarray
    same: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of pairs whose held-out label the LLM gets right; 0.5 is guessing on balanced pairs."""
        return float(((self.probability > 0.5) == self.same).mean())

    @property
    def guess(self) -> float:
        """Share of pairs that one answer for all of them gets right."""
        share = float(self.same.mean())
        return max(share, 1 - share)

    @property
    def foreseen(self) -> bool:
        """Whether the LLM gets clearly more labels right than one answer for all: a binomial test; never of 4 pairs."""
        right = round(self.accuracy * len(self.same))
        return bool(stats.binomtest(right, len(self.same), self.guess, alternative="greater").pvalue < BY_CHANCE)

    @property
    def suspects(self) -> list[int]:
        """Pairs that look mislabelled, most suspicious first; none where labels are not foreseen."""
        if not self.foreseen:
            return []
        of_given = np.where(self.same, self.probability, 1 - self.probability)
        return [int(i) for i in np.argsort(of_given, kind="stable") if of_given[i] < SUSPECT]


def generated_prompt(embedder: Embedder, support: EncodedSupport) -> Prompt:
    """The paper's prompt: photos embedded under the prompt that the LLM emits for the support.

    Raises:
        ConfigError: a bare backbone, which has no LLM.
    """
    latents = embedder.latents(support.pixels) if support.latents is None else support.latents
    return Prompt.of(infer_prompt(embedder, latents, support.pairs, category=support.category, seed=support.seed))


def emitted_metric_prompt(embedder: Embedder, start: Prompt) -> Prompt:
    """The metric that an emitted prompt says, on frozen photos: without its tokens, no photo is looked at again.

    Args:
        embedder: of a VICP model that emits gains.
        start: the paper's prompt.

    Raises:
        ConfigError: the prompt has no gains.
    """
    head = embedder.full_model.metric_head
    if start.visual is None or start.visual.category_metric is None or head is None:
        raise ConfigError("this model emits prompt tokens alone, and no metric of the readout: choose another method")
    with torch.inference_mode():
        emitted = start.visual.category_metric
        metric = WhiteningTransform(head.centre_of(emitted).clone(), head.matrix(emitted))
    return replace(start, recipe=replace(start.recipe, features="frozen"), metric=metric)


def blend_with(readout: Prompt, other: Prompt, recipe: Recipe) -> Prompt:
    """The emitted metric beside another of the same photos, as a recipe with a share says."""
    return replace(readout, recipe=recipe, metric=other.metric, beside=readout.metric)


def infer_prompt(
    embedder: Embedder, latents: Latents, support: Support, *, category: str, seed: int | None = None
) -> VisualPrompt:
    """The prompt of a category from its support.

    Args:
        embedder: of a VICP model.
        latents: of every photo the support points into (n).
        support: K pairs; an empty one gives the null prompt. Of more than the LLM takes, a random part is read.
        category: what the photos show.
        seed: of the support draw, for the record.

    Raises:
        ConfigError: a bare backbone, which has no LLM.
    """
    model = embedder.full_model
    support = _pairs_that_fit(support, model.max_pairs, seed or 0)
    left, right, same = _tensors(latents, support)
    return model.infer_prompt(left, right, same, category=category, seed=seed, fingerprint=embedder.fingerprint)


def null_prompt(embedder: Embedder, latents: Latents) -> VisualPrompt:
    """What the LLM emits when it reads no pair at all."""
    nothing = np.zeros(0, dtype=np.int64)
    empty = Support(nothing, nothing, np.zeros(0, dtype=np.bool_))
    return infer_prompt(embedder, latents, empty, category="nothing")


def predict_labels(
    model: VICP, latents: Latents, support: Support, *, seed: int, batch_size: int = 16
) -> LabelPrediction | None:
    """The LLM's own prediction of each pair's label, from the pairs of the other folds; None below 4 pairs."""
    num_pairs = len(support)
    if num_pairs < NUM_FOLDS:
        return None
    left, right, same = _tensors(latents, support)
    order = np.random.default_rng(derive_seed(seed, "label check")).permutation(num_pairs)
    probability = np.zeros(num_pairs)
    limit = None if model.max_pairs is None else model.max_pairs - 1  # the pair that is asked about comes last
    with torch.inference_mode():
        for fold in np.array_split(order, NUM_FOLDS):
            rest = torch.from_numpy(np.sort(order[~np.isin(order, fold)][:limit]))
            for rows in torch.from_numpy(fold).split(batch_size):
                logits = model.label_log_odds(left[rest], right[rest], same[rest], left[rows], right[rows])
                probability[rows.numpy()] = logits.sigmoid().double().numpy()
    return LabelPrediction(probability, support.same)


def _pairs_that_fit(support: Support, max_pairs: int | None, seed: int) -> Support:
    if max_pairs is None or len(support) <= max_pairs:
        return support
    rng = np.random.default_rng(derive_seed(seed, "pairs that fit"))
    rows = np.sort(rng.permutation(len(support))[:max_pairs])
    return Support(support.left[rows], support.right[rows], support.same[rows])


def _tensors(latents: Latents, support: Support) -> tuple[Latents, Latents, Tensor]:
    """Latents (K) of both sides and labels (K,)."""
    left, right = torch.from_numpy(support.left), torch.from_numpy(support.right)
    return latents[left], latents[right], torch.from_numpy(support.same)
