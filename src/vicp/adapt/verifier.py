"""The in-context verifier as an adaptation: P(same | context, a, b) from a prompt's slot states."""

import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt


def can_verify(embedder: Embedder, adaptation: Prompt) -> bool:
    """Whether there are slot states for the verifier, and a model that has one."""
    return embedder.model is not None and adaptation.prompt is not None and adaptation.prompt.states is not None


def probability_same(embedder: Embedder, adaptation: Prompt, a: Tensor, b: Tensor) -> Tensor:
    """P(same) (R,) of R pairs of latents (R, Q, E); as the model gives it, not calibrated on the category.

    Raises:
        As `log_odds_same`.
    """
    return log_odds_same(embedder, adaptation, a, b).sigmoid()


def log_odds_same(embedder: Embedder, adaptation: Prompt, a: Tensor, b: Tensor) -> Tensor:
    """The log odds (R,) of `probability_same`, for ranking: near 0 and 1, probabilities of pairs become equal.

    Raises:
        ConfigError: a bare backbone, which has no verifier.
        PromptError: the adaptation belongs to another model.
        ValueError: the adaptation carries no slot states.
    """
    embedder.check(adaptation)
    if adaptation.prompt is None or adaptation.prompt.states is None:
        raise ValueError("the adaptation carries no slot states: no LLM read its pairs")
    with torch.inference_mode():
        return embedder.full_model.verify(a[None], b[None], adaptation.prompt.states[None])[0]
