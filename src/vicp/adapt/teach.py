"""Teach a category: sample the pairs or take those given, and fit a prompt to them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.encoded_support import (
    EncodedSupport,
    encode_pixels,
    pairs_within,
    photos_of_pairs,
    sample_same_size,
)
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import MethodOrAuto
from vicp.adapt.selection import select
from vicp.adapt.teaching_model import TeachingModel
from vicp.data.moments import moment_codes
from vicp.data.photos.checked_photos import CheckedPhotos, load_checked
from vicp.data.records import PhotoTable, check_enough
from vicp.data.seeds import derive_seed
from vicp.data.sides import SIDES, rows_by_side, side_codes
from vicp.data.support.support import Support, sample_support
from vicp.errors import DataError

if TYPE_CHECKING:
    from vicp.adapt.in_context import LabelPrediction

NUM_PAIRS = 64
_IN_MEMORY = 2**27  # bytes of decoded photos: of more, those of the pairs are decoded again

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SuspectPair:
    """A pair whose label may be wrong.

    Attributes:
        left: Path of its first photo.
        right: Path of its second photo.
        same: The label given.
    """

    left: str
    right: str
    same: bool


@dataclass(frozen=True)
class TeachResult:
    """A category's prompt, and how it came about.

    Attributes:
        prompt: The prompt.
        photos: Number of photos that can be used.
        photos_in_pairs: Number of those that are in a pair.
        skipped: Number of photos that cannot be used.
        pairs: K, number of labelled pairs.
        same_pairs: Number of those that are labelled the same.
        dropped_pairs: Number of given pairs left out because one of their photos cannot be used.
        moments: Number of moments that the photos are of; photos of one burst or sequence are one moment.
        burst_pairs: Number of same-pairs whose photos are of one moment: no evidence about another day.
        label_accuracy: Share of held-out labels that the LLM predicts right; None below four pairs and without an LLM.
        majority_rate: Share of labels that always predicting the majority label gets right; None likewise.
        suspects: Pairs that look mislabelled, most suspicious first.
    """

    prompt: Prompt
    photos: int
    photos_in_pairs: int
    skipped: int
    pairs: int
    same_pairs: int
    dropped_pairs: int
    moments: int
    burst_pairs: int
    label_accuracy: float | None
    majority_rate: float | None
    suspects: tuple[SuspectPair, ...]


@dataclass(frozen=True, eq=False)
class _LoadedPairs:
    """Labelled pairs and their photos.

    Attributes:
        photos: All that can be used (n).
        moments: Theirs (n).
        pairs: K of them.
        pixels: Of the photos in pairs (m, 3, S, S).
    """

    photos: PhotoTable
    moments: np.ndarray
    pairs: Support
    pixels: NDArray[np.uint8]

    @property
    def num_burst_pairs(self) -> int:
        """Number of same-pairs whose two photos are of one moment."""
        pairs = self.pairs
        return int((pairs.same & (self.moments[pairs.left] == self.moments[pairs.right])).sum())


def teach_category(
    embedder: TeachingModel,
    table: PhotoTable,
    *,
    category: str,
    num_pairs: int | None = None,
    support: Support | None = None,
    seed: int = 0,
    adapt: MethodOrAuto = "auto",
) -> TeachResult:
    """Return a prompt learned from labelled pairs of photos.

    Args:
        embedder: A VICP model or a bare backbone, in PyTorch or, where the method is linear algebra, frozen.
        table: Photos of the category alone, see `of_one_category`.
        category: What the photos show.
        num_pairs: K, drawn from the identities where no pairs are given; None is 64 or as many as there are.
        support: Labelled pairs, rows of the table; the identities are then not looked at.
        seed: Of the draw.
        adapt: The method, or "auto" for the one that does best on identities held out of the support.

    Raises:
        ConfigError: The method needs a VICP model or a static prompt, and there is none.
        DataError: Photos or pairs that cannot be used, or no category.
    """
    if not category.strip():
        raise DataError("an empty category: say what the photos show, such as cat")
    if support is None:
        loaded = _sample_pairs(embedder, table, num_pairs, seed)
    else:
        loaded = _usable_pairs(embedder, table, support)
    rows = photos_of_pairs(loaded.pairs)
    shown = loaded.photos.select(rows)
    encoded = encode_pixels(
        embedder,
        loaded.pixels,
        pairs_within(loaded.pairs, rows),
        category=category,
        identities=shown.identities if support is None else None,
        names=[str(name) for name in shown.frame["path"]],
        moments=loaded.moments[rows],
        sides=_sides_to_tell_apart(shown),
        seed=seed if support is None else None,
    )
    prediction = _predict_labels(embedder, encoded, seed)
    predictable = None if prediction is None else prediction.labels_predictable
    prompt = replace(
        select.fit_selected(embedder, encoded, adapt), labels_predictable=predictable, model=embedder.source
    )
    num_dropped = 0 if support is None else len(support) - len(loaded.pairs)
    return _teach_result(prompt, loaded, prediction, num_dropped=num_dropped)


def _predict_labels(embedder: TeachingModel, support: EncodedSupport, seed: int) -> "LabelPrediction | None":
    """Return the LLM's predictions of held-out labels; None where there is no LLM."""
    if embedder.model is None or support.latents is None:
        return None
    from vicp.adapt.in_context import predict_labels
    from vicp.adapt.methods.generated import unread_pairs

    if unread := unread_pairs(embedder.model, len(support.pairs)):
        _log.warning(unread)
    return predict_labels(embedder.model, support.latents, support.pairs, seed=seed)


