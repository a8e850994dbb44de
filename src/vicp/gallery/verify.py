"""Verify whether two photos show one individual, under a prompt or in a gallery."""

import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.in_context import can_verify, probability_same
from vicp.adapt.prompt import Prompt
from vicp.data.loading import load_pixels
from vicp.data.records import BadPhoto, PhotoTable, list_rows
from vicp.decisions.outcome import ErrorTargets, InsufficientPairs, Threshold, Verification
from vicp.decisions.rule import DEFAULT_TARGETS, decision_rule
from vicp.decisions.sentences import NO_HELD_OUT_PAIRS, NO_PROMPT, verification_sentence
from vicp.errors import DataError, GalleryError
from vicp.gallery.categories import check_model, find_category, gallery_categories
from vicp.gallery.routing import UNKNOWN, choose_categories
from vicp.gallery.store.snapshot import Snapshot


def verify_photos(
    embedder: Embedder, pair: PhotoTable, *, prompt: Prompt | None, targets: ErrorTargets = DEFAULT_TARGETS
) -> Verification:
    """Return whether two photos show one individual, under a category's prompt.

    Args:
        embedder: The prompt's model.
        pair: A table of the two photos.
        prompt: The category's; None compares plain embeddings, which calibrate nothing.
        targets: The error rates to keep.

    Raises:
        DataError: A photo that cannot be used.
        PromptError: The prompt belongs to another model.
    """
    pixels = decode_pair(embedder, pair)
    embeddings = embedder.embed_pixels(pixels, prompt, mirror=False)  # (2, D)
    return _verify(embedder, pixels, embeddings, prompt, "" if prompt is None else prompt.category, targets)


def verify_in_gallery(
    embedder: Embedder,
    snapshot: Snapshot,
    pair: PhotoTable,
    *,
    category: str | None = None,
    targets: ErrorTargets = DEFAULT_TARGETS,
) -> Verification:
    """Return whether two photos show one individual, under a stored category's prompt.

    Args:
        embedder: The gallery's model.
        snapshot: The gallery.
        pair: A table of the two photos.
        category: Theirs; None lets the first photo decide.
        targets: The error rates to keep.

    Raises:
        DataError: A photo that cannot be used.
        GalleryError: No such category, a photo that fits none, or another model.
    """
    categories = gallery_categories(snapshot) if category is None else {category: find_category(snapshot, category)}
    if not categories:
        raise GalleryError(f"{snapshot.uri}: no category yet: `vicp gallery enroll {snapshot.uri} PHOTOS` adds one")
    pixels = decode_pair(embedder, pair)
    embeddings: dict[str, Tensor] = {}
    for name, stored in categories.items():
        check_model(embedder, stored.model, uri=snapshot.uri)
        embeddings[name] = embedder.embed_pixels(pixels, stored.prompt, mirror=False)  # (2, D)
    queries = {name: rows.float().numpy() for name, rows in embeddings.items()}
    chosen = choose_categories(snapshot, categories, queries, allow_unknown=True)[0]
    if chosen == UNKNOWN and chosen not in categories:
        first = pair.frame["path"].iloc[0]
        raise GalleryError(f"{first}: fits no category of {snapshot.uri}: give --category ({', '.join(categories)})")
    prompt = categories[chosen].prompt
    return _verify(embedder, pixels, embeddings[chosen], prompt, chosen, targets, routed=len(categories) > 1)


def decode_pair(embedder: Embedder, pair: PhotoTable) -> Tensor:
    """Return the pixels (2, 3, S, S) uint8 of two photos.

    Raises:
        DataError: A photo that cannot be used.
    """
    bad: list[BadPhoto] = []
    batches = list(load_pixels(pair, embedder.transform, threads=1, bad=bad))
    if bad:
        raise DataError(f"cannot compare these photos: {list_rows(bad)}")
    return torch.cat([batch.pixels for batch in batches])


def _verify(
    embedder: Embedder,
    pixels: Tensor,
    embeddings: Tensor,
    prompt: Prompt | None,
    category: str,
    targets: ErrorTargets,
    *,
    routed: bool = False,
) -> Verification:
    """Return what the embeddings (2, D) of two photos say of them, and what the in-context verifier does."""
    similarity = float(embeddings[0] @ embeddings[1])
    if prompt is None:
        return Verification(category, None, None, similarity, NO_PROMPT, routed=routed)
    rule = decision_rule(prompt.held_out)
    decision = None if rule is None else rule.decide_pair(similarity, targets)
    limit = None if decision is None else decision.limit
    shortage = limit if isinstance(limit, InsufficientPairs) else None
    sentence = NO_HELD_OUT_PAIRS
    if decision is not None:
        sentence = verification_sentence(decision.verdict, probability=decision.probability, shortage=shortage)
    return Verification(
        category=category,
        verdict=None if decision is None else decision.verdict,
        probability=None if decision is None else decision.probability,
        similarity=similarity,
        sentence=sentence,
        threshold=limit if isinstance(limit, Threshold) else None,
        shortage=shortage,
        different_below=None if decision is None else decision.different_below,
        verifier_probability=_verifier_probability(embedder, pixels, prompt),
        labels_predictable=prompt.labels_predictable,
        separating_similarity=None if prompt.choice is None else prompt.choice.threshold,
        separating_accuracy=None if prompt.choice is None else prompt.choice.threshold_accuracy,
        routed=routed,
    )


def _verifier_probability(embedder: Embedder, pixels: Tensor, prompt: Prompt) -> float | None:
    if not can_verify(embedder, prompt):
        return None
    latents = embedder.latents(pixels)  # (2, Q, E)
    return float(probability_same(embedder, prompt, latents[:1], latents[1:])[0])
