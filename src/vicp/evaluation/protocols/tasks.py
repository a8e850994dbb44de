"""The evaluation tasks that a protocol makes of photos: one per category and split."""

from dataclasses import replace

import numpy as np

from vicp.data.records import PhotoTable
from vicp.errors import DataError
from vicp.evaluation.photos import EvaluationPhotos, Mask
from vicp.evaluation.protocols.build_task import build_task
from vicp.evaluation.protocols.category_photos import CategoryPhotos, PhotoCodes, photos_by_category
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
    photos: EvaluationPhotos,
    protocol: Protocol,
    *,
    share_support: float = 0.5,
    exclude: str | None = None,
    trained: Mask | None = None,
    seed: int,
) -> tuple[list[EvaluationTask], list[str]]:
    """Return the tasks by category, and a sentence for everything that is left out, with the reason.

    A category's task depends on its photos and the seed alone, not on other categories or the order of rows.

    Args:
        photos: n photos with identities. Photos are not looked up among others of their individual and moment, and of a
            moment one photo is in a support.
        protocol: One of PROTOCOLS.
        share_support: Share of the identities whose pairs may be taught, in (0, 1), where the seed divides them.
        exclude: The column whose photos of the query's identity and value are not looked in: camera, sequence,
            viewpoint, domain or date (of the same day). None for none, or for the camera under "market".
        trained: Photos (n,) of individuals that a checkpoint was trained on, which are not looked up or looked in;
            under "petface-closed-set", which asks for them, they are. None for none.
        seed: Equal arguments give equal tasks.

    Raises:
        DataError: A column or list the protocol needs is missing, a photo has no identity, or no category is left.
        ValueError: `share_support` outside (0, 1), or a protocol that is none of PROTOCOLS.
    """
    if not 0 < share_support < 1:
        raise ValueError(f"share_support {share_support} must lie between 0 and 1")
    _check_columns(photos.table, protocol)
    if protocol.name in NEEDS_LIST:
        check_verification(photos, protocol.name)
    codes = PhotoCodes.of(photos, exclude or ("camera" if protocol.name == "market" else None))
    tasks: list[EvaluationTask] = []
    left_out: list[str] = []
    trained = None if protocol.name == "petface-closed-set" else trained
    for of_category in photos_by_category(photos, codes, trained=trained, seed=seed):
        made, notes = _tasks_of_category(of_category, protocol, codes, share_support)
        tasks += made
        left_out += notes
    if not tasks:
        raise DataError(f"{protocol.name}: no category is left to evaluate. {_reasons(left_out)}")
    return tasks, left_out


def _tasks_of_category(
    photos: CategoryPhotos, protocol: Protocol, codes: PhotoCodes, share: float
) -> tuple[list[EvaluationTask], list[str]]:
    """Return the tasks of a category, one per split that can be evaluated, and a sentence for what is left out."""
    try:
        splits = _divide(photos, protocol, share)
    except DataError as error:
        return [], [f"{photos.category} is left out: {error}."]
    tasks, left_out = [], []
    for split in splits:
        title = photos.category + (f" ({split.variant})" if split.variant else "")
        try:
            task, notes = _make_task(photos, split, codes, open_set=protocol.open_set)
        except DataError as error:
            left_out.append(f"{title} is left out: {error}.")
            continue
        tasks.append(task)
        left_out += [f"{title}: {note}." for note in notes]
    return tasks, left_out


def _make_task(
    photos: CategoryPhotos, split: Split, codes: PhotoCodes, *, open_set: bool
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


def _divide(photos: CategoryPhotos, protocol: Protocol, share: float) -> list[Split]:
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
        case "petface":
            return [petface_split(photos)]
        case "petface-verification":
            return [verification_split(photos)]
        case "shopid10k-folds":
            return [fold_split(photos, share)]
    raise ValueError(f"no protocol {protocol.name!r}: take one of PROTOCOLS")
