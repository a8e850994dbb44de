"""The in-context verifier as a prompt: P(same | context, a, b) from a prompt's slot states."""

import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.model.qformer import Latents


def can_verify(embedder: Embedder, prompt: Prompt) -> bool:
    """Whether there are slot states for the verifier, and a model that has one."""
    return embedder.model is not None and prompt.visual is not None and prompt.visual.states is not None


def probability_same(embedder: Embedder, prompt: Prompt, a: Latents, b: Latents) -> Tensor:
    """P(same) (R,) of R pairs of latents; as the model gives it, not calibrated on the category.

    Raises:
        As `log_odds_same`.
    """
    return log_odds_same(embedder, prompt, a, b).sigmoid()


def log_odds_same(embedder: Embedder, prompt: Prompt, a: Latents, b: Latents) -> Tensor:
    """The log odds (R,) of `probability_same`, for ranking: near 0 and 1, probabilities of pairs become equal.

    Raises:
        ConfigError: a bare backbone, which has no verifier.
        PromptError: the prompt belongs to another model.
        ValueError: the prompt carries no slot states.
    """
    embedder.check(prompt)
    if prompt.visual is None or prompt.visual.states is None:
        raise ValueError("the prompt carries no slot states: no LLM read its pairs")
    with torch.inference_mode():
        return embedder.full_model.pair_log_odds(a[None], b[None], prompt.visual.states[None])[0]
