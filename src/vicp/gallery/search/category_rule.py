"""The one rule of a category, which identify, verify and cluster share, and the photos that show what it looks like."""

from vicp.adapt.prompt import Prompt
from vicp.data.sides import of_two_sides
from vicp.decisions.held_out import HeldOut
from vicp.decisions.rule import DecisionRule, decision_rule
from vicp.decisions.typicality import CategoryReference
from vicp.gallery.categories import GalleryCategory
from vicp.gallery.search.indexed_nearest import nearest_in_category, once_per_search
from vicp.gallery.search.nearest import Nearest
from vicp.gallery.store.snapshot import Snapshot

MAX_PHOTOS = 1000  # of a gallery without a prompt that are compared with each other


def category_rule(prompt: Prompt | None, nearest: Nearest | None) -> DecisionRule:
    """Return what similarities in a category mean, by its prompt or, without one, by the known photos themselves.

    Nothing was fitted to photos that are embedded without a prompt, so that their similarities count as held out.

    Args:
        prompt: The category's; None for the plain backbone.
        nearest: The search of its individuals, if there are any.
    """
    if prompt is not None:
        return decision_rule(prompt.held_out, prompt.similarity_kind)
    if nearest is None:
        return decision_rule(None, "plain")
    known = nearest.sample(MAX_PHOTOS)
    unknown = None if known.sides is None else of_two_sides(known.sides)
    similarity = known.embeddings @ known.embeddings.T
    return decision_rule(HeldOut.of_identities(similarity, known.owners, unknown=unknown), "plain")


def stored_rule(snapshot: Snapshot, category: GalleryCategory) -> DecisionRule:
    """Return `category_rule` of a stored category."""

    def fit() -> DecisionRule:
        nearest = nearest_in_category(snapshot, category) if category.prompt is None else None
        return category_rule(category.prompt, nearest)

    return once_per_search(snapshot, category, "rule", fit)


def category_reference(prompt: Prompt | None, nearest: Nearest | None) -> CategoryReference | None:
    """Return photos that show what the category looks like; None where there are none."""
    if prompt is not None:
        return prompt.reference
    if nearest is None:
        return None
    known = nearest.sample(MAX_PHOTOS)
    return CategoryReference(known.embeddings, known.owners)
