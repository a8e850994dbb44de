"""The losses of one VICP step: a batch in, every loss by name out."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.data.episodes.natural import NATURAL_FACTORS
from vicp.data.images import normalise
from vicp.data.procedural.world import FACTORS
from vicp.image_transform import ImageTransform
from vicp.losses.alignment import alignment_loss
from vicp.losses.contrastive import contrastive_loss
from vicp.losses.distillation import distillation_loss
from vicp.losses.icl import icl_loss, pair_loss
from vicp.losses.objective import LossTerms, Objective, weigh
from vicp.losses.smooth_ap import smooth_ap_loss
from vicp.losses.triplet import triplet_loss
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP, ContextOutput
from vicp.train.distributed import gather
from vicp.train.episodes.batch import Batch, take_rows

ALIGNED_PAIRS = 8  # per context and step: transport between all pairs of photos would cost more than the ViT


@dataclass(frozen=True)
class EmbeddedBatch:
    """Embeddings of the photos of a batch, each under its category's prompt.

    Attributes:
        embeddings: L2-normalised (C, n, D'), of all processes.
        patches: Patch tokens (C * n, N, D) of this process; None where no photo went through the backbone.
    """

    embeddings: Tensor
    patches: Tensor | None


class VICPTrainingModule(nn.Module):
    """The model with its losses, and a linear layer that only training uses: in which factors do two photos agree?

    The procedural world knows the factors. Supervising comparison tokens with them makes the tokens informative from
    the first steps on, so that the LLM only has to learn what the labels say about them.

    Args:
        model: The model.
        transform: How pixels become its input.
        objective: Weight of each loss.
        margin: Of the triplet loss.
        mining: Of its triplets.
    """

    def __init__(
        self,
        model: VICP,
        *,
        transform: ImageTransform,
        objective: Objective,
        margin: float = 0.1,
        mining: Literal["batch_hard", "batch_all"] = "batch_hard",
    ) -> None:
        super().__init__()
        self.model = model
        self.agreement = nn.Linear(model.reasoner.width, len(FACTORS) + len(NATURAL_FACTORS))
        self.transform, self.objective = transform, objective
        self.margin, self.mining = margin, mining

    @property
    def needs_photo_tokens(self) -> bool:
        """Whether unprompted tokens of the photos to embed are needed, for held-out pairs or for a metric alone."""
        pair_losses = self.objective.pair + self.objective.agreement + self.objective.distillation
        return pair_losses > 0 or self.model.metric_head is not None

    def forward(self, batch: Batch) -> LossTerms:
        """Return every loss; in the warm-up, without photos, those that need no ViT. Weight 0: no gradient."""
        encodings = encode_contexts(self.model, batch)
        embedded = self._embed(batch, encodings.context)
        logits = (
            None if encodings.photo_latents is None else query_logits(self.model, encodings, batch).float()
        )  # (C, R)
        terms = weigh(
            self.objective,
            **({} if embedded is None else self._ranked(embedded, batch)),
            icl=self._icl(encodings.context, batch.same),
            pair=None if logits is None else pair_loss(logits.flatten(), batch.queries.same.flatten()),
            agreement=None
            if encodings.photo_latents is None or batch.values is None
            else self._agreement(encodings.photo_latents, batch),
            distillation=None
            if embedded is None or logits is None
            else distillation_loss(_prompt_similarity(embedded, batch), logits),
        )
        # DDP waits for a gradient through everything that a module returns.
        logged = {n: t.detach() for n, t in vars(terms).items() if t is not None and vars(self.objective).get(n) == 0}
        return replace(terms, **logged)

    def _embed(self, batch: Batch, context: ContextOutput) -> EmbeddedBatch | None:
        """Return the photos of each category under its own prompt; in the warm-up, under its metric alone, if any."""
        model = self.model
        if batch.photos is not None:
            states = model.batched_prompt_states(context.tokens, batch.photos.shape[1])
            encoding = model.backbone.encode(normalise(batch.photos.flatten(0, 1), self.transform), states)
            readouts = encoding.pool(model.backbone.pooling).unflatten(0, batch.photos.shape[:2])  # (C, n, D')
            return EmbeddedBatch(gather(model.apply_metric(readouts, context.category_metric)), encoding.patches)
        if batch.photo_tokens is None or context.category_metric is None:
            return None
        encoding = model.backbone.split(batch.photo_tokens.float(), self.transform.size)
        readouts = encoding.pool(model.backbone.pooling)  # (C, n, D')
        return EmbeddedBatch(model.apply_metric(readouts, context.category_metric), None)

    def _ranked(self, embedded: EmbeddedBatch, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of embeddings by name: L_ID, contrastive, Smooth-AP, and L_align if it has a weight."""
        embeddings = embedded.embeddings  # (C, n, D')
        categories = torch.arange(len(embeddings), device=embeddings.device).repeat_interleave(embeddings.shape[1])
        losses = {
            "identity": triplet_loss(
                embeddings.flatten(0, 1),
                batch.identities.flatten(),
                margin=self.margin,
                mining=self.mining,
                categories=categories,
            ),
            "contrastive": contrastive_loss(embeddings, batch.identities),
        }
        if self.objective.smooth_ap > 0:  # cubic in the photos
            losses["smooth_ap"] = smooth_ap_loss(embeddings, batch.identities)
        if self.objective.alignment == 0 or embedded.patches is None:
            return losses
        assert batch.photos is not None
        patches = gather(embedded.patches.unflatten(0, batch.photos.shape[:2]))  # (C, n, N, D)
        left, right, same = (side[:, :ALIGNED_PAIRS] for side in vars(batch.queries).values())
        left, right = (take_rows(patches, rows).flatten(0, 1) for rows in (left, right))
        return losses | {"alignment": alignment_loss(left, right, same.flatten())}

    def _icl(self, context: ContextOutput, same: Tensor) -> Tensor:
        logits = self.model.reasoner.label_logits(context.label_states)  # (C, K, V)
        return icl_loss(logits.flatten(0, 1), self.model.reasoner.label_targets(same).flatten())

    def _agreement(self, latents: Latents, batch: Batch) -> Tensor:
        """Return the cross-entropy of predicting, from comparison tokens of held-out pairs, which factors agree."""
        left, right = batch.queries.left, batch.queries.right
        tokens = self.model.comparison(take_rows(latents.tokens, left), take_rows(latents.tokens, right))  # (C, R, E)
        assert batch.values is not None
        values = take_rows(batch.values, left)  # (C, R, F)
        agree = (values == take_rows(batch.values, right)).float()
        has_factor = (values >= 0).float()
        losses = F.binary_cross_entropy_with_logits(self.agreement(tokens).float(), agree, reduction="none")
        return (losses * has_factor).sum() / has_factor.sum().clamp_min(1)


@dataclass(frozen=True)
class ContextEncodings:
    """The encoded contexts (C), and latents of the photos to embed (C, n); None where no loss needs them."""

    context: ContextOutput
    photo_latents: Latents | None


def encode_contexts(model: VICP, batch: Batch) -> ContextEncodings:
    """Return the encoded supports of C episodes, from unprompted tokens of the frozen backbone."""
    assert batch.support is not None
    num_support = batch.support.shape[1]
    tokens = batch.support.float()  # autocast joins no float16
    tokens = tokens if batch.photo_tokens is None else torch.cat([tokens, batch.photo_tokens.float()], dim=1)
    latents = _latents(model, tokens)  # (C, 2K+n)
    left, right = latents[:, : num_support // 2], latents[:, num_support // 2 : num_support]
    context = model.encode_context(left, right, batch.same)
    return ContextEncodings(context, None if batch.photo_tokens is None else latents[:, num_support:])


def _latents(model: VICP, tokens: Tensor) -> Latents:
    """Return latents (C, n) of unprompted tokens (C, n, P+N, D); those of no photo take no gradient."""
    latents: Latents = model.qformer(model.backbone.split(tokens.flatten(0, 1), model.config.image_size))
    latents = latents.apply(lambda values: values.unflatten(0, tokens.shape[:2]))
    return latents if tokens.shape[1] else latents.apply(torch.detach)


def query_logits(model: VICP, encodings: ContextEncodings, batch: Batch) -> Tensor:
    """Return the verifier's log odds (C, R) on held-out pairs."""
    assert encodings.photo_latents is not None
    left, right = (
        Latents(take_rows(encodings.photo_latents.tokens, rows)) for rows in (batch.queries.left, batch.queries.right)
    )
    return model.pair_log_odds(left, right, encodings.context.states)


def _prompt_similarity(embedded: EmbeddedBatch, batch: Batch) -> Tensor:
    """Return cosine similarities (C, R) of held-out pairs under their prompts."""
    left, right = (take_rows(embedded.embeddings, rows) for rows in (batch.queries.left, batch.queries.right))
    return (left * right).sum(dim=-1)