def _teach_result(
    prompt: Prompt, loaded: _LoadedPairs, prediction: "LabelPrediction | None", *, num_dropped: int
) -> TeachResult:
    photos, pairs = loaded.photos, loaded.pairs
    names = photos.frame["path"].astype(str).to_list()
    suspects = [] if prediction is None else prediction.suspects
    return TeachResult(
        prompt,
        photos=len(photos),
        photos_in_pairs=len(photos_of_pairs(pairs)),
        skipped=len(photos.skipped),
        pairs=len(pairs),
        same_pairs=int(pairs.same.sum()),
        dropped_pairs=num_dropped,
        moments=len(np.unique(loaded.moments)),
        burst_pairs=loaded.num_burst_pairs,
        label_accuracy=None if prediction is None else prediction.accuracy,
        majority_rate=None if prediction is None else prediction.majority_rate,
        suspects=tuple(SuspectPair(names[pairs.left[k]], names[pairs.right[k]], bool(pairs.same[k])) for k in suspects),
    )


def of_one_category(table: PhotoTable, category: str) -> PhotoTable:
    """Return the photos of the category; all of them where the table has one category, whatever its name.

    Raises:
        DataError: The table has several categories, and not this one.
    """
    return table.of_category(category) if len(table.categories) > 1 else table


def _sample_pairs(embedder: TeachingModel, table: PhotoTable, num_pairs: int | None, seed: int) -> _LoadedPairs:
    """Return pairs sampled from the identities of the photos that can be used, of two moments as far as there are.

    Each photo is read and decoded once. Where so many pixels have no room, those of the photos in pairs are read again.
    """
    check_enough(table)
    limit = None if embedder.model is None else embedder.model.max_pairs

    def sample(photos: PhotoTable, moments: np.ndarray) -> Support:
        draw = sample_same_size if num_pairs is None else sample_support
        wanted = min(NUM_PAIRS, limit or NUM_PAIRS) if num_pairs is None else num_pairs
        return _sample_by_side(draw, photos, moments, wanted, seed)

    sample(table, moment_codes(table))  # what is asked for in vain is said before any photo is read
    have_room = len(table) * 3 * embedder.transform.size**2 <= _IN_MEMORY
    checked = _load(embedder, table, range(len(table)) if have_room else ())
    usable, moments = checked.table, moment_codes(checked.table, checked.fingerprints)
    pairs = sample(usable, moments)
    shown = usable.select(photos_of_pairs(pairs))
    if not have_room:
        checked = _load(embedder, shown, range(len(shown)))
    return _LoadedPairs(usable, moments, pairs, checked.stacked(shown))


def _sample_by_side(
    draw: Callable[..., Support], photos: PhotoTable, moments: np.ndarray, num_pairs: int, seed: int
) -> Support:
    """Return pairs of photos of one side, half of them of each; of any photos where that gives too few."""
    identities, by_side = photos.identities, rows_by_side(side_codes(photos))
    try:
        drawn = []
        for number, rows in enumerate(by_side):
            count = num_pairs // len(by_side) + (number < num_pairs % len(by_side))
            pairs = draw([identities[row] for row in rows], count, moments=moments[rows], seed=seed + number)
            drawn.append((rows[pairs.left], rows[pairs.right], pairs.same))
    except DataError:
        if len(by_side) == 1:
            raise
        return draw(identities, num_pairs, moments=moments, seed=seed)
    left, right, same = (np.concatenate(part) for part in zip(*drawn, strict=True))
    return Support(left, right, same)


def _usable_pairs(embedder: TeachingModel, table: PhotoTable, support: Support) -> _LoadedPairs:
    """Return the given pairs whose photos can both be used, and the photos that they need."""
    wanted = table.select(photos_of_pairs(support))
    checked = _load(embedder, wanted, range(len(wanted)))
    pairs = _by_content(support, table, checked.table)
    if not len(pairs):
        raise DataError("no labelled pair is left: each has a photo that cannot be used")
    moments = moment_codes(checked.table, checked.fingerprints)
    shown = checked.table.select(photos_of_pairs(pairs))
    return _LoadedPairs(checked.table, moments, pairs, checked.stacked(shown))


def _load(embedder: TeachingModel, table: PhotoTable, indices: Sequence[int]) -> CheckedPhotos:
    """Return the photos that can be used, and the pixels of some of them."""
    return load_checked(table, embedder.transform, indices, skip_bad=embedder.skip_bad, progress=embedder.progress)


def _by_content(pairs: Support, table: PhotoTable, usable: PhotoTable) -> Support:
    """Return the pairs of photos that can be used, in an order that does not depend on that of rows or names of files.

    Args:
        pairs: Rows of the table.
        table: Photos.
        usable: Those that can be used, by content, which the pairs returned are rows of.
    """
    position_of = {row: position for position, row in enumerate(usable.frame["row"])}
    position = np.array([position_of.get(row, -1) for row in table.frame["row"]], dtype=np.int64)
    left, right = position[pairs.left], position[pairs.right]
    kept = np.flatnonzero((left >= 0) & (right >= 0))
    shuffled = np.random.default_rng(derive_seed(0, "given pairs")).permutation(len(kept))
    rank = kept[np.lexsort((right[kept], left[kept]))][shuffled]  # sorted, the pairs of one photo stand together
    return Support(left[rank], right[rank], pairs.same[rank])


def _sides_to_tell_apart(photos: PhotoTable) -> np.ndarray | None:
    """Return the side of every photo (n,); None where not both are there."""
    sides = side_codes(photos)
    return sides if len(np.unique(sides[sides >= 0])) == len(SIDES) else None
