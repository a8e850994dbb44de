"""Cluster photos without a name into presumed individuals: a proposal, which changes nothing."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN, AgglomerativeClustering

from vicp.data.write import write_frame
from vicp.decisions.rule import DecisionRule, decision_rule
from vicp.errors import GalleryError
from vicp.gallery.categories import GalleryCategory, gallery_categories
from vicp.gallery.contents import Embedded, embedded_photos
from vicp.gallery.nearest import ExactNearest, exact_nearest
from vicp.gallery.store.snapshot import Snapshot

ClusterMethod = Literal["agglomerative", "hdbscan"]
MAX_PHOTOS = 20_000  # the distances between them take 1.6 GB


@dataclass(frozen=True)
class GroupedPhoto:
    """A photo without a name, and the individual that it may show.

    Attributes:
        photo: Its key.
        source: Where it came from.
        category: Its category.
        identity: A known individual that its group looks like, or a new name.
        confidence: Mean P(same), or mean similarity where nothing is calibrated: to the known individual, or within
            the group.
    """

    photo: str
    source: str
    category: str
    identity: str
    confidence: float


@dataclass(frozen=True)
class ClusterProposal:
    """Groups of photos that look like one individual each.

    Attributes:
        photos: Those of one group together, by `category` and `identity`.
        criterion: What makes two photos one individual, for people.
    """

    photos: tuple[GroupedPhoto, ...]
    criterion: str


@dataclass(frozen=True)
class SameCriterion:
    """When two photos of a category count as one individual.

    Attributes:
        rule: Turns similarities into P(same); None compares the similarities themselves.
        level: The P(same), or similarity, from which they do.
        description: For people.
    """

    rule: DecisionRule | None
    level: float
    description: str

    def scores(self, similarity: NDArray[np.float32]) -> NDArray[Any]:
        """Return P(same) of similarities of any shape, or the similarities where there is no rule."""
        return similarity if self.rule is None else self.rule.probability(similarity.astype(np.float64))


def cluster_photos(
    snapshot: Snapshot,
    *,
    category: str | None = None,
    method: ClusterMethod = "agglomerative",
    cut: float | None = None,
) -> ClusterProposal:
    """Return the photos without a name in groups, by calibrated P(same) where there is a calibration, else similarity.

    Args:
        snapshot: The gallery.
        category: One of its categories, or all of them.
        method: Agglomerative joins groups while their mean P(same) is at least `cut`; hdbscan looks for dense ones.
        cut: The P(same), or similarity, from which two groups are one; 0.5, or the one held-out pairs gave.

    Raises:
        GalleryError: No photo without a name, too many, or nothing says at which similarity to cut.
    """
    photos: list[GroupedPhoto] = []
    descriptions = []
    for name, stored in gallery_categories(snapshot).items():
        if category not in (None, name):
            continue
        unnamed = embedded_photos(snapshot, stored, named=False)
        if len(unnamed.frame) > MAX_PHOTOS:
            raise GalleryError(
                f"{snapshot.uri}: {len(unnamed.frame)} photos of {name} have no name, {MAX_PHOTOS} can be grouped at a "
                "time: name some first"
            )
        if len(unnamed.frame):
            criterion = _same_criterion(snapshot, stored, cut)
            photos += _group_category(unnamed, exact_nearest(snapshot, stored), name, criterion, method)
            descriptions.append(criterion.description)
    if not photos:
        raise GalleryError(f"{snapshot.uri}: every photo has a name{'' if category is None else f' in {category}'}")
    return ClusterProposal(tuple(photos), " and ".join(dict.fromkeys(descriptions)))


def group_photos(scores: NDArray[Any], level: float, method: ClusterMethod) -> NDArray[np.int64]:
    """Return a group per photo (n,), from 0.

    A photo that hdbscan puts in no group is a group of its own.

    Args:
        scores: (n, n) P(same) or similarity of every two photos.
        level: From which two photos are one individual.
        method: As in `cluster_photos`.
    """
    distance = np.clip(1 - (scores + scores.T) / 2, 0, None).astype(np.float64)
    np.fill_diagonal(distance, 0)
    max_distance = max(0.0, 1 - level)
    if len(distance) < 2:
        return np.zeros(len(distance), dtype=np.int64)
    if method == "agglomerative":
        model = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=max_distance)
        return np.asarray(model.fit_predict(distance), dtype=np.int64)
    model = HDBSCAN(min_cluster_size=2, metric="precomputed", cluster_selection_epsilon=max_distance, copy=True)
    labels = np.asarray(model.fit_predict(distance), dtype=np.int64)
    is_alone = labels < 0
    labels[is_alone] = labels.max() + 1 + np.arange(is_alone.sum())
    return labels


def write_proposal(proposal: ClusterProposal, out: Path) -> None:
    """Write the proposal as a CSV.

    Raises:
        DataError: It cannot be written.
    """
    write_frame(pd.DataFrame([asdict(photo) for photo in proposal.photos]), out)


def read_proposal(path: Path) -> dict[str, list[str]]:
    """Return identity -> photos, from a CSV with the columns photo and identity; rows without an identity are left out.

    Raises:
        GalleryError: It cannot be read, or lacks a column.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise GalleryError(f"{path}: cannot be read ({error})") from error
    missing = [name for name in ("photo", "identity") if name not in frame]
    if missing:
        raise GalleryError(
            f"{path}: no column {missing[0]!r}, expected photo and identity, as `vicp gallery cluster` writes"
        )
    named = frame[frame["identity"].str.strip() != ""]
    groups: dict[str, list[str]] = {}
    for photo, identity in zip(named["photo"], named["identity"], strict=True):
        groups.setdefault(identity, []).append(photo)
    if not groups:
        raise GalleryError(f"{path}: no photo with an identity")
    return groups


