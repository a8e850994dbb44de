"""Oracles: the best prompt tokens and the best linear map for a kind of task, learned on many labelled photos of it.

Both learn with the supervised contrastive loss on silhouettes that the test does not show; nothing else changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.lib.probes import linear_probe
from benchmarks.when_prompts_pay.tasks import Tasks
from vicp.adapt.embedder import Embedder
from vicp.adapt.methods.whitening import scatter_of_groups
from vicp.data.images import normalise
from vicp.data.procedural.world import NUM_VALUES
from vicp.data.seeds import generator
from vicp.losses.contrastive import contrastive_loss
from vicp.metrics import retrieval
from vicp.model.backbone import PromptStates

TOKENS, TOKEN_STEPS, TOKEN_RATE = 16, 200, 2e-2
MAP_STEPS, MAP_TASKS = 600, 4
MAP_RATES, SHRINKAGES = (1e-3, 3e-3, 1e-2), (0.03, 0.3)
CHUNK = 48


def readouts(embedder: Embedder, pixels: Tensor, states: PromptStates | None = None) -> Tensor:
    """Return readouts (n, D') float32 of photos (n, 3, S, S) uint8, with gradients if the states have some."""
    with torch.autocast("cpu", torch.bfloat16):
        return embedder.backbone.features(normalise(pixels, embedder.transform), states).float()


@torch.no_grad()
def all_readouts(embedder: Embedder, tasks: Tasks, tokens: Tensor | None = None) -> Tensor:
    """Return readouts (T, n, D') of all photos, under prompt tokens (L, M, D) if there are any."""
    states = None if tokens is None else embedder.backbone.prompt_states(tokens)
    return torch.stack([readouts(embedder, pixels, states) for pixels in tasks.pixels])


def oracle_tokens(embedder: Embedder, tasks: Tasks, *, seed: int, steps: int = TOKEN_STEPS) -> Tensor:
    """Return prompt tokens (L, M, D) of every layer, after gradient steps on one task's photos each."""
    draw = generator(seed, "oracle tokens")
    shape = (len(embedder.backbone.layers), TOKENS, embedder.backbone.width)
    tokens = nn.Parameter(torch.randn(shape, generator=draw))

    def loss(step: int) -> Tensor:
        task = int(torch.randint(len(tasks.pixels), (), generator=draw))
        embeddings = readouts(embedder, tasks.pixels[task], embedder.backbone.prompt_states(tokens))
        return contrastive_loss(F.normalize(embeddings, dim=-1)[None], tasks.identities[task][None])

    _descend([tokens], loss, steps=steps, rate=TOKEN_RATE)
    return tokens.detach()


@dataclass(frozen=True)
class LinearMap:
    """A map of readouts: `mean` (D',) is subtracted, then `weight` (D', D') applied."""

    mean: Tensor
    weight: Tensor

    def of(self, found: Tensor) -> Tensor:
        """Return mapped readouts (..., D')."""
        return (found - self.mean) @ self.weight


def oracle_map(found: Tensor, identities: Tensor, *, seed: int, steps: int = MAP_STEPS) -> LinearMap:
    """Return the best linear map of readouts (T, n, D') that we know how to find.

    Gradient steps at several rates and within-class whitening at several strengths compete on a quarter of the tasks;
    the winner is fitted on all of them.
    """
    makers: list[Callable[[Tensor, Tensor], LinearMap]] = [
        *(partial(_map_by_steps, seed=seed, steps=steps, rate=rate) for rate in MAP_RATES),
        *(partial(_map_by_whitening, shrinkage=shrinkage) for shrinkage in SHRINKAGES),
    ]
    fit = len(found) - max(1, len(found) // 4)

    def score(make: Callable[[Tensor, Tensor], LinearMap]) -> float:
        fitted = make(found[:fit], identities[:fit])
        return float(mean_average_precision(fitted.of(found[fit:]), identities[fit:]).mean())

    return max(makers, key=score)(found, identities)


def _map_by_steps(found: Tensor, identities: Tensor, *, seed: int, steps: int, rate: float) -> LinearMap:
    draw, mean = generator(seed, "oracle map"), found.flatten(0, 1).mean(dim=0)
    weight = nn.Parameter(torch.eye(found.shape[-1]))

    def loss(step: int) -> Tensor:
        rows = torch.randint(len(found), (MAP_TASKS,), generator=draw)
        return contrastive_loss(F.normalize((found[rows] - mean) @ weight, dim=-1), identities[rows])

    _descend([weight], loss, steps=steps, rate=rate)
    return LinearMap(mean, weight.detach())


def _map_by_whitening(found: Tensor, identities: Tensor, *, shrinkage: float) -> LinearMap:
    """Within each task's individuals: what tasks differ in is no part of it."""
    groups = identities + NUM_VALUES * torch.arange(len(found))[:, None]
    whitening = scatter_of_groups(found.flatten(0, 1), groups.flatten().numpy()).whitening(shrinkage)
    return LinearMap(torch.from_numpy(whitening.mean), torch.from_numpy(whitening.weight))


def _descend(parameters: list[nn.Parameter], loss: Callable[[int], Tensor], *, steps: int, rate: float) -> None:
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        loss(step).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()


def mean_average_precision(embeddings: Tensor, identities: Tensor) -> np.ndarray:
    """Return leave-one-out mAP in percent of each task (T,), of embeddings (T, n, D')."""
    tasks = zip(embeddings, identities.numpy(), strict=True)
    return np.array([100 * retrieval(rows, rows, names, names, leave_one_out=True).map for rows, names in tasks])


@torch.no_grad()
def layer_accuracy(embedder: Embedder, train: Tasks, test: Tasks) -> list[float]:
    """Return the share of individuals that a linear probe tells, in percent, from each layer's CLS and mean patch.

    Layer 0 is what enters the first one. The probe is linear discriminant analysis.
    """
    fitted, tested = (_layer_readouts(embedder, tasks) for tasks in (train, test))
    names, truth = train.identities.flatten().numpy(), test.identities.flatten().numpy()
    found = []
    for before, after in zip(fitted, tested, strict=True):
        model = linear_probe().fit(before, names)
        found.append(float(100 * np.mean(model.predict(after) == truth)))
    return found


def _layer_readouts(embedder: Embedder, tasks: Tasks) -> list[np.ndarray]:
    blocks = []
    for pixels in tasks.pixels.flatten(0, 1).split(CHUNK):
        inputs = normalise(pixels, embedder.transform)
        states = embedder.backbone.vit(pixel_values=inputs, output_hidden_states=True).hidden_states
        blocks.append([torch.cat([state[:, 0], state[:, 1:].mean(dim=1)], dim=1) for state in states])
    return [torch.cat(layer).numpy() for layer in zip(*blocks, strict=True)]
