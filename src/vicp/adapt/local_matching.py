"""Local matching: two photos compared patch by patch, next to their embeddings, as far as held-out photos say it helps.

An embedding sums a photo up. Stripes and spots are told apart by what is where, which patch tokens of a middle layer
still hold. They are whitened by the support's photos, whose labels only decide how much the comparison counts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.prompt import Prompt
from vicp.adapt.selection.cross_validation import Array, HeldOutComparisons, group_k_fold, lead
from vicp.data.images import normalise
from vicp.model.loading.precision import autocast, choose_precision

WEIGHTS = (0.0, 0.5, 1.0, 2.0)  # of patches against embeddings, both scaled to equal spread
USUAL_WEIGHT = 0.5
LEAST_VARIANCE = 1e-3  # of a direction, as a share of the largest; smaller ones are noise that whitening would blow up


@dataclass(frozen=True, eq=False)
class PatchWhitening:
    """Makes every direction of patch tokens vary alike.

    Attributes:
        mean: (D,).
        weight: (D, D), applied from the right.
    """

    mean: Tensor
    weight: Tensor

    @classmethod
    def fit(cls, patches: Tensor) -> "PatchWhitening":
        """Return the whitening of patch tokens (n, N, D) by their principal components."""
        rows = patches.flatten(0, 1).double()
        mean = rows.mean(dim=0)
        variance, directions = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
        scale = variance.clamp_min(LEAST_VARIANCE * float(variance[-1])).rsqrt()
        return cls(mean.float(), (directions * scale).float())

    def apply(self, patches: Tensor) -> Tensor:
        """Return patches (..., N, D) whitened and L2-normalised."""
        return F.normalize((patches - self.mean) @ self.weight, dim=-1)


@dataclass(frozen=True, eq=False)
class LocalMatching:
    """How photos of a category are compared patch by patch.

    Attributes:
        whitening: Of patch tokens.
        coefficient: By which the patch similarity is added to the cosine of embeddings.
    """

    whitening: PatchWhitening
    coefficient: float

    def patches(self, embedder: Embedder) -> Callable[[Tensor], Tensor]:
        """Return a function from photos (b, 3, S, S) uint8 to whitened patches (b, N, D)."""
        return lambda pixels: self.whitening.apply(middle_patches(embedder, pixels))


def middle_patches(embedder: Embedder, pixels: Tensor) -> Tensor:
    """Return float32 patch tokens (n, N, D) of photos (n, 3, S, S) uint8, see `Backbone.middle_patches`."""
    with torch.inference_mode(), autocast(choose_precision()):
        blocks = pixels.split(embedder.batch_size)
        return torch.cat([embedder.backbone.middle_patches(normalise(b, embedder.transform)).float() for b in blocks])


def patch_similarity(left: Tensor, right: Tensor) -> Tensor:
    """Return the mean cosine of each patch of either photo to the patch of the other that is most like it, (b,).

    Args:
        left: L2-normalised patches (b, N, D).
        right: (b, M, D).
    """
    cosine = left @ right.transpose(-1, -2)  # (b, N, M)
    return (cosine.amax(dim=-1).mean(dim=-1) + cosine.amax(dim=-2).mean(dim=-1)) / 2


def fit_local_matching(embedder: Embedder, support: EncodedSupport, prompt: Prompt) -> LocalMatching | None:
    """Return local matching with the weight that ranks held-out photos best; None where it only harms.

    Another weight than the usual one is taken where it leads that by more than one standard error over groups of
    photos; a support too small to hold photos out takes the usual one.

    Args:
        embedder: What embeds the photos.
        support: Of the category.
        prompt: Taught by it; its held-out similarities say what the embeddings do alone.
    """
    folds = group_k_fold(support) if prompt.held_out is not None else []
    comparisons = HeldOutComparisons.of(support, folds)
    compared = comparisons.same | comparisons.different if folds else ~np.eye(len(support), dtype=bool)
    patches = middle_patches(embedder, support.tensor)
    whitening = PatchWhitening.fit(patches)
    by_patches = _similarities(whitening.apply(patches), compared)
    by_embedding = _embedding_similarities(embedder, support, prompt)
    scale = float(by_embedding[compared].std() / by_patches[compared].std())
    weight = _best_weight(comparisons, by_embedding, scale * by_patches) if folds else USUAL_WEIGHT
    return LocalMatching(whitening, weight * scale) if weight else None


def _embedding_similarities(embedder: Embedder, support: EncodedSupport, prompt: Prompt) -> Array:
    """Return the cosines (n, n) of the support's embeddings, held out where the prompt knows them."""
    if prompt.held_out is not None:
        return prompt.held_out.similarity.astype(np.float64)
    embeddings = embedder.embed_pixels(support.tensor, prompt).double()
    similarity: Array = (embeddings @ embeddings.T).numpy()
    return similarity


def _best_weight(comparisons: HeldOutComparisons, by_embedding: Array, by_patches: Array) -> float:
    """Return the weight that leads the usual one most, less a standard error; the usual one where none does."""
    by_group = {weight: comparisons.by_group(by_embedding + weight * by_patches) for weight in WEIGHTS}
    return max((USUAL_WEIGHT, *WEIGHTS), key=lambda weight: lead(by_group[weight], by_group[USUAL_WEIGHT]))


def _similarities(patches: Tensor, wanted: NDArray[np.bool_]) -> Array:
    """Return the patch similarity (n, n) of photos' patches (n, N, D) where it is wanted, NaN elsewhere."""
    similarity = np.full(wanted.shape, np.nan)
    for row, others in enumerate(np.triu(wanted | wanted.T)):
        columns = np.flatnonzero(others)
        if len(columns):
            values = patch_similarity(patches[row, None], patches[torch.from_numpy(columns)]).double().numpy()
            similarity[row, columns] = similarity[columns, row] = values
    return similarity