def _same_criterion(snapshot: Snapshot, category: GalleryCategory, cut: float | None) -> SameCriterion:
    """Return calibrated P(same) where the category's prompt allows it, else a similarity."""
    prompt = category.prompt
    rule = decision_rule(None if prompt is None else prompt.held_out)
    if rule is not None and rule.calibration is not None:
        return SameCriterion(rule, 0.5 if cut is None else cut, "calibrated P(same)")
    choice = None if prompt is None else prompt.choice
    level = cut if cut is not None or choice is None else choice.threshold
    if level is None:
        raise GalleryError(
            f"{snapshot.uri}: nothing says how similar two photos of one {category.category} are: teach it and "
            "reindex, or give --cut"
        )
    return SameCriterion(None, level, f"similarity above {level:.3f} (not calibrated)")


def _group_category(
    unnamed: Embedded, known: ExactNearest | None, category: str, criterion: SameCriterion, method: ClusterMethod
) -> list[GroupedPhoto]:
    """Return the photos of a category by group: a known individual that the group is close to, or a new name."""
    scores = criterion.scores(unnamed.embeddings @ unnamed.embeddings.T)  # (n, n)
    labels = group_photos(scores, criterion.level, method)
    taken = set() if known is None else set(known.names)
    new_names = (name for number in range(1, 10**9) if (name := f"{category}-{number}") not in taken)
    photos = []
    for label in dict.fromkeys(labels.tolist()):
        rows = np.flatnonzero(labels == label)
        match = None if known is None else _known_individual(unnamed.embeddings[rows], known, criterion)
        identity, confidence = match or (next(new_names), _mean_within(scores[np.ix_(rows, rows)]))
        for key, source in unnamed.frame[["key", "source"]].iloc[rows].itertuples(index=False):
            photos.append(GroupedPhoto(str(key), str(source), category, identity, round(confidence, 4)))
    return sorted(photos, key=lambda photo: (photo.identity, photo.photo))


def _known_individual(
    embeddings: NDArray[np.float32], known: ExactNearest, criterion: SameCriterion
) -> tuple[str, float] | None:
    """Return the known individual that a group (n, D) is closest to, and its mean score; None where it is not close."""
    mean = criterion.scores(known.similarities(embeddings)).mean(axis=0)  # (I,)
    best = int(mean.argmax())
    return (known.names[best], float(mean[best])) if mean[best] >= criterion.level else None


def _mean_within(scores: NDArray[Any]) -> float:
    """Return the mean score (n, n) of two different photos; 1 of a photo alone."""
    num_others = len(scores) * (len(scores) - 1)
    return float((scores.sum() - np.trace(scores)) / num_others) if num_others else 1.0
