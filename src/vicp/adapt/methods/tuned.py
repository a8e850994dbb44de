"""Tuned prompt: a few gradient steps on the prompt tokens alone, by the support's own pairs."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.adapt.embedder import Embedder, as_tensors
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import RandomTokens
from vicp.data.images import normalise
from vicp.data.seeds import derive_seed, generator
from vicp.model.category_metric import CategoryMetric
from vicp.model.loading.precision import autocast, choose_precision
from vicp.model.visual_prompt import VisualPrompt

NUM_PROMPTS = 8  # M of a random start
PAIRS_PER_STEP = 8  # of each kind: bounds the memory of a step
TEMPERATURE = 0.05


class Tuning:
    """Steps of AdamW on prompt tokens from one start at one rate, each taken when it is first asked for.

    Args:
        embedder: Whose backbone stays as it is.
        support: The photos and pairs tuned on.
        start: Whose prompt tokens are the first.
        rate: AdamW's learning rate, in units of the start's root mean square: layers norm what they read, so the
            size of a prompt token means nothing but how far a step goes.
    """

    def __init__(self, embedder: Embedder, support: EncodedSupport, start: VisualPrompt, *, rate: float) -> None:
        self.start = start
        self._snapshots = _token_snapshots(embedder, support, start, rate)
        self._tokens: list[Tensor] = []

    def after(self, steps: int) -> VisualPrompt:
        """Return the prompt after so many steps, at least 1."""
        if steps < 1:
            raise ValueError(f"steps is {steps}; expected at least 1")
        while len(self._tokens) < steps:
            self._tokens.append(next(self._snapshots))
        return replace(self.start, tokens=self._tokens[steps - 1].numpy())


def _token_snapshots(embedder: Embedder, support: EncodedSupport, start: VisualPrompt, rate: float) -> Iterator[Tensor]:
    """Yield the tokens after 1, 2, 3, ... steps, without end."""
    first, metric = torch.tensor(start.tokens), as_tensors(start.category_metric)
    size = first.square().mean().sqrt()
    tokens = (first / size).requires_grad_()
    optimizer = torch.optim.AdamW([tokens], lr=rate, weight_decay=0.0)
    for rows in _batches(support, derive_seed(support.seed or 0, "tuned")):
        loss = batch_loss(embedder, support, size * tokens, metric, rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield (size * tokens).detach()


def batch_loss(
    embedder: Embedder,
    support: EncodedSupport,
    tokens: Tensor,
    metric: CategoryMetric[Tensor] | None,
    rows: np.ndarray,
) -> Tensor:
    """Return the loss (scalar) of photos at `rows` under prompt tokens; 0 where nothing can be compared."""
    with autocast(choose_precision()):
        states = embedder.backbone.prompt_states(tokens)
        photos = normalise(support.tensor[rows], embedder.transform)
        embeddings = embedder.embed_batch(photos, states, metric)  # (b, D)
    return ranking_loss(embeddings, torch.from_numpy(support.relation[np.ix_(rows, rows)]))


def ranking_loss(embeddings: Tensor, relation: Tensor) -> Tensor:
    """Return the mean over same-pairs p and different-pairs n of softplus((s_n - s_p) / temperature).

    Pairs are compared across anchors, since labelled pairs seldom share a photo.

    Args:
        embeddings: (b, D), L2-normalised.
        relation: (b, b), 1 same, -1 different, 0 unknown.
    """
    similarity = embeddings @ embeddings.T  # (b, b)
    above = torch.ones_like(relation, dtype=torch.bool).triu(1)
    same, different = similarity[above & (relation == 1)], similarity[above & (relation == -1)]  # (p,), (n,)
    if not (len(same) and len(different)):
        return embeddings.sum() * 0
    return F.softplus((different[None, :] - same[:, None]) / TEMPERATURE).mean()


def random_prompt(embedder: Embedder, support: EncodedSupport) -> Prompt:
    """Return the start of tuning where there is no prompt: tokens of the support's photos, drawn at random per layer.

    A layer is used to reading them, so the prompted model starts near the frozen one.
    """
    draw = generator(support.seed or 0, "random start")
    chosen = torch.randperm(len(support), generator=draw)[:NUM_PROMPTS].numpy()
    inputs = layer_inputs(embedder, support.tensor[chosen])  # L x (photos * tokens, D)
    rows = [torch.randperm(len(layer), generator=draw)[:NUM_PROMPTS] for layer in inputs]
    tokens = torch.stack([layer[drawn] for layer, drawn in zip(inputs, rows, strict=True)])  # (L, M, D)
    facts = (support.category, len(support.pairs), support.seed, embedder.fingerprint)
    return Prompt(RandomTokens(), *facts, visual=VisualPrompt(tokens.numpy(), None, *facts))


def layer_inputs(embedder: Embedder, pixels: Tensor) -> list[Tensor]:
    """Return the tokens that enter each layer, of all photos together: L x (photos * tokens, D)."""
    inputs: list[Tensor] = []

    def record(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        inputs.append(arguments[0].float().flatten(0, 1))

    handles = [layer.register_forward_pre_hook(record) for layer in embedder.backbone.layers]
    try:
        with torch.no_grad():
            embedder.backbone.encode(normalise(pixels, embedder.transform))
    finally:
        for handle in handles:
            handle.remove()
    return inputs


def _batches(support: EncodedSupport, seed: int) -> Iterator[np.ndarray]:
    """Yield ascending positions without end: two photos each of some identities, and some different-pairs."""
    rng = np.random.default_rng(seed)
    names = np.unique(support.groups[support.is_repeated])
    repeated = [np.flatnonzero(support.groups == name) for name in names]
    different = np.flatnonzero(~support.pairs.same)
    while True:
        chosen = [rng.permutation(repeated[i])[:2] for i in rng.permutation(len(repeated))[:PAIRS_PER_STEP]]
        pairs = rng.permutation(different)[:PAIRS_PER_STEP]
        yield np.unique(np.concatenate([*chosen, support.pairs.left[pairs], support.pairs.right[pairs]]))
