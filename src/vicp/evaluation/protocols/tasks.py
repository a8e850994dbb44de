"""The evaluation tasks that a protocol makes of a photo table: one per category and split."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.data.moments import joined_codes, num_shared
from vicp.data.photos.content_order import Hashes
from vicp.data.records import PhotoTable
from vicp.data.sides import side_codes
from vicp.errors import DataError
from vicp.evaluation.protocols.build_task import build_task, group_codes
from vicp.evaluation.protocols.category_photos import CategoryPhotos, photos_by_category, sorted_codes
from vicp.evaluation.protocols.protocol import NEEDS_LIST, Protocol
from vicp.evaluation.protocols.published_splits import (
    check_verification,
    fold_split,
    market_split,
    petface_split,
    trained_split,
    verification_split,
)
from vicp.evaluation.protocols.splits import (
    Split,
    split_by_domain,
    split_by_time,
    split_closed_set,
    split_identities,
    split_open_set,
)
from vicp.evaluation.task import EvaluationTask, Rows

KEEP_BURSTS = "--keep-bursts"
_MAX_REASONS = 20


def make_tasks(
    table: PhotoTable,
    protocol: Protocol,
    *,
    source: Path | None,
    share_support: float = 0.5,
    exclude: str | None = None,
    moments: Rows | None = None,
    trained: NDArray[np.bool_] | None = None,
    hashes: Hashes | None = None,
    seed: int,
) -> tuple[list[EvaluationTask], list[str]]:
    """Return the tasks by category, and a sentence for everything that is left out, with the reason.

    A category's task depends on its photos and the seed alone, not on other categories or the order of rows.

    Args:
        table: Photos with identities.
        protocol: One of PROTOCOLS.
        source: The data set's folder, for the lists of pairs in it; None for photos from elsewhere.
        share_support: Share of the identities whose pairs may be taught, in (0, 1), where the seed divides them.
        exclude: The column whose photos of the query's identity and value are not looked in: camera, sequence,
            viewpoint, domain or date (of the same day). None for none, or for the camera under "market".
        moments: (n,) the moment of each photo. Photos are not looked up among others of their individual and moment,
            and of a moment one photo is in a support. None: every photo is a moment of its own.
        trained: Photos (n,) of individuals that a checkpoint was trained on, which are not looked up or looked in;
            under "petface-closed-set", which asks for them, they are. None for none.
        hashes: Of the photos' files (n,), where they have been read already; None reads them.
        seed: Equal arguments give equal tasks.

    Raises:
        DataError: A column or list the protocol needs is missing, a photo has no identity, or no category is left.
        ValueError: `share_support` outside (0, 1), or a protocol that is none of PROTOCOLS.
    """
    if not 0 < share_support < 1:
        raise ValueError(f"share_support {share_support} must lie between 0 and 1")
    _check_columns(table, protocol)
    if protocol.name in NEEDS_LIST:
        source = check_verification(source, table.categories, protocol=protocol.name)
    codes = _PhotoCodes.of(table, exclude or ("camera" if protocol.name == "market" else None), moments)
    tasks: list[EvaluationTask] = []
    left_out: list[str] = []
    trained = None if protocol.name == "petface-closed-set" else trained
    for photos in photos_by_category(table, codes.groups, trained=trained, hashes=hashes, seed=seed):
        try:
            splits = _divide(photos, protocol, source, share_support)
        except DataError as error:
            left_out.append(f"{photos.category} is left out: {error}.")
            continue
        for split in splits:
            title = photos.category + (f" ({split.variant})" if split.variant else "")
            try:
                task, notes = _make_task(photos, split, codes, open_set=protocol.open_set)
            except DataError as error:
                left_out.append(f"{title} is left out: {error}.")
                continue
            tasks.append(task)
            left_out += [f"{title}: {note}." for note in notes]
    if not tasks:
        raise DataError(f"{protocol.name}: no category is left to evaluate. {_reasons(left_out)}")
    return tasks, left_out


@dataclass(frozen=True, eq=False)
class _PhotoCodes:
    """What decides which photos of a table count for a query; codes (n,).

    Attributes:
        identities: Of the individual.
        sides: Of the side, see `data.sides`.
        moments: None where every photo is a moment of its own.
        groups: No gallery photo of the query's individual and group counts; -1 where that leaves out none.
        is_grouped: Whether any are left out so.
    """

    identities: Rows
    sides: Rows
    moments: Rows | None
    groups: Rows
    is_grouped: bool

    @classmethod
    def of(cls, table: PhotoTable, column: str | None, moments: Rows | None) -> "_PhotoCodes":
        """Return the codes of photos, of which those of one value in a column, and of one moment, do not count."""
        identities = sorted_codes(pd.Series(table.identities, dtype=object))
        moments = None if moments is None or num_shared(moments) == 0 else moments
        groups = group_codes(table, column)
        groups = groups if moments is None else joined_codes(identities, groups, moments)
        return cls(identities, side_codes(table), moments, groups, column is not None or moments is not None)


def _make_task(
    photos: CategoryPhotos, split: Split, codes: _PhotoCodes, *, open_set: bool
) -> tuple[EvaluationTask, list[str]]:
    """Return the task of a split, and sentences on photos that take no part.

    Raises:
        DataError: See `build_task`.
    """
    task, notes = build_task(photos, split, groups=codes.groups if codes.is_grouped else None, open_set=open_set)
    has_sides = bool((codes.sides[task.query] >= 0).any())
    task = replace(task, moments=codes.moments, sides=codes.sides if has_sides else None)
    return task, notes + ([] if codes.moments is None else _burst_notes(task, codes.identities, codes.moments))


def _check_columns(table: PhotoTable, protocol: Protocol) -> None:
    for name in protocol.columns:
        if name not in table.frame:
            raise DataError(f"{protocol.name} needs a column {name!r}, the photos have none: add it")


def _burst_notes(task: EvaluationTask, identities: Rows, moments: Rows) -> list[str]:
    """Return how many queries have photos of their individual and moment in the gallery, which do not count."""
    _, codes = np.unique(np.stack([identities, moments]), axis=1, return_inverse=True)
    among = np.bincount(codes[task.gallery], minlength=codes.max() + 1)[codes[task.query]]
    num_queries = int((among > np.isin(task.query, task.gallery)).sum())
    if not num_queries:
        return []
    return [
        f"{num_queries} of {len(task.query)} photos that are looked up have near-equal frames or other photos of their "
        f"moment in the gallery, which do not count ({KEEP_BURSTS} counts them)"
    ]


def _reasons(left_out: list[str]) -> str:
    more = [f"And {len(left_out) - _MAX_REASONS} more."] if len(left_out) > _MAX_REASONS else []
    return " ".join([*left_out[:_MAX_REASONS], *more]) or "There are no photos."


def _divide(photos: CategoryPhotos, protocol: Protocol, source: Path | None, share: float) -> list[Split]:
    match protocol.name:
        case "vicp-retrieval" | "disjoint":
            return [split_identities(photos, share)]
        case "closed-set":
            return [split_closed_set(photos, share)]
        case "open-set":
            return [split_open_set(photos, share)]
        case "time-aware":
            return [split_by_time(photos, share)]
        case "cross-domain":
            return split_by_domain(photos, share)
        case "market":
            return [market_split(photos)]
        case "petface-closed-set":
            return [trained_split(photos)]
        case "petface" if source is not None:
            return [petface_split(photos, source)]
        case "petface-verification" if source is not None:
            return [verification_split(photos, source)]
        case "shopid10k-folds":
            return [fold_split(photos, share)]
    raise ValueError(f"no protocol {protocol.name!r}: take one of PROTOCOLS")
