"""A set transformer in place of the LLM, which ignores the order of the pairs (an ablation).

Lee et al., Set Transformer (arXiv 1810.00825), changed so that no pair's label is seen where it is predicted: labels
are added to the tokens only after the pairs have attended to each other. So one pass serves both the prompt slots,
which attend to all labelled pairs, and the prediction of each label, which attends to all the other pairs.
"""

from typing import Any

import torch
from torch import Tensor, nn


class SetTransformer(nn.Module):
    """Reads a context as a set of pairs; offers VICP what `Reasoner` does.

    Args:
        width: E.
        num_layers: Of self-attention among the pairs, and as many of cross-attention to them.
        num_heads: They divide E.
    """

    max_positions: int | None = None  # a set of any size

    def __init__(self, width: int, *, num_layers: int, num_heads: int) -> None:
        super().__init__()
        self.width = width
        self.pool = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU())
        self.project = nn.Linear(2 * width, width)
        self.nothing = nn.Parameter(torch.randn(width) * 0.02)
        self.labels = nn.Parameter(torch.randn(2, width))
        self.answer = nn.Linear(width, 2)
        layer: dict[str, Any] = {"d_model": width, "nhead": num_heads, "dim_feedforward": 4 * width, "dropout": 0.0}
        layer |= {"activation": "gelu", "batch_first": True, "norm_first": True}
        encoder_layer, decoder_layer = nn.TransformerEncoderLayer(**layer), nn.TransformerDecoderLayer(**layer)
        self.pairs = nn.TransformerEncoder(encoder_layer, num_layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.queries = nn.TransformerDecoder(decoder_layer, num_layers, nn.LayerNorm(width))

    def encode(self, latents: Tensor, comparison: Tensor | None, same: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Return slot states (C, M, E) and label states (C, K, E) of C contexts of K pairs; K may be 0.

        The label state of a pair depends on the labels of all others and not on its own.

        Args:
            latents: Of each pair (C, K, S, E).
            comparison: Comparison tokens (C, K, E), or None.
            same: Labels (C, K) bool.
            slots: The learnable slots (M, E).
        """
        num_contexts, num_pairs = same.shape
        tokens = self.project(self.pool(latents).mean(dim=2))  # (C, K, E)
        if comparison is not None:
            tokens = tokens + comparison
        empty_token = self.nothing.expand(num_contexts, 1, -1)  # all there is to attend to where there are no pairs
        encoded = self.pairs(torch.cat([empty_token, tokens], dim=1))  # (C, 1+K, E)
        empty_token, unlabelled = encoded.split([1, num_pairs], dim=1)
        labelled = torch.cat([empty_token, unlabelled + self.label_embeddings(same)], dim=1)  # (C, 1+K, E)
        queries = torch.cat([unlabelled, slots.expand(num_contexts, -1, -1)], dim=1)  # (C, K+M, E)
        among, hidden = _masks(num_pairs, len(slots), same.device)
        states = self.queries(queries, labelled, tgt_mask=among, memory_mask=hidden)  # (C, K+M, E)
        return states[:, num_pairs:], states[:, :num_pairs]

    def label_embeddings(self, same: Tensor) -> Tensor:
        """Return learned embeddings (..., E) of the labels of pairs with `same` (...) bool."""
        return self.labels[same.long()]

    def label_targets(self, same: Tensor) -> Tensor:
        """Return classes (...) of `label_logits`."""
        return same.long()

    def label_logits(self, states: Tensor) -> Tensor:
        """Return scores (..., 2) of "different" and "same" at label states (..., E)."""
        logits: Tensor = self.answer(states)
        return logits

    def same_log_odds(self, states: Tensor) -> Tensor:
        """Log odds (...) of "same" against "different" at label states (..., E)."""
        logits = self.label_logits(states)
        return logits[..., 1] - logits[..., 0]


def _masks(num_pairs: int, num_slots: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return what the K pairs and M slots may not see, True: of each other (K+M, K+M), of the labelled (K+M, 1+K)."""
    itself = torch.eye(num_pairs + num_slots, dtype=torch.bool, device=device)
    among = ~itself
    among[num_pairs:, num_pairs:] = False  # slots see each other; a pair sees itself alone, for others know its label
    hidden = torch.zeros(num_pairs + num_slots, 1 + num_pairs, dtype=torch.bool, device=device)
    hidden[:, 1:] = itself[:, :num_pairs]
    return among, hidden
