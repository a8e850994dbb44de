"""Validation during training: held-out episodes, ranked under their own support and under control contexts."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.controls import Context, build_controls
from vicp.data.images import normalise
from vicp.data.seeds import generator
from vicp.data.support.support import Support
from vicp.image_transform import ImageTransform
from vicp.losses.icl import pair_loss
from vicp.metrics import retrieval
from vicp.model.backbone import Backbone
from vicp.model.vicp import VICP, ContextOutput
from vicp.train.episodes.batch import Batch
from vicp.train.methods.vicp_losses import encode_contexts, query_logits


@dataclass(frozen=True)
class Ranking:
    """mAP in percent of a method without a context, on held-out episodes."""

    map: float

    @property
    def score(self) -> float:
        """Return what the best checkpoint is chosen by."""
        return self.map


@dataclass(frozen=True)
class ContextCheck:
    """Whether the model uses its context: means over held-out episodes; None where not computed.

    Attributes:
        spread: Distance of prompts from their mean over contexts, over their length; 0 is a static prompt.
        labels: Share of the support's labels that the LLM predicts.
        verifier: Share of held-out pairs the verifier gets right, with the support's own labels.
        flipped: The same with every label of the support inverted; far below `verifier` when labels are read.
        gap: Loss on the held-out pairs with inverted labels minus that with the own; 0 where labels are not read.
        own: mAP in percent with the category's own support.
        other: With that of another episode.
        shuffled: With the own pairs and permuted labels.
        null: With no pairs.
        frozen: Without a prompt.
    """

    spread: float
    labels: float
    verifier: float | None
    flipped: float | None
    gap: float | None = None
    own: float | None = None
    other: float | None = None
    shuffled: float | None = None
    null: float | None = None
    frozen: float | None = None

    @property
    def score(self) -> float:
        """Return what the best checkpoint is chosen by: `own`."""
        return float("nan") if self.own is None else self.own


def check_ranking(
    backbone: Backbone, held_out_batches: Sequence[Batch], transform: ImageTransform, prompt: Tensor | None = None
) -> Ranking:
    """Return the mean mAP of held-out episodes; `prompt` holds static prompt tokens, if any."""
    backbone.eval()
    device = next(backbone.parameters()).device
    with torch.no_grad():
        states = None if prompt is None else backbone.prompt_states(prompt)

        def embed(photos: Tensor) -> Tensor:
            return backbone.embed(photos, states)

        return Ranking(_mean([_map(embed, batch.to(device), transform) for batch in held_out_batches]))


def check_context(
    model: VICP, held_out_batches: Sequence[Batch], transform: ImageTransform, *, rank: bool = True
) -> ContextCheck:
    """Return what held-out episodes (one a batch, all with the same K) give under their own and under control contexts.

    Args:
        model: The model.
        held_out_batches: The episodes.
        transform: How pixels become its input.
        rank: Embed and rank the photos too; off in the warm-up, when prompts mean nothing yet.
    """
    model.eval()
    device = next(model.parameters()).device
    batches = [batch.to(device) for batch in held_out_batches]
    with torch.no_grad():
        prompts, labels, verifier, flipped, gap = [], [], [], [], []
        for batch in batches:
            encodings = encode_contexts(model, batch)
            prompts.append(encodings.context.tokens[0].float().flatten())
            predicted = model.reasoner.same_log_odds(encodings.context.label_states) > 0
            labels.append(float((predicted == batch.same).float().mean()))
            if batch.photo_tokens is not None:
                same = batch.queries.same
                own_logits = query_logits(model, encodings, batch)
                verifier.append(float(((own_logits > 0) == same).float().mean()))
                inverted = replace(batch, same=~batch.same)
                inverted_logits = query_logits(model, encode_contexts(model, inverted), inverted)
                flipped.append(float(((inverted_logits > 0) == same).float().mean()))
                losses = [pair_loss(logits.flatten(), same.flatten()) for logits in (inverted_logits, own_logits)]
                gap.append(float(losses[0] - losses[1]))
        check = ContextCheck(
            spread=_spread(torch.stack(prompts)),
            labels=_mean(labels),
            verifier=_mean(verifier) if verifier else None,
            flipped=_mean(flipped) if flipped else None,
            gap=_mean(gap) if gap else None,
        )
        return replace(check, **_map_by_context(model, batches, transform)) if rank else check


def _map_by_context(model: VICP, batches: Sequence[Batch], transform: ImageTransform) -> dict[str, float]:
    """Return mAP in percent under each context."""
    maps: dict[str, list[float]] = defaultdict(list)

    def prompted(context: ContextOutput) -> Callable[[Tensor], Tensor]:
        states = model.backbone.prompt_states(context.tokens[0])
        metric = None if context.category_metric is None else context.category_metric.of_context(0)
        return lambda photos: model.embed(photos, states, metric)

    for number, batch in enumerate(batches):
        other = _context_of(batches[(number + 1) % len(batches)])
        for name, context in _controls(_context_of(batch), other, number).items():
            output = encode_contexts(model, _with_context(batch, context)).context
            maps[name].append(_map(prompted(output), batch, transform))
        maps["frozen"].append(_map(model.backbone.embed, batch, transform))
    return {name: _mean(values) for name, values in maps.items()}


def _controls(own: Context[Tensor], other: Context[Tensor], number: int) -> dict[str, Context[Tensor]]:
    """Return the own context of an episode and the controls; labels are permuted at random, for every episode anew."""
    order = torch.randperm(len(own.pairs), generator=generator("shuffled labels", number)).numpy()
    shuffled = replace(own, pairs=replace(own.pairs, same=own.pairs.same[order]))
    return build_controls(own, ("other", "null"), seed=number, other=other) | {"shuffled": shuffled}


def _context_of(batch: Batch) -> Context[Tensor]:
    """Return the context of a batch of one episode; its photos are tokens (2K, P+N, D)."""
    assert batch.support is not None
    num_pairs = batch.same.shape[1]
    left, right = np.arange(num_pairs), num_pairs + np.arange(num_pairs)
    return Context(batch.support[0], Support(left, right, batch.same[0].cpu().numpy()), category="")


def _with_context(batch: Batch, context: Context[Tensor]) -> Batch:
    """Return the batch of one episode with another context, and without photos for held-out pairs."""
    pairs = context.pairs
    rows = torch.from_numpy(np.concatenate([pairs.left, pairs.right]))
    same = torch.from_numpy(pairs.same).to(batch.same.device)
    return replace(batch, support=context.photos[rows][None], same=same[None], photo_tokens=None)


def _map(embed: Callable[[Tensor], Tensor], batch: Batch, transform: ImageTransform) -> float:
    """Return mAP in percent of one episode's photos, each ranked against the others."""
    assert batch.photos is not None
    embeddings = torch.cat([embed(normalise(block, transform)) for block in batch.photos[0].split(64)])
    identities = batch.identities[0].cpu().numpy()
    return 100 * retrieval(embeddings.cpu(), embeddings.cpu(), identities, identities, leave_one_out=True).map


def _spread(prompts: Tensor) -> float:
    """Return the mean distance of prompts (C, M*D) from their mean, over their mean length; 0 where all are equal."""
    distance = (prompts - prompts.mean(dim=0)).norm(dim=1)
    return float(distance.mean() / prompts.norm(dim=1).mean())


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
