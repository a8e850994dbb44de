"""The composition: support pairs in, prompt tokens out; photos in, embeddings out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vicp.config import ModelConfig
from vicp.model.additions.comparison import Comparison
from vicp.model.additions.gradient_checkpointing import checkpoint_layers
from vicp.model.additions.metric_refinement import MetricRefinement, PairEmbeddings
from vicp.model.additions.pair_fusion import PairFusion
from vicp.model.additions.prompt_gate import PromptGate, interpolate_to_null
from vicp.model.additions.set_transformer import SetTransformer
from vicp.model.backbone import Backbone, PromptStates
from vicp.model.category_metric import CategoryMetric
from vicp.model.heads import MetricHead, Verifier, VisualHead
from vicp.model.loading.weights import fingerprint
from vicp.model.qformer import Latents, QFormer
from vicp.model.reasoner import Reasoner
from vicp.model.visual_prompt import VisualPrompt


@dataclass(frozen=True)
class ContextOutput:
    """What the LLM, or the set transformer in its place, made of C contexts.

    Attributes:
        tokens: Prompt tokens (C, M, D) or (C, L, M, D).
        states: Slot states (C, M, E), what the verifier reads.
        label_states: States (C, K, E) that have not seen each pair's own label, and predict it.
        category_metric: Of the C categories; None where the model emits prompt tokens alone.
    """

    tokens: Tensor
    states: Tensor
    label_states: Tensor
    category_metric: CategoryMetric[Tensor] | None = None


class VICP(nn.Module):
    """Visual in-context prompting (arXiv 2508.21222), one attribute per box of the figure."""

    def __init__(
        self,
        *,
        config: ModelConfig,
        backbone: Backbone,
        qformer: QFormer,
        comparison: Comparison,
        reasoner: Reasoner | SetTransformer,
        head: VisualHead,
        verifier: Verifier,
        pair_fusion: PairFusion | None = None,
        metric_head: MetricHead | None = None,
        metric_refinement: MetricRefinement | None = None,
        prompt_gate: PromptGate | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.qformer = qformer
        self.comparison = comparison
        self.reasoner = reasoner
        self.head = head
        self.verifier = verifier
        self.pair_fusion = pair_fusion
        self.metric_head = metric_head
        self.metric_refinement = metric_refinement
        self.prompt_gate = prompt_gate
        self.checkpointing = False
        self.prompt_slots = nn.Parameter(torch.randn(config.num_prompts, reasoner.width) * 0.02)

    def train(self, mode: bool = True) -> "VICP":
        """Return the model in that mode; frozen parts stay in eval, and gradient checkpointing stays on."""
        super().train(mode)
        for part in (self.backbone, self.reasoner):
            checkpoint_layers(part, on=self.checkpointing)
        return self

    def set_gradient_checkpointing(self, on: bool) -> None:
        """Switch gradient checkpointing of ViT and LLM on or off: less memory for more time."""
        self.checkpointing = on
        self.train(self.training)

    def latents(self, pixels: Tensor) -> Latents:
        """Return latents of photos (B, 3, H, W), which the backbone encodes without a prompt."""
        latents: Latents = self.qformer(self.backbone.encode(pixels))
        return latents

    def encode_context(self, left: Latents, right: Latents, same: Tensor) -> ContextOutput:
        """Return what C contexts of K labelled pairs say: prompt tokens, states and, where the model has one, a metric.

        Args:
            left: Latents of the first photos (C, K).
            right: Latents of the second photos (C, K).
            same: Labels (C, K) bool.
        """
        sides = (left.tokens, right.tokens)  # (C, K, Q, E) each
        comparison = self.comparison(*sides) if self.config.compare_in_context else None  # (C, K, E)
        pairs = torch.cat(sides, dim=2) if self.pair_fusion is None else self.pair_fusion(*sides)  # (C, K, S, E)
        states, label_states = self.reasoner.encode(pairs, comparison, same, self.prompt_slots)
        tokens = self.head(states)
        if self.metric_head is None:
            return ContextOutput(tokens, states, label_states)
        gains = self.metric_head(states)  # (C, r)
        if self.metric_refinement is None:
            return ContextOutput(tokens, states, label_states, CategoryMetric(gains))
        embeddings = self.pair_embeddings(left, right, same)
        if self.prompt_gate is not None:
            factor = self.prompt_gate(gains, embeddings, self.metric_head)  # (C,)
            tokens = interpolate_to_null(tokens, self._null_tokens(pairs, comparison, same), factor)
            gains = gains * factor[:, None]
        metric = self.metric_refinement(gains, embeddings, self.metric_head.centre)
        return ContextOutput(tokens, states, label_states, metric)

    def _null_tokens(self, pairs: Tensor, comparison: Tensor | None, same: Tensor) -> Tensor:
        """Return the prompt tokens (1, M, D), or (1, L, M, D), of a context without any pair."""
        no_pairs = slice(0, 1), slice(0, 0)
        no_comparison = None if comparison is None else comparison[no_pairs]
        states, _ = self.reasoner.encode(pairs[no_pairs], no_comparison, same[no_pairs], self.prompt_slots)
        tokens: Tensor = self.head(states)
        return tokens

    def pair_embeddings(self, left: Latents, right: Latents, same: Tensor) -> PairEmbeddings:
        """Return the pairs as the metric refinement takes them: latents (C, K) of both photos, and labels (C, K).

        Raises:
            ValueError: A model without metric refinement, whose latents carry no readouts.
        """
        head = self.metric_head
        if left.readout is None or right.readout is None or head is None:
            raise ValueError("this model's latents carry no readouts; model.metric_refinement is off")
        along_left, along_right = head.coordinates(left.readout), head.coordinates(right.readout)  # (C, K, r)
        return PairEmbeddings(left.readout, right.readout, along_left, along_right, same)

    def label_log_odds(self, left: Latents, right: Latents, same: Tensor, a: Latents, b: Latents) -> Tensor:
        """Return the reasoner's own log odds (R,) that held-out pairs are the same, each appended to one context.

        Args:
            left: Latents of the first photos of the context (K).
            right: Of the second ones (K).
            same: (K,) bool.
            a: Latents of the held-out pairs' first photos (R).
            b: Of their second photos (R).
        """
        num_pairs = len(a)

        def append(support: Latents, held_out: Latents) -> Latents:
            repeated = support.apply(lambda values: values.expand(num_pairs, *values.shape))
            return Latents.cat([repeated, held_out[:, None]], dim=1)

        unknown = torch.zeros(num_pairs, 1, dtype=torch.bool, device=same.device)  # a label's state has not seen it
        labels = torch.cat([same.expand(num_pairs, -1), unknown], dim=1)  # (R, K+1)
        output = self.encode_context(append(left, a), append(right, b), labels)
        return self.reasoner.same_log_odds(output.label_states[:, -1])  # (R,)

    def pair_log_odds(self, a: Latents, b: Latents, states: Tensor) -> Tensor:
        """Return the verifier's log odds (C, R) for pairs of latents (C, R) under states (C, M, E)."""
        log_odds: Tensor = self.verifier(self.comparison(a.tokens, b.tokens), states)
        return log_odds

    def batched_prompt_states(self, tokens: Tensor, photos_per_prompt: int) -> PromptStates:
        """Return keys and values for a batch of C blocks of photos, a prompt each: tokens as in `ContextOutput`."""
        if tokens.ndim == 3:
            tokens = tokens[:, None].expand(-1, len(self.backbone.layers), -1, -1)  # (C, L, M, D)
        states = self.backbone.batched_prompt_states(tokens.transpose(0, 1))  # (C, H, M, d) each
        return {
            module: (
                key.repeat_interleave(photos_per_prompt, dim=0),
                value.repeat_interleave(photos_per_prompt, dim=0),
            )
            for module, (key, value) in states.items()
        }

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with any weight, and with any setting that changes what a prompt means."""
        return fingerprint(self, self.config)

    def infer_prompt(
        self,
        left: Latents,
        right: Latents,
        same: Tensor,
        *,
        category: str,
        seed: int | None = None,
        fingerprint: str | None = None,
    ) -> VisualPrompt:
        """Return the prompt of one category from its support.

        Args:
            left: Latents of the pairs' first photos (K).
            right: Of their second photos (K).
            same: Labels (K,) bool.
            category: What the photos show.
            seed: Of the support draw, for the record.
            fingerprint: Of this model, where the caller knows it: hashing all weights takes its time.
        """
        with torch.inference_mode():
            output = self.encode_context(left[None], right[None], same[None])
        metric = output.category_metric
        return VisualPrompt(
            tokens=output.tokens[0].float().cpu().numpy(),
            states=output.states[0].float().cpu().numpy(),
            category_metric=None if metric is None else metric.of_context(0).map(lambda values: values.cpu().numpy()),
            category=category,
            num_pairs=len(same),
            seed=seed,
            fingerprint=fingerprint or self.fingerprint,
        )

    @property
    def max_pairs(self) -> int | None:
        """The most pairs K whose context fits the LLM; None where it does not say how much it takes."""
        if self.reasoner.max_positions is None:
            return None
        latents_per_pair = 2 * self.qformer.num_latents if self.pair_fusion is None else self.config.num_latents
        tokens_per_pair = latents_per_pair + self.config.compare_in_context + 1
        return (self.reasoner.max_positions - self.config.num_prompts) // tokens_per_pair

    def embed(
        self, pixels: Tensor, states: PromptStates | None = None, metric: CategoryMetric[Tensor] | None = None
    ) -> Tensor:
        """Return L2-normalised float32 embeddings (B, D or 2D) of photos (B, 3, H, W).

        Args:
            pixels: Normalised photos.
            states: From `Backbone.prompt_states`; None: no prompt tokens.
            metric: Of the prompt; None: none.
        """
        return self.apply_metric(self.backbone.features(pixels, states), metric)

    def apply_metric(self, readouts: Tensor, metric: CategoryMetric[Tensor] | None) -> Tensor:
        """Return L2-normalised float32 embeddings (..., D') of readouts (..., D'), under a metric where there is one.

        Of C prompts, readouts are (C, n, D').
        """
        if self.metric_head is None or metric is None:
            return nn.functional.normalize(readouts.float(), dim=-1)
        return self.metric_head.embed(readouts, metric)
