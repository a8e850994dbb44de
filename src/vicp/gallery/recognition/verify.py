"""Verify whether two photos show one individual, under a prompt or in a gallery."""

from dataclasses import dataclass, replace

import numpy as np

from vicp.adapt.linear_transform import Floats
from vicp.adapt.prompt import Prompt
from vicp.data.loading import load_pixels
from vicp.data.records import BadPhoto, PhotoTable, list_rows
from vicp.data.sides import SIDES, side_codes
from vicp.decisions.outcome import InsufficientPairs, Threshold, Verification
from vicp.decisions.rule import DecisionRule
from vicp.decisions.sentences import promise_sentence, two_sides_sentence, verification_sentence
from vicp.decisions.typicality import LEAST_TYPICALITY, CategoryReference
from vicp.errors import DataError, GalleryError
from vicp.gallery.categories import check_model, find_category, gallery_categories
from vicp.gallery.search.category_rule import category_reference, category_rule, stored_rule
from vicp.gallery.search.category_search import DEFAULT_QUESTION, Question
from vicp.gallery.search.indexed_nearest import nearest_in_category
from vicp.gallery.search.routing import UNKNOWN, choose_categories
from vicp.gallery.store.snapshot import Snapshot
from vicp.runtime.engine import Pixels
from vicp.runtime.photo_encoder import PhotoEncoder


def verify_photos(
    encoder: PhotoEncoder, pair: PhotoTable, *, prompt: Prompt | None, question: Question = DEFAULT_QUESTION
) -> Verification:
    """Return whether two photos show one individual, under a category's prompt.

    Args:
        encoder: The prompt's model.
        pair: A table of the two photos.
        prompt: The category's; None compares plain embeddings, and all that is believed is borrowed.
        question: Error rates, and P(different) before the photos are seen.

    Raises:
        DataError: A photo that cannot be used.
        PromptError: The prompt belongs to another model.
    """
    pixels = decode_pair(encoder, pair)
    embeddings = encoder.embed_pixels(pixels, prompt)  # (2, D)
    plain = embeddings if prompt is None else encoder.embed_pixels(pixels)
    rule, reference = category_rule(prompt, None), category_reference(prompt, None)
    return _verify(
        _PairEmbeddings(embeddings, plain, _sides_of(pair)),
        rule,
        reference,
        "" if prompt is None else prompt.category,
        question,
    )


def verify_in_gallery(
    encoder: PhotoEncoder,
    snapshot: Snapshot,
    pair: PhotoTable,
    *,
    category: str | None = None,
    question: Question = DEFAULT_QUESTION,
) -> Verification:
    """Return whether two photos show one individual, under a stored category's prompt.

    Args:
        encoder: The gallery's model.
        snapshot: The gallery.
        pair: A table of the two photos.
        category: Theirs; None lets the first photo decide.
        question: As of `verify_photos`.

    Raises:
        DataError: A photo that cannot be used.
        GalleryError: No such category, a photo that fits none, or another model.
    """
    categories = gallery_categories(snapshot) if category is None else {category: find_category(snapshot, category)}
    if not categories:
        raise GalleryError(f"{snapshot.uri}: no category yet: `vicp gallery enroll {snapshot.uri} PHOTOS` adds one")
    pixels = decode_pair(encoder, pair)
    embeddings: dict[str, Floats] = {}
    for name, stored in categories.items():
        check_model(encoder, stored.model, uri=snapshot.uri)
        embeddings[name] = encoder.embed_pixels(pixels, stored.prompt)  # (2, D)
    chosen = choose_categories(snapshot, categories, embeddings, allow_unknown=True)[0]
    if chosen == UNKNOWN and chosen not in categories:
        first = pair.frame["path"].iloc[0]
        raise GalleryError(f"{first}: fits no category of {snapshot.uri}: give --category ({', '.join(categories)})")
    stored = categories[chosen]
    nearest = nearest_in_category(snapshot, stored) if stored.prompt is None else None
    return _verify(
        _PairEmbeddings(embeddings[chosen], encoder.embed_pixels(pixels), _sides_of(pair)),
        stored_rule(snapshot, stored),
        category_reference(stored.prompt, nearest),
        chosen,
        question,
        routed=len(categories) > 1,
    )


def decode_pair(encoder: PhotoEncoder, pair: PhotoTable) -> Pixels:
    """Return the pixels (2, 3, S, S) uint8 of two photos.

    Raises:
        DataError: A photo that cannot be used.
    """
    bad: list[BadPhoto] = []
    batches = list(load_pixels(pair, encoder.transform, threads=1, bad=bad))
    if bad:
        raise DataError(f"cannot compare these photos: {list_rows(bad)}")
    return np.concatenate([batch.pixels for batch in batches])


@dataclass(frozen=True, eq=False)
class _PairEmbeddings:
    """Embeddings of two photos: under the category's prompt (2, D), and without one (2, D'); and their sides."""

    prompted: Floats
    plain: Floats
    sides: tuple[str, str]

    @property
    def of_two_sides(self) -> bool:
        """Return whether one photo shows the left and the other the right."""
        return set(self.sides) == set(SIDES)


def _sides_of(pair: PhotoTable) -> tuple[str, str]:
    left, right = ("" if code < 0 else SIDES[code] for code in side_codes(pair).tolist())
    return left, right


def _unsure_of_two_sides(sides: tuple[str, str], similarity: float, category: str, prior_new: float) -> Verification:
    """Return that the left of one photo and the right of the other say nothing: P(same) stays as it was before."""
    before = 1 - prior_new
    return Verification(
        category=category,
        verdict="unsure",
        probability=before,
        similarity=similarity,
        sentence=two_sides_sentence(sides),
        probability_range=(before, before),
        prior_new=prior_new,
        sides=sides,
    )


def _verify(
    pair: _PairEmbeddings,
    rule: DecisionRule,
    reference: CategoryReference | None,
    category: str,
    question: Question,
    *,
    routed: bool = False,
) -> Verification:
    """Return what the embeddings of two photos say of them."""
    similarity = float(pair.prompted[0] @ pair.prompted[1])
    shares = None if reference is None else reference.typicality(pair.plain)
    typicality = None if shares is None else float(shares.min())
    of_category = typicality is None or typicality >= LEAST_TYPICALITY
    if pair.of_two_sides:
        unsure = _unsure_of_two_sides(pair.sides, similarity, category, question.prior_new)
        return replace(unsure, typicality=typicality, routed=routed)
    decision = rule.decide_pair(similarity, question.targets, prior_new=question.prior_new)
    shortage = decision.limit if isinstance(decision.limit, InsufficientPairs) else None
    promised = decision.promised and of_category
    return Verification(
        category=category,
        verdict="unsure" if not of_category else "same" if decision.same else "different",
        probability=decision.probability,
        similarity=similarity,
        sentence=verification_sentence(
            decision.probability, decision.probability_range, category=category, of_category=of_category
        ),
        probability_range=decision.probability_range,
        prior_new=question.prior_new,
        basis=rule.belief.basis,
        typicality=typicality,
        promised=promised,
        promise=promise_sentence(
            promised, new=not decision.same, pair=True, targets=question.targets, shortage=shortage
        ),
        threshold=decision.limit if isinstance(decision.limit, Threshold) else None,
        shortage=shortage,
        different_below=decision.different_below,
        routed=routed,
        sides=pair.sides,
    )
