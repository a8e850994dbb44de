"""The model's direct answers on pairs of photos, without an embedding: held-out labels, and the in-context verifier."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.methods.generated import pair_tensors
from vicp.adapt.prompt import Prompt
from vicp.data.seeds import derive_seed
from vicp.data.support.support import Support
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP

NUM_FOLDS = 4
SUSPECT = 0.05  # pairs whose given label has a lower probability may be mislabelled: results/mislabels.md
SIGNIFICANCE = 0.05  # share of uninformative contexts whose labels pass for predictable


@dataclass(frozen=True)
class LabelPrediction:
    """The LLM's predictions of labels that it has not seen.

    Attributes:
        probability: P(same) of each pair (K,), from a context of the other folds' pairs.
        same: The labels given (K,) bool.
    """

    probability: np.ndarray
    same: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of held-out labels predicted right; 0.5 is chance on balanced pairs."""
        return float(((self.probability > 0.5) == self.same).mean())

    @property
    def majority_rate(self) -> float:
        """Share of labels that always predicting the majority label gets right."""
        share = float(self.same.mean())
        return max(share, 1 - share)

    @property
    def labels_predictable(self) -> bool:
        """Whether the accuracy is significantly above the majority rate: a one-sided binomial test.

        It takes more than 4 pairs.
        """
        num_right = round(self.accuracy * len(self.same))
        test = stats.binomtest(num_right, len(self.same), self.majority_rate, alternative="greater")
        return bool(test.pvalue < SIGNIFICANCE)

    @property
    def suspects(self) -> list[int]:
        """Pairs that look mislabelled, most suspicious first; none where labels are not predictable."""
        if not self.labels_predictable:
            return []
        of_given = np.where(self.same, self.probability, 1 - self.probability)
        return [int(i) for i in np.argsort(of_given, kind="stable") if of_given[i] < SUSPECT]


def predict_labels(
    model: VICP, latents: Latents, pairs: Support, *, seed: int, batch_size: int = 16
) -> LabelPrediction | None:
    """Return the LLM's prediction of each pair's label, from the pairs of the other folds; None below 4 pairs.

    Args:
        model: In eval mode.
        latents: Of every photo the pairs point into (n).
        pairs: K of them.
        seed: Of the folds.
        batch_size: Pairs predicted at once.
    """
    num_pairs = len(pairs)
    if num_pairs < NUM_FOLDS:
        return None
    left, right, same = pair_tensors(latents, pairs)
    order = np.random.default_rng(derive_seed(seed, "label check")).permutation(num_pairs)
    probability = np.zeros(num_pairs)
    limit = None if model.max_pairs is None else model.max_pairs - 1  # the held-out pair comes last
    with torch.inference_mode():
        for fold in np.array_split(order, NUM_FOLDS):
            context = torch.from_numpy(np.sort(order[~np.isin(order, fold)][:limit]))
            for rows in torch.from_numpy(fold).split(batch_size):
                logits = model.label_log_odds(left[context], right[context], same[context], left[rows], right[rows])
                probability[rows.numpy()] = logits.sigmoid().double().numpy()
    return LabelPrediction(probability, pairs.same)


def can_verify(embedder: Embedder, prompt: Prompt) -> bool:
    """Return whether there are slot states for the in-context verifier, and a model that has one."""
    return embedder.model is not None and prompt.visual is not None and prompt.visual.states is not None


def probability_same(embedder: Embedder, prompt: Prompt, a: Latents, b: Latents) -> Tensor:
    """Return the verifier's P(same) (R,) of R pairs of latents (R), not calibrated on the category.

    Raises:
        As `log_odds_same`.
    """
    return log_odds_same(embedder, prompt, a, b).sigmoid()


def log_odds_same(embedder: Embedder, prompt: Prompt, a: Latents, b: Latents) -> Tensor:
    """Return the log odds (R,) of `probability_same`, for ranking: near 0 and 1, probabilities of pairs become equal.

    Raises:
        ConfigError: A bare backbone, which has no verifier.
        PromptError: The prompt belongs to another model.
        ValueError: The prompt carries no slot states.
    """
    embedder.check(prompt)
    if prompt.visual is None or prompt.visual.states is None:
        raise ValueError("the prompt carries no slot states: no LLM read its pairs")
    with torch.inference_mode():
        states = torch.tensor(prompt.visual.states)
        return embedder.full_model.pair_log_odds(a[None], b[None], states[None])[0]
