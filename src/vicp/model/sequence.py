"""Lays K labelled pairs and M prompt slots out as one LLM sequence, and says where each part sits.

Paper: T_k = [I_i ; I_j ; L_k] for k = 1..K, then P_learn, one causal sequence; or T_k = [I_k ; L_k] with latents
per pair. Our switch puts a comparison token before each label.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Context:
    """One sequence per category and the places in it.

    Attributes:
        embeddings: What the LLM reads (C, T, E).
        before_labels: Position just before each label, where the LLM predicts it (K,).
        slots: Positions of the M prompt slots (M,).
    """

    embeddings: Tensor
    before_labels: Tensor
    slots: Tensor


def lay_out(latents: Tensor, comparison: Tensor | None, labels: Tensor, prompt_slots: Tensor) -> Context:
    """Return the context of C categories with K pairs each; K may be 0 (the null context).

    Args:
        latents: Of each pair: of the first photo, then of the second (C, K, 2Q, E), or of the pair (C, K, Q, E).
        comparison: Comparison tokens (C, K, E), or None for the paper's layout.
        labels: Embedding of each pair's label word (C, K, E).
        prompt_slots: The learnable slots (M, E).
    """
    num_contexts, num_pairs, _, width = latents.shape
    parts = [latents, *([] if comparison is None else [comparison[:, :, None]]), labels[:, :, None]]
    pairs = torch.cat(parts, dim=2)  # (C, K, tokens of a pair, E)
    tokens_per_pair = pairs.shape[2]
    slots = prompt_slots.expand(num_contexts, -1, -1)  # (C, M, E)
    embeddings = torch.cat([pairs.reshape(num_contexts, -1, width), slots], dim=1)  # (C, T, E)
    first_slot = num_pairs * tokens_per_pair
    device = latents.device
    return Context(
        embeddings=embeddings,
        before_labels=torch.arange(num_pairs, device=device) * tokens_per_pair + tokens_per_pair - 2,
        slots=torch.arange(prompt_slots.shape[0], device=device) + first_slot,
    )
