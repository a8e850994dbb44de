"""The one rule of a category, which identify, verify and cluster share, and the photos that show what it looks like."""

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.prompt import Prompt
from vicp.data.sides import of_two_sides
from vicp.decisions.held_out import HeldOut
from vicp.decisions.rule import DecisionRule, decision_rule
from vicp.decisions.typicality import CategoryReference
from vicp.gallery.nearest import ExactNearest, Nearest

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
    if not isinstance(nearest, ExactNearest):
        return decision_rule(None, "plain")
    rows, owners = _known_photos(nearest)
    embeddings = nearest.index.embeddings[rows]
    unknown = None if nearest.sides is None else of_two_sides(nearest.sides[rows])
    return decision_rule(HeldOut.of_identities(embeddings @ embeddings.T, owners, unknown=unknown), "plain")


def category_reference(prompt: Prompt | None, nearest: Nearest | None) -> CategoryReference | None:
    """Return photos that show what the category looks like; None where there are none, or only in an index."""
    if prompt is not None:
        return prompt.reference
    if not isinstance(nearest, ExactNearest):
        return None
    rows, owners = _known_photos(nearest)
    return CategoryReference(nearest.index.embeddings[rows], owners)


def _known_photos(nearest: ExactNearest) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows of the index (n,), a thousand at most, and the individual that each shows."""
    index = nearest.index
    owners = np.repeat(np.arange(len(index.starts)), index.counts)
    rows = np.arange(len(index))
    if len(rows) > MAX_PHOTOS:
        rows = np.linspace(0, len(rows) - 1, MAX_PHOTOS).astype(np.int64)
    return rows, owners[rows]
