"""Triplet+: a copy of the backbone is fine-tuned on the support's photos, all of its weights.

The baseline to adapting by prompt: what few-shot fine-tuning makes of the same labels, and what it costs.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.methods.tuned import ranking_loss
from vicp.data.images import normalise
from vicp.data.seeds import derive_seed
from vicp.losses.triplet import triplet_loss
from vicp.model.backbone import Backbone
from vicp.model.loading.precision import autocast, choose_precision

BATCH = 32  # photos per step
PHOTOS_PER_IDENTITY = 4
Loss = Literal["triplet", "ranking"]


@dataclass(frozen=True)
class FinetuneSettings:
    """How a backbone is fine-tuned on a support.

    Attributes:
        steps: Of AdamW.
        rate: Its learning rate.
        loss: "triplet" (batch-hard, within each photo's known relations) or "ranking" (softplus over all same-pairs
            against all different-pairs, the loss of tuned prompts).
    """

    steps: int = 30
    rate: float = 1e-4
    loss: Loss = "ranking"

    def __str__(self) -> str:
        """Return the settings in words, such as "30 steps at 0.0001, ranking loss"."""
        return f"{self.steps} steps at {self.rate:g}, {self.loss} loss"


def finetuned(
    embedder: Embedder, pixels: Tensor, relation: np.ndarray, settings: FinetuneSettings, *, seed: int
) -> Embedder:
    """Return the embedder of a fine-tuned copy of the backbone: a bare one, without a model or a static prompt.

    Args: see `finetuned_snapshots`.
    """
    return list(finetuned_snapshots(embedder, pixels, relation, settings, steps=[settings.steps], seed=seed))[-1]


def finetuned_snapshots(
    embedder: Embedder,
    pixels: Tensor,
    relation: np.ndarray,
    settings: FinetuneSettings,
    *,
    steps: Sequence[int],
    seed: int,
) -> Iterator[Embedder]:
    """Yield the embedder after each of these numbers of steps, ascending: one backbone, which goes on changing.

    Args:
        embedder: Whose backbone is copied, and stays as it is.
        pixels: The support's photos (n, 3, S, S) uint8; each is mirrored in half of the steps that show it.
        relation: (n, n) 1 same identity, -1 different ones, 0 unknown.
        settings: Rate and loss.
        steps: Numbers of steps, each at least 1.
        seed: Of the batches.
    """
    vit = copy.deepcopy(embedder.backbone.vit).eval().requires_grad_(True)
    backbone = Backbone(vit, pooling=embedder.backbone.pooling, frozen=False)
    trainable = [parameter for parameter in vit.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=settings.rate, weight_decay=0.0)
    rng = np.random.default_rng(derive_seed(seed, "retrained"))  # another name would move the published numbers
    rows = batches(relation, rng)
    for step in range(1, max(steps) + 1):
        chosen = next(rows)
        photos = normalise(pixels[chosen], embedder.transform)
        mirrored = torch.from_numpy(rng.random(len(chosen)) < 0.5)
        photos = torch.where(mirrored[:, None, None, None], photos.flip(-1), photos)
        with autocast(choose_precision()):
            embeddings = backbone.embed(photos)  # (b, D)
        loss = support_loss(embeddings, torch.from_numpy(relation[np.ix_(chosen, chosen)]), settings.loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in steps:
            marker = f"{embedder.fingerprint}+{step}"  # no prompt belongs to it
            yield replace(embedder, backbone=backbone, model=None, static=None, fingerprint=marker)


def support_loss(embeddings: Tensor, relation: Tensor, loss: Loss) -> Tensor:
    """Return the loss (scalar) of embeddings (b, D) with relations (b, b); 0 where nothing can be compared."""
    if loss == "ranking":
        return ranking_loss(embeddings, relation)
    identities = (relation == 1).int().argmax(dim=1)  # the first photo of the same identity
    return triplet_loss(embeddings, identities, mining="batch_hard", exclude=relation == 0)


def batches(relation: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield ascending positions of at most `BATCH` photos, without end; all photos where they are no more.

    Otherwise up to four photos each of identities that have several, in random order: as many as fit where all
    relations are known, else half a batch, the other half being photos of different-pairs.
    """
    if len(relation) <= BATCH:
        while True:
            yield np.arange(len(relation))
    first = (relation == 1).argmax(axis=1)
    names, sizes = np.unique(first, return_counts=True)
    groups = [np.flatnonzero(first == name) for name in names[sizes > 1]]
    all_known = bool((relation != 0).all())
    different = np.argwhere(np.triu(relation == -1))
    while True:
        chosen: list[int] = []
        for number in rng.permutation(len(groups)):
            photos = rng.permutation(groups[number])[:PHOTOS_PER_IDENTITY]
            if len(chosen) + len(photos) > (BATCH if all_known else BATCH // 2):
                break
            chosen += photos.tolist()
        for pair in rng.permutation(different)[: (BATCH - len(chosen)) // 2]:
            chosen += pair.tolist()
        yield np.unique(chosen)
