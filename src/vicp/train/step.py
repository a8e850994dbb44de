"""One batch of episodes to its losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.data.episodes import Episode, Pairs
from vicp.data.images import normalise
from vicp.data.sources.world import FACTORS
from vicp.losses.alignment import alignment_loss
from vicp.losses.icl import icl_loss, pair_loss
from vicp.losses.objective import LossTerms, Objective, weigh
from vicp.losses.triplet import triplet_loss
from vicp.model.vicp import VICP, Reading
from vicp.train.world import World

ALIGNED_PAIRS = 8  # per context and step: transport between all pairs of photos would cost more than the ViT


class Trainee(nn.Module):
    """The model, and a readout that only training needs: in which factors do the photos of a pair agree?

    The world knows. Told so, comparison tokens say something from the first steps on, and the LLM can turn to what
    the labels make of it; without, it has to learn both at once.
    """

    def __init__(self, model: VICP) -> None:
        super().__init__()
        self.model = model
        self.agreement = nn.Linear(model.reasoner.width, len(FACTORS))


@dataclass(frozen=True)
class Read:
    """What the model read: the contexts (C) and the latents of the photos asked about (C, P*k, Q, E)."""

    reading: Reading
    latents: Tensor


def read_episodes(
    model: VICP, tokens: Sequence[Tensor], episodes: Sequence[Episode], labels: Tensor | None = None
) -> Read:
    """Reads the support of C episodes with the same K from cached tokens of the frozen backbone.

    Args:
        model: the model.
        tokens: unprompted tokens of each pool (n, 1+N, D).
        episodes: C of them.
        labels: (C, K) bool to read in place of the true labels, for controls.
    """
    photos = [torch.cat([e.support.left, e.support.right, e.batch]) for e in episodes]
    seen = torch.stack([tokens[e.pool][rows] for e, rows in zip(episodes, photos, strict=True)])
    latents = model.connector(seen.float().flatten(0, 1)).unflatten(0, seen.shape[:2])  # (C, 2K+P*k, Q, E)
    num_pairs = len(episodes[0].support.same)
    left, right, batch = latents.split([num_pairs, num_pairs, latents.shape[1] - 2 * num_pairs], dim=1)
    same = support_labels(episodes) if labels is None else labels
    return Read(model.read(left, right, same), batch)


def support_labels(episodes: Sequence[Episode]) -> Tensor:
    """The true labels (C, K) bool."""
    return torch.stack([e.support.same for e in episodes])


def query_logits(model: VICP, read: Read, episodes: Sequence[Episode]) -> Tensor:
    """The verifier's log odds (C, R) on held-out pairs."""
    left = _gather(read.latents, [e.queries.left for e in episodes])
    right = _gather(read.latents, [e.queries.right for e in episodes])
    return model.verify(left, right, read.reading.states)


def warmup_step(trainee: Trainee, world: World, episodes: Sequence[Episode], objective: Objective) -> LossTerms:
    """Label, query-pair and agreement losses, from cached tokens alone: no ViT runs."""
    read = read_episodes(trainee.model, world.tokens, episodes)
    return weigh(
        objective,
        icl=_icl(trainee.model, read, episodes),
        pair=_pair(query_logits(trainee.model, read, episodes), episodes),
        agreement=_agreement(trainee, world, read, episodes),
    )


def joint_step(
    trainee: Trainee,
    world: World,
    episodes: Sequence[Episode],
    objective: Objective,
    *,
    margin: float,
    mining: Literal["batch_hard", "batch_all"],
) -> LossTerms:
    """Every loss: the photos of each category's batch are embedded under its own prompt."""
    model = trainee.model
    read = read_episodes(model, world.tokens, episodes)
    photos = torch.stack([world.pools[e.pool].images[e.batch] for e in episodes])  # (C, P*k, 3, S, S)
    states = model.batched_prompt_states(read.reading.tokens, photos.shape[1])
    encoding = model.backbone.encode(normalise(photos.flatten(0, 1), world.transform), states)
    embeddings = F.normalize(encoding.readout(model.backbone.readout).float(), dim=-1)  # (C*P*k, D)
    categories = torch.arange(len(episodes)).repeat_interleave(photos.shape[1])
    identities = torch.cat([e.identities for e in episodes])
    patches = encoding.patches.unflatten(0, photos.shape[:2])  # (C, P*k, N, D)
    return weigh(
        objective,
        identity=triplet_loss(embeddings, identities, margin=margin, mining=mining, categories=categories),
        icl=_icl(model, read, episodes),
        alignment=_alignment(patches, episodes) if objective.alignment > 0 else None,
        pair=_pair(query_logits(model, read, episodes), episodes),
        agreement=_agreement(trainee, world, read, episodes),
    )


def _alignment(patches: Tensor, episodes: Sequence[Episode]) -> Tensor:
    """L_align of the first few query pairs of each context, patches (C, P*k, N, D)."""
    pairs = [Pairs(*(rows[:ALIGNED_PAIRS] for rows in vars(e.queries).values())) for e in episodes]
    return alignment_loss(
        _gather(patches, [p.left for p in pairs]).flatten(0, 1),
        _gather(patches, [p.right for p in pairs]).flatten(0, 1),
        torch.cat([p.same for p in pairs]),
    )


def _agreement(trainee: Trainee, world: World, read: Read, episodes: Sequence[Episode]) -> Tensor:
    """How well the comparison tokens of the query pairs tell the factors in which their photos agree."""
    left, right = ([getattr(e.queries, side) for e in episodes] for side in ("left", "right"))
    tokens = trainee.model.comparison(_gather(read.latents, left), _gather(read.latents, right))  # (C, R, E)
    values = torch.stack([world.pools[e.pool].values[e.batch] for e in episodes])  # (C, P*k, 6)
    agree = _gather(values, left) == _gather(values, right)  # (C, R, 6)
    return F.binary_cross_entropy_with_logits(trainee.agreement(tokens), agree.float())


def _icl(model: VICP, read: Read, episodes: Sequence[Episode]) -> Tensor:
    logits = model.reasoner.label_logits(read.reading.label_states)  # (C, K, V)
    targets = model.reasoner.label_targets(support_labels(episodes))  # (C, K)
    return icl_loss(logits.flatten(0, 1), targets.flatten())


def _pair(logits: Tensor, episodes: Sequence[Episode]) -> Tensor:
    return pair_loss(logits.flatten(), torch.cat([e.queries.same for e in episodes]))


def _gather(values: Tensor, rows: Sequence[Tensor]) -> Tensor:
    """Rows (C, R, ...) of values (C, n, ...)."""
    return torch.stack([value[index] for value, index in zip(values, rows, strict=True)])
