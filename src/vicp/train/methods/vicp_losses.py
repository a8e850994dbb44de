"""One step of VICP: a batch in, every loss by name out."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vicp.data.episodes.natural import NATURAL_FACTORS
from vicp.data.images import ImageTransform, normalise
from vicp.data.procedural.world import FACTORS
from vicp.losses.alignment import alignment_loss
from vicp.losses.contrastive import contrastive_loss
from vicp.losses.distillation import distillation_loss
from vicp.losses.icl import icl_loss, pair_loss
from vicp.losses.objective import LossTerms, Objective, weigh
from vicp.losses.smooth_ap import smooth_ap_loss
from vicp.losses.triplet import triplet_loss
from vicp.model.latents import Latents
from vicp.model.vicp import VICP, ContextOutput
from vicp.train.distributed.gather import gather
from vicp.train.episodes.batch import Batch, take_rows

ALIGNED_PAIRS = 8  # per context and step: transport between all pairs of photos would cost more than the ViT


@dataclass(frozen=True)
class EmbeddedBatch:
    """Photos as their categories' prompts show them.

    Attributes:
        embeddings: L2-normalised (C, n, D'), of all processes.
        patches: patch tokens (C * n, N, D) of this process; None where no photo went through the backbone.
    """

    embeddings: Tensor
    patches: Tensor | None


class VICPTrainingModule(nn.Module):
    """The model with its losses, and a readout that only training needs: in which factors do two photos agree?

    The procedural world knows. Told so, comparison tokens say something from the first steps on, and the LLM can
    turn to what the labels make of it; without, it has to learn both at once.

    Args:
        model: the model.
        transform: how pixels become its input.
        objective: weight of each loss.
        margin: of the triplet loss.
        mining: of its triplets.
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
    def needs_asked(self) -> bool:
        """Whether the photos to embed are looked at without prompts too, for held-out pairs."""
        told = self.objective.pair + self.objective.agreement + self.objective.distillation
        return told > 0 or self.model.metric_head is not None

    def forward(self, batch: Batch) -> LossTerms:
        """Every loss; without photos (the warm-up) those that need no ViT. What is only logged has no gradient."""
        read = encode_contexts(self.model, batch)
        seen = self._embed(batch, read.reading)
        logits = None if read.asked is None else query_logits(self.model, read, batch).float()  # (C, R)
        terms = weigh(
            self.objective,
            **({} if seen is None else self._ranked(seen, batch)),
            icl=self._icl(read.reading, batch.same),
            pair=None if logits is None else pair_loss(logits.flatten(), batch.queries.same.flatten()),
            agreement=None if read.asked is None or batch.values is None else self._agreement(read.asked, batch),
            distillation=None
            if seen is None or logits is None
            else distillation_loss(_prompt_similarity(seen, batch), logits),
        )
        # DDP waits for a gradient through everything that a module returns.
        logged = {n: t.detach() for n, t in vars(terms).items() if t is not None and vars(self.objective).get(n) == 0}
        return replace(terms, **logged)

    def _embed(self, batch: Batch, reading: ContextOutput) -> EmbeddedBatch | None:
        """The photos of each category under its own prompt; in the warm-up, under its metric alone, if it has one."""
        model = self.model
        if batch.photos is not None:
            states = model.batched_prompt_states(reading.tokens, batch.photos.shape[1])
            encoding = model.backbone.encode(normalise(batch.photos.flatten(0, 1), self.transform), states)
            readouts = encoding.pool(model.backbone.pooling).unflatten(0, batch.photos.shape[:2])  # (C, n, D')
            return EmbeddedBatch(gather(model.apply_metric(readouts, reading.category_metric)), encoding.patches)
        if batch.asked is None or reading.category_metric is None:
            return None
        encoding = model.backbone.split(batch.asked.float(), self.transform.size)
        readouts = encoding.pool(model.backbone.pooling)  # (C, n, D')
        return EmbeddedBatch(model.apply_metric(readouts, reading.category_metric), None)

    def _ranked(self, seen: EmbeddedBatch, batch: Batch) -> dict[str, Tensor]:
        """The losses of embeddings by name: L_ID, contrastive, Smooth-AP, and L_align with patches and a weight."""
        embeddings = seen.embeddings  # (C, n, D')
        categories = torch.arange(len(embeddings), device=embeddings.device).repeat_interleave(embeddings.shape[1])
        found = {
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
            found["smooth_ap"] = smooth_ap_loss(embeddings, batch.identities)
        if self.objective.alignment == 0 or seen.patches is None:
            return found
        assert batch.photos is not None
        patches = gather(seen.patches.unflatten(0, batch.photos.shape[:2]))  # (C, n, N, D)
        left, right, same = (side[:, :ALIGNED_PAIRS] for side in vars(batch.queries).values())
        left, right = (take_rows(patches, rows).flatten(0, 1) for rows in (left, right))
        return found | {"alignment": alignment_loss(left, right, same.flatten())}

    def _icl(self, reading: ContextOutput, same: Tensor) -> Tensor:
        logits = self.model.reasoner.label_logits(reading.label_states)  # (C, K, V)
        return icl_loss(logits.flatten(0, 1), self.model.reasoner.label_targets(same).flatten())

    def _agreement(self, asked: Latents, batch: Batch) -> Tensor:
        """How well the comparison tokens of held-out pairs tell the factors in which their photos agree."""
        left, right = batch.queries.left, batch.queries.right
        tokens = self.model.comparison(take_rows(asked.tokens, left), take_rows(asked.tokens, right))  # (C, R, E)
        assert batch.values is not None
        values = take_rows(batch.values, left)  # (C, R, F)
        agree = (values == take_rows(batch.values, right)).float()
        known = (values >= 0).float()
        losses = F.binary_cross_entropy_with_logits(self.agreement(tokens).float(), agree, reduction="none")
        return (losses * known).sum() / known.sum().clamp_min(1)


@dataclass(frozen=True)
class ContextEncodings:
    """What the model read: the contexts (C), and latents of the photos asked about (C, n), if wanted."""

    reading: ContextOutput
    asked: Latents | None


def encode_contexts(model: VICP, batch: Batch) -> ContextEncodings:
    """Reads the support of C episodes from unprompted tokens of the frozen backbone."""
    assert batch.support is not None
    num_support = batch.support.shape[1]
    tokens = batch.support.float()  # autocast joins no float16
    tokens = tokens if batch.asked is None else torch.cat([tokens, batch.asked.float()], dim=1)
    latents = _latents(model, tokens)  # (C, 2K+n)
    left, right = latents[:, : num_support // 2], latents[:, num_support // 2 : num_support]
    reading = model.encode_context(left, right, batch.same)
    return ContextEncodings(reading, None if batch.asked is None else latents[:, num_support:])


def _latents(model: VICP, tokens: Tensor) -> Latents:
    """Latents (C, n) of unprompted tokens (C, n, P+N, D); those of no photo take no gradient."""
    latents: Latents = model.qformer(model.backbone.split(tokens.flatten(0, 1), model.config.image_size))
    latents = latents.apply(lambda values: values.unflatten(0, tokens.shape[:2]))
    return latents if tokens.shape[1] else latents.apply(torch.detach)


def query_logits(model: VICP, read: ContextEncodings, batch: Batch) -> Tensor:
    """The verifier's log odds (C, R) on held-out pairs."""
    assert read.asked is not None
    left, right = (Latents(take_rows(read.asked.tokens, rows)) for rows in (batch.queries.left, batch.queries.right))
    return model.pair_log_odds(left, right, read.reading.states)


def _prompt_similarity(seen: EmbeddedBatch, batch: Batch) -> Tensor:
    """Cosine similarities (C, R) of held-out pairs, as the prompts show them."""
    left, right = (take_rows(seen.embeddings, rows) for rows in (batch.queries.left, batch.queries.right))
    return (left * right).sum(dim=-1)
