"""The paper's adaptation: the LLM reads the support and emits the prompt; and how far it understood the support."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vicp.data.seeds import derive_seed
from vicp.data.support import Support
from vicp.model.prompt import CategoryPrompt
from vicp.model.vicp import VICP

NUM_FOLDS = 4
SUSPECT = 0.1  # a pair whose own label gets less than this is worth a second look


@dataclass(frozen=True)
class LabelCheck:
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
    def suspects(self) -> list[int]:
        """Pairs that look mislabelled, most suspicious first."""
        of_given = np.where(self.same, self.probability, 1 - self.probability)
        return [int(i) for i in np.argsort(of_given, kind="stable") if of_given[i] < SUSPECT]


def infer_prompt(
    model: VICP, latents: Tensor, support: Support, *, category: str, seed: int | None = None
) -> CategoryPrompt:
    """The prompt of a category from its support.

    Args:
        model: the model.
        latents: of every photo the support points into (n, Q, E).
        support: K pairs; an empty one gives the null prompt.
        category: what the photos show.
        seed: of the support draw, for the record.
    """
    left, right, same = _tensors(latents, support)
    return model.infer_prompt(left, right, same, category=category, seed=seed)


def null_prompt(model: VICP, latents: Tensor) -> CategoryPrompt:
    """What the LLM emits when it reads no pair at all."""
    nothing = np.zeros(0, dtype=np.int64)
    empty = Support(nothing, nothing, np.zeros(0, dtype=np.bool_))
    return infer_prompt(model, latents, empty, category="nothing")


def check_labels(
    model: VICP, latents: Tensor, support: Support, *, seed: int, batch_size: int = 16
) -> LabelCheck | None:
    """The LLM's own prediction of each pair's label, from the pairs of the other folds; None below 4 pairs."""
    num_pairs = len(support)
    if num_pairs < NUM_FOLDS:
        return None
    left, right, same = _tensors(latents, support)
    order = np.random.default_rng(derive_seed(seed, "label check")).permutation(num_pairs)
    probability = np.zeros(num_pairs)
    with torch.inference_mode():
        for fold in np.array_split(order, NUM_FOLDS):
            rest = torch.from_numpy(np.setdiff1d(order, fold))
            for rows in torch.from_numpy(fold).split(batch_size):
                logits = model.predict(left[rest], right[rest], same[rest], left[rows], right[rows])
                probability[rows.numpy()] = logits.sigmoid().double().numpy()
    return LabelCheck(probability, support.same)


def _tensors(latents: Tensor, support: Support) -> tuple[Tensor, Tensor, Tensor]:
    """Latents (K, Q, E) of both sides and labels (K,)."""
    left, right = torch.from_numpy(support.left), torch.from_numpy(support.right)
    return latents[left], latents[right], torch.from_numpy(support.same)
