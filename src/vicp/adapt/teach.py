"""Teach a category: draw or read the labelled pairs, fit a prompt to them, and report how well it does."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vicp.adapt import select
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import encode_pixels, pairs_within, photos_of_pairs, sample_same_size
from vicp.adapt.in_context import LabelPrediction, predict_labels
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import MethodOrAuto, recipe_to_dict
from vicp.data.records import PhotoTable, check_enough
from vicp.data.support import Support, sample_support
from vicp.errors import DataError

NUM_PAIRS, NUM_SUSPECTS = 64, 5


@dataclass(frozen=True)
class TeachResult:
    """A category's prompt and how it came about.

    Attributes:
        prompt: The result.
        table: The photos the pairs point into.
        support: The pairs.
        check: The LLM's predictions of held-out labels; None below four pairs and without an LLM.
        num_dropped: Pairs left out because one of their photos cannot be used.
    """

    prompt: Prompt
    table: PhotoTable
    support: Support
    check: LabelPrediction | None
    num_dropped: int = 0

    def summary(self, target: Path) -> dict[str, Any]:
        """Return the facts, for JSON."""
        recipe, choice = self.prompt.recipe, self.prompt.choice
        return {
            "prompt": str(target),
            "category": self.prompt.category,
            "photos": len(self.table),
            "skipped": len(self.table.skipped),
            "pairs": len(self.support),
            "dropped_pairs": self.num_dropped,
            "same_pairs": int(self.support.same.sum()),
            "label_accuracy": None if self.check is None else self.check.accuracy,
            "labels_predictable": self.prompt.labels_predictable,
            "suspects": [self._pair(k) for k in self._suspects],
            "model": self.prompt.fingerprint,
            "seed": self.prompt.seed,
            "adaptation": recipe.method,
            "recipe": recipe_to_dict(recipe),
            "choice": None if choice is None else asdict(choice),
        }

    def lines(self, target: Path) -> list[str]:
        """Return the facts, for people."""
        num_same = int(self.support.same.sum())
        used = len(np.unique(np.concatenate([self.support.left, self.support.right])))
        lines = [
            f"Read {len(self.support)} pairs ({num_same} same, {len(self.support) - num_same} different) "
            f"of {used} photos out of {len(self.table)}."
        ]
        if self.table.skipped:
            pairs = f" and {self.num_dropped} pairs with them" if self.num_dropped else ""
            lines.append(f"Left out {len(self.table.skipped)} photos that cannot be used{pairs}.")
        if self.check is not None:
            lines.append(
                f"Of pairs whose label it had not seen, the model got {self.check.accuracy:.0%} right "
                f"(always the same answer: {self.check.majority_rate:.0%})."
            )
        for k in self._suspects[:NUM_SUSPECTS]:
            pair = self._pair(k)
            said = "same" if pair["same"] else "different"
            lines.append(f"Look again: {pair['left']} and {pair['right']} are labelled {said}.")
        if self.prompt.choice is not None:
            reason = self.prompt.choice.reason
            lines.append(f"{reason[0].upper()}{reason[1:]}.")
        return [*lines, f"Wrote {target}."]

    @property
    def _suspects(self) -> list[int]:
        return [] if self.check is None else self.check.suspects

    def _pair(self, k: int) -> dict[str, Any]:
        name = self.table.frame["path"].iloc
        return {
            "left": str(name[self.support.left[k]]),
            "right": str(name[self.support.right[k]]),
            "same": bool(self.support.same[k]),
        }


def teach_category(
    embedder: Embedder,
    table: PhotoTable,
    *,
    category: str,
    num_pairs: int | None = None,
    support: Support | None = None,
    seed: int = 0,
    adapt: MethodOrAuto = "auto",
) -> TeachResult:
    """Return a prompt from labelled pairs of photos.

    Args:
        embedder: A VICP model or a bare backbone.
        table: Photos; of several categories in it, `category` is the one taught.
        category: What the photos show.
        num_pairs: K, drawn from the identities where no pairs are given; None is 64 or as many as there are.
        support: Labelled pairs, rows of the table; the identities are then not looked at.
        seed: Of the draw.
        adapt: The method, or "auto" for the one that does best on identities held out of the support.

    Raises:
        ConfigError: The method needs a VICP model or a static prompt, and there is none.
        DataError: Photos or pairs that cannot be used.
    """
    drawn = support is None
    num_dropped = 0
    if support is None:
        table = of_one_category(table, category)
        table, pairs, pixels = _sample_pairs(embedder, table, num_pairs, seed)
    else:
        table, pairs, pixels = _usable_pairs(embedder, table, support)
        num_dropped = len(support) - len(pairs)
    shown = table.select(photos_of_pairs(pairs))
    encoded = encode_pixels(
        embedder,
        pixels,
        pairs_within(pairs, photos_of_pairs(pairs)),
        category=category,
        identities=shown.identities if drawn else None,
        names=[str(name) for name in shown.frame["path"]],
        seed=seed if drawn else None,
    )
    check = None
    if embedder.model is not None and encoded.latents is not None:
        check = predict_labels(embedder.model, encoded.latents, encoded.pairs, seed=seed)
    predictable = None if check is None else check.labels_predictable
    prompt = replace(select.fit_selected(embedder, encoded, adapt), labels_predictable=predictable)
    return TeachResult(prompt, table, pairs, check, num_dropped)


def of_one_category(table: PhotoTable, category: str) -> PhotoTable:
    """Return the photos of the category; all of them where the table has one category, whatever its name.

    Raises:
        DataError: The table has several categories, and not this one.
    """
    return table.of_category(category) if len(table.categories) > 1 else table


def _sample_pairs(
    embedder: Embedder, table: PhotoTable, num_pairs: int | None, seed: int
) -> tuple[PhotoTable, Support, Tensor]:
    """Return the photos that can be used, pairs sampled from their identities, and the pixels of the pairs' photos.

    Pairs are sampled before the photos are decoded, so that the pixels of no others need be kept; where photos turn out
    to be bad, pairs are sampled again from the others.
    """
    check_enough(table)
    limit = None if embedder.model is None else embedder.model.max_pairs

    def sample(identities: Sequence[str]) -> Support:
        if num_pairs is not None:
            return sample_support(identities, num_pairs, seed=seed)
        return sample_same_size(identities, min(NUM_PAIRS, limit or NUM_PAIRS), seed=seed)

    pairs = sample(table.identities)
    usable, pixels = embedder.check_and_load(table, photos_of_pairs(pairs))
    if len(usable) < len(table):
        pairs = sample(usable.identities)
        shown = usable.select(photos_of_pairs(pairs))
        others = shown.select(~shown.frame["row"].isin(pixels).to_numpy(dtype=bool))
        pixels |= embedder.check_and_load(others, range(len(others)))[1]
    return usable, pairs, _stack(pixels, usable, photos_of_pairs(pairs))


def _usable_pairs(embedder: Embedder, table: PhotoTable, support: Support) -> tuple[PhotoTable, Support, Tensor]:
    """Return the photos the pairs need, the pairs whose photos can both be used, and the pixels of their photos."""
    shown = photos_of_pairs(support)
    wanted = table.select(shown)
    usable, pixels = embedder.check_and_load(wanted, range(len(wanted)))
    good = wanted.frame["row"].isin(usable.frame["row"]).to_numpy()
    pairs = pairs_within(support, shown[good])
    if not len(pairs):
        raise DataError("no labelled pair is left: each has a photo that cannot be used")
    return usable, pairs, _stack(pixels, usable, photos_of_pairs(pairs))


def _stack(pixels: Mapping[int, Tensor], table: PhotoTable, indices: np.ndarray) -> Tensor:
    """Return the pixels (n, 3, S, S) of the photos at these indices of the table, from pixels by `row`."""
    return torch.stack([pixels[int(row)] for row in table.frame["row"].iloc[indices]])
