"""Tuned prompt: a few gradient steps on the prompt tokens alone, by the support's own pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.prompt import Prompt, Recipe, Start
from vicp.data.images import normalise
from vicp.data.seeds import derive_seed, generator
from vicp.model.precision import autocast, choose_precision
from vicp.model.visual_prompt import VisualPrompt

NUM_PROMPTS = 8  # M of a random start
PAIRS_PER_STEP = 8  # of each kind: bounds the memory of a step
TEMPERATURE = 0.05


def tuned_prompt(embedder: Embedder, support: EncodedSupport, start: Prompt, *, steps: int, rate: float) -> Prompt:
    """The prompt after so many steps from the prompt of `start`."""
    return list(snapshots_at(embedder, support, start, steps=[steps], rate=rate))[-1]


def snapshots_at(
    embedder: Embedder, support: EncodedSupport, start: Prompt, *, steps: Sequence[int], rate: float
) -> Iterator[Prompt]:
    """The prompt after each of these numbers of steps, ascending; AdamW on the prompt tokens.

    Args:
        embedder: whose backbone stays as it is.
        support: its photos alone are looked at.
        start: whose prompt tokens are the first.
        steps: numbers of steps, each at least 1.
        rate: AdamW's learning rate, in units of the start's root mean square: layers norm what they read, so the
            size of a prompt token means nothing but how far a step goes.
    """
    if start.visual is None:
        raise ValueError("tuning starts from a prompt, and this prompt has none")
    size = start.visual.tokens.square().mean().sqrt()
    tokens = (start.visual.tokens.detach() / size).requires_grad_()
    optimizer = torch.optim.AdamW([tokens], lr=rate, weight_decay=0.0)
    batches = _batches(support, derive_seed(support.seed or 0, "tuned"))
    source: Start = start.recipe.start or "random"
    for step in range(1, max(steps) + 1):
        loss = batch_loss(embedder, support, replace(start.visual, tokens=size * tokens), next(batches))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in steps:
            recipe = Recipe("tuned", "prompted", source, steps=step, rate=rate)
            yield replace(start, recipe=recipe, visual=replace(start.visual, tokens=(size * tokens).detach()))


def batch_loss(embedder: Embedder, support: EncodedSupport, prompt: VisualPrompt, rows: np.ndarray) -> Tensor:
    """The loss (scalar) of photos at `rows` under a prompt; 0 where nothing can be compared."""
    with autocast(choose_precision()):
        states = embedder.backbone.prompt_states(prompt.tokens)
        embeddings = embedder.look(normalise(support.pixels[rows], embedder.transform), prompt, states)  # (b, D)
    return ranking_loss(embeddings, torch.from_numpy(support.relation[np.ix_(rows, rows)]))


def ranking_loss(embeddings: Tensor, relation: Tensor) -> Tensor:
    """Mean over same-pairs p and different-pairs n of softplus((s_n - s_p) / temperature).

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


def random_start(embedder: Embedder, support: EncodedSupport) -> Prompt:
    """Where a backbone without any prompt starts: tokens of the support's own photos, drawn at random per layer.

    They are what a layer is used to, so the prompted model starts near the frozen one.
    """
    draw = generator(support.seed or 0, "random start")
    chosen = torch.randperm(len(support), generator=draw)[:NUM_PROMPTS].numpy()
    inputs = _layer_inputs(embedder, support.pixels[chosen])  # L x (photos * tokens, D)
    rows = [torch.randperm(len(layer), generator=draw)[:NUM_PROMPTS] for layer in inputs]
    tokens = torch.stack([layer[own] for layer, own in zip(inputs, rows, strict=True)])  # (L, M, D)
    facts = (support.category, len(support.pairs), support.seed, embedder.fingerprint)
    prompt = VisualPrompt(tokens, None, *facts)
    return Prompt(Recipe("tuned", "prompted", "random", steps=0), *facts, visual=prompt)


def _layer_inputs(embedder: Embedder, pixels: Tensor) -> list[Tensor]:
    """The tokens that enter each layer, of all photos together: L x (photos * tokens, D)."""
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
    """Two photos each of some identities, and some different-pairs, drawn anew for ever: ascending positions."""
    rng = np.random.default_rng(seed)
    names, sizes = np.unique(support.groups, return_counts=True)
    repeated = [np.flatnonzero(support.groups == name) for name in names[sizes > 1]]
    different = np.flatnonzero(~support.pairs.same)
    while True:
        chosen = [rng.permutation(repeated[i])[:2] for i in rng.permutation(len(repeated))[:PAIRS_PER_STEP]]
        pairs = rng.permutation(different)[:PAIRS_PER_STEP]
        yield np.unique(np.concatenate([*chosen, support.pairs.left[pairs], support.pairs.right[pairs]]))
