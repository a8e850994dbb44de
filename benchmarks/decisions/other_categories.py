"""Whether photos of another category are noticed: every set is taught, and asked about photos of every other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.lib.embedded_sets import EmbeddedSet
from vicp.data.seeds import derive_seed
from vicp.decisions.typicality import LEAST_TYPICALITY, CategoryReference

SIZES = (6, 12, 24)
PHOTOS = 3  # of an individual of the support
MOST = 200  # photos asked about, of a set
DRAWS = 5
FALSE_FLAGS = 0.05


def measure_other_categories(sets: Mapping[str, EmbeddedSet], seed: int) -> dict[str, Any]:
    """By size of the support, means over ordered pairs of sets."""
    found = {size: [one for draw in range(DRAWS) for one in _pairs(sets, size, seed, draw)] for size in SIZES}
    return {str(size): _average(rows) for size, rows in found.items() if rows}


def _pairs(sets: Mapping[str, EmbeddedSet], size: int, seed: int, draw: int) -> list[dict[str, float]]:
    found = []
    for name, photos in sets.items():
        rng = np.random.default_rng(derive_seed(seed, "other categories", name, size, draw))
        names, identities = np.unique(photos.identities, return_inverse=True)
        if len(names) < 4 * size / 3:
            continue
        order = rng.permutation(len(names))
        rows = np.concatenate([rng.permutation(np.flatnonzero(identities == i))[:PHOTOS] for i in order[:size]])
        reference = CategoryReference(photos.embeddings[rows], identities[rows])
        own = _some(photos, np.flatnonzero(np.isin(identities, order[size:])), reference, rng)
        for other, strangers in sets.items():
            if other != name:
                found.append(_tell_apart(own, _some(strangers, np.arange(len(strangers.paths)), reference, rng)))
    return found


def _some(photos: EmbeddedSet, rows: np.ndarray, reference: CategoryReference, rng: np.random.Generator) -> np.ndarray:
    shares = reference.typicality(photos.embeddings[rng.permutation(rows)[:MOST]])
    assert shares is not None
    return shares


def _tell_apart(own: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """How well typicality tells photos of new individuals of the category from those of another category."""
    return {
        "auroc": float(roc_auc_score(np.arange(len(own) + len(others)) >= len(own), -np.concatenate([own, others]))),
        "flagged_at_5_percent_false": float((others < np.quantile(own, FALSE_FLAGS)).mean()),
        "flagged": float((others < LEAST_TYPICALITY).mean()),
        "false_flags": float((own < LEAST_TYPICALITY).mean()),
    }


def _average(rows: list[dict[str, float]]) -> dict[str, float]:
    return {"pairs": len(rows) // DRAWS, **{key: float(np.mean([row[key] for row in rows])) for key in rows[0]}}
