"""Teaches a category: choose or read the support, let the LLM read it, and say how well it understood."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vicp.adapt.embedding import Embedder
from vicp.adapt.generated import LabelCheck, check_labels, infer_prompt
from vicp.data.records import PhotoTable, check_enough
from vicp.data.sources import open_photos
from vicp.data.support import Support, draw_support, read_support
from vicp.errors import DataError
from vicp.model.prompt import CategoryPrompt

NUM_PAIRS, NUM_SUSPECTS = 64, 5


@dataclass(frozen=True)
class Taught:
    """A category's prompt and how it came about.

    Attributes:
        prompt: the result.
        table: the photos the pairs point into.
        support: the pairs.
        check: the LLM's predictions of held-out labels; None below four pairs.
        num_dropped: pairs left out because one of their photos cannot be used.
    """

    prompt: CategoryPrompt
    table: PhotoTable
    support: Support
    check: LabelCheck | None
    num_dropped: int = 0

    def summary(self, target: Path) -> dict[str, Any]:
        """The facts, for JSON."""
        return {
            "prompt": str(target),
            "category": self.prompt.category,
            "photos": len(self.table),
            "skipped": len(self.table.skipped),
            "pairs": len(self.support),
            "dropped_pairs": self.num_dropped,
            "same_pairs": int(self.support.same.sum()),
            "label_accuracy": None if self.check is None else self.check.accuracy,
            "suspects": [self._pair(k) for k in self._suspects],
            "model": self.prompt.fingerprint,
            "seed": self.prompt.seed,
        }

    def lines(self, target: Path) -> list[str]:
        """The facts, for people."""
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
            guess = max(num_same, len(self.support) - num_same) / len(self.support)
            lines.append(
                f"Of pairs whose label it had not seen, the model got {self.check.accuracy:.0%} right "
                f"(always the same answer: {guess:.0%})."
            )
        for k in self._suspects[:NUM_SUSPECTS]:
            pair = self._pair(k)
            said = "same" if pair["same"] else "different"
            lines.append(f"Look again: {pair['left']} and {pair['right']} are labelled {said}.")
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
    photos: Path,
    *,
    category: str,
    num_pairs: int | None,
    support_file: Path | None,
    seed: int,
) -> Taught:
    """A prompt from labelled pairs of photos.

    Args:
        embedder: the model.
        photos: a folder or table; of several categories in it, `category` is the one taught.
        category: what the photos show.
        num_pairs: K, drawn from the identities where no pairs are given; None is 64, or what fits the LLM.
        support_file: pairs as a CSV with left, right, same; the identities are then not needed.
        seed: of the draw.

    Raises:
        DataError: photos or pairs that cannot be used.
    """
    drawn = support_file is None
    table = open_photos(photos, need_identity=drawn, skip_bad=embedder.skip_bad)
    if len(table.categories) > 1:
        table = table.of_category(category)
    if support_file is None:
        check_enough(table)
        table = embedder.usable(table)
        num_pairs = num_pairs or min(NUM_PAIRS, embedder.model.max_pairs or NUM_PAIRS)
        support = draw_support(table.identities, num_pairs, seed=seed)
        num_dropped = 0
    else:
        support = read_support(support_file, table)
        table, usable = _usable_pairs(embedder, table, support)
        num_dropped, support = len(support) - len(usable), usable
    used = np.unique(np.concatenate([support.left, support.right]))
    _, pixels = embedder.pixels(table.select(used))
    latents, own = embedder.latents(pixels), _renumber(support, used)
    return Taught(
        prompt=infer_prompt(embedder.model, latents, own, category=category, seed=seed if drawn else None),
        table=table,
        support=support,
        check=check_labels(embedder.model, latents, own, seed=seed),
        num_dropped=num_dropped,
    )


def _usable_pairs(embedder: Embedder, table: PhotoTable, support: Support) -> tuple[PhotoTable, Support]:
    """The photos the pairs need and, of the pairs, those whose photos can both be used."""
    used = np.unique(np.concatenate([support.left, support.right]))
    support = _renumber(support, used)
    wanted = table.select(used)
    kept = embedder.usable(wanted)
    good = wanted.frame["row"].isin(kept.frame["row"]).to_numpy()
    whole = good[support.left] & good[support.right]
    if not whole.any():
        raise DataError("no labelled pair is left: each has a photo that cannot be used")
    pairs = Support(support.left[whole], support.right[whole], support.same[whole])
    return kept, _renumber(pairs, np.flatnonzero(good))


def _renumber(support: Support, used: np.ndarray) -> Support:
    """The support as positions in `used`, which is ascending."""
    return Support(np.searchsorted(used, support.left), np.searchsorted(used, support.right), support.same)
