"""Does the model listen to its context? Held-out episodes, own labels against false ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vicp.data.episodes import Episode
from vicp.model.vicp import VICP
from vicp.train.step import query_logits, read_episodes, support_labels


@dataclass(frozen=True)
class ContextCheck:
    """Accuracy of the verifier on held-out pairs, and how far prompts differ between contexts.

    Attributes:
        own: share of held-out pairs right, with the support's own labels.
        flipped: the same with every support label inverted; well below `own` when labels are read.
        shuffled: the same with the labels permuted.
        spread: distance of prompts from their mean over contexts, over their length; 0 is a static prompt.
    """

    own: float
    flipped: float
    shuffled: float
    spread: float


def check_context(model: VICP, tokens: Sequence[Tensor], episodes: Sequence[Episode]) -> ContextCheck:
    """Runs held-out episodes (all with the same K) under true and false labels."""
    truth = torch.stack([e.queries.same for e in episodes])  # (C, R)
    labels = support_labels(episodes)

    def accuracy(given: Tensor) -> tuple[float, Tensor]:
        read = read_episodes(model, tokens, episodes, given)
        right = (query_logits(model, read, episodes) > 0) == truth
        return float(right.float().mean()), read.reading.tokens

    model.eval()
    with torch.inference_mode():
        own, prompts = accuracy(labels)
        flat = prompts.flatten(1)
        spread = (flat - flat.mean(dim=0)).norm(dim=1).mean() / flat.norm(dim=1).mean()
        return ContextCheck(
            own=own,
            flipped=accuracy(~labels)[0],
            shuffled=accuracy(labels.roll(labels.shape[1] // 2 + 1, dims=1))[0],
            spread=float(spread),
        )
