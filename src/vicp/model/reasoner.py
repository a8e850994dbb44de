"""The causal LM that reads the context, through embeddings alone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from vicp.errors import ConfigError
from vicp.model.sequence import lay_out


class Reasoner(nn.Module):
    """Any causal LM; gradients flow through it, and into it only where `frozen` is off.

    Args:
        llm: An `AutoModelForCausalLM`.
        label_ids: Token ids of the two label words, "different" then "same"; None learns two label
            embeddings instead (a checkpoint without a tokenizer).
        frozen: The paper's setting.
    """

    def __init__(self, llm: PreTrainedModel, *, label_ids: Sequence[int] | None = None, frozen: bool = True) -> None:
        super().__init__()
        self.llm = llm
        self.frozen = frozen
        self.label_ids = None if label_ids is None else tuple(label_ids)
        if label_ids is None:
            self.labels = nn.Parameter(torch.randn(2, self.width) * 0.02)
        if frozen:
            self.llm.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "Reasoner":
        """Return a frozen LLM stays in eval."""
        super().train(mode)
        if self.frozen:
            self.llm.eval()
        return self

    @property
    def width(self) -> int:
        """E."""
        return int(self.llm.get_input_embeddings().embedding_dim)

    @property
    def max_positions(self) -> int | None:
        """The longest context the LLM was made for, in positions; None where it does not say."""
        limit = getattr(self.llm.config, "max_position_embeddings", None)
        return None if limit is None else int(limit)

    def encode(self, latents: Tensor, comparison: Tensor | None, same: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Return slot states (C, M, E), and the states before each label (C, K, E), of C contexts of K pairs.

        Args:
            latents: Of each pair (C, K, S, E).
            comparison: Comparison tokens (C, K, E), or None.
            same: Labels (C, K) bool.
            slots: The learnable slots (M, E).
        """
        context = lay_out(latents, comparison, self.label_embeddings(same), slots)
        states = self(context.embeddings)  # (C, T, E)
        return states[:, context.slots], states[:, context.before_labels]

    def label_embeddings(self, same: Tensor) -> Tensor:
        """Return embeddings (..., E) of the label words of pairs with `same` (...) bool."""
        return self._table()[same.long()]

    def label_targets(self, same: Tensor) -> Tensor:
        """Return classes (...) of `label_logits`: vocabulary ids, or 0 and 1 for learned label embeddings."""
        if self.label_ids is None:
            return same.long()
        return torch.tensor(self.label_ids, device=same.device)[same.long()]

    def label_logits(self, states: Tensor) -> Tensor:
        """Return scores of the next word (..., V) at states (..., E); V = 2 for learned label embeddings."""
        if self.label_ids is None:
            return states @ self.labels.T  # (..., 2)
        logits: Tensor = self.llm.get_output_embeddings()(states)  # (..., V)
        return logits

    def same_log_odds(self, states: Tensor) -> Tensor:
        """Log odds (...) of "same" against "different" at states (..., E)."""
        different, same = self.label_ids or (0, 1)
        logits = self.label_logits(states)
        return logits[..., same] - logits[..., different]

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return last hidden states (C, T, E) over a sequence of embeddings (C, T, E).

        Raises:
            ConfigError: The sequence is longer than the LLM was made for.
        """
        limit = self.max_positions
        if limit is not None and embeddings.shape[1] > limit:
            raise ConfigError(
                f"the context takes {embeddings.shape[1]} positions but the LLM was made for {limit}: "
                "use fewer pairs, fewer latents per image, or an LLM with a longer context"
            )
        decoder = self.llm.get_decoder()
        states: Tensor = decoder(inputs_embeds=embeddings, use_cache=False).last_hidden_state  # (C, T, E)
        return states

    def _table(self) -> Tensor:
        if self.label_ids is None:
            return self.labels  # (2, E)
        embed = self.llm.get_input_embeddings()  # called, not indexed: some families scale what they look up
        table: Tensor = embed(torch.tensor(self.label_ids, device=embed.weight.device))  # (2, E)
        return table
