"""Cluster photos without a name into presumed individuals: a proposal, which changes nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.data.write import write_frame
from vicp.decisions.grouping import dense_groups, link_photos, mean_within, same_pair_share
from vicp.decisions.rule import DEFAULT_TARGETS, DecisionRule
from vicp.errors import GalleryError
from vicp.gallery.categories import GalleryCategory, gallery_categories
from vicp.gallery.category_rule import category_rule
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
        confidence: The calibrated probability that its group shows one individual; None of a photo alone, and where
            nothing is calibrated.
        known: Whether the gallery has the individual already.
    """

    photo: str
    source: str
    category: str
    identity: str
    confidence: float | None
    known: bool


@dataclass(frozen=True)
class ClusterProposal:
    """Groups of photos that look like one individual each.

    Attributes:
        photos: Those of one group together, by `category` and `identity`.
        criterion: What makes two photos one individual, for people.
        groups: Number of individuals that two photos or more look like, or that the gallery has already.
        alone: Number of photos that look like neither another nor a known individual; nothing says whom they show.
    """

    photos: tuple[GroupedPhoto, ...]
    criterion: str
    groups: int
    alone: int

    @classmethod
    def of(cls, photos: Sequence[GroupedPhoto], criterion: str) -> "ClusterProposal":
        """Return the proposal of these photos, with its counts."""
        sizes = Counter((photo.category, photo.identity) for photo in photos)
        alone = sum(not photo.known and sizes[photo.category, photo.identity] == 1 for photo in photos)
        return cls(tuple(photos), criterion, len(sizes) - alone, alone)


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
        """Return P(same) of photos with these similarities (n, n), among so many; or the similarities, without a rule.

        The prior is the share of their pairs that seem to be genuine.
        """
        if self.rule is None:
            return similarity
        values = similarity.astype(np.float64)
        return self.rule.probability(values, prior=same_pair_share(self.rule.probability(values)))

    def candidate_scores(self, similarity: NDArray[np.float32]) -> NDArray[Any]:
        """Return what `identify` gives I known individuals for each photo (B, I); without a rule, the similarities."""
        if self.rule is None:
            return similarity
        return np.array([self.rule.belief.search(row).probabilities for row in similarity.astype(np.float64)])

    def different(self, similarity: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return of which pairs, of any shape, `identify` and `verify` say that they show different individuals."""
        targets = DEFAULT_TARGETS
        below = (
            None if self.rule is None else self.rule.new_below(targets.false_new_rate, confidence=targets.confidence)
        )
        if self.rule is None or below is None:
            return np.zeros(similarity.shape, dtype=bool)
        return (similarity < below) & (self.rule.probability(similarity.astype(np.float64)) < 0.5)


def cluster_photos(
    snapshot: Snapshot,
    *,
    category: str | None = None,
    method: ClusterMethod = "agglomerative",
    cut: float | None = None,
) -> ClusterProposal:
    """Return the photos without a name in groups, by calibrated P(same) where there is a calibration, else similarity.

    No group holds two photos of which `verify` says that they show different individuals.

    Args:
        snapshot: The gallery.
        category: One of its categories, or all of them.
        method: Agglomerative joins groups while their mean P(same) is at least `cut`; hdbscan does so within dense
            regions alone.
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
            known = exact_nearest(snapshot, stored)
            criterion = _same_criterion(snapshot, stored, category_rule(stored.prompt, known), cut)
            photos += _group_category(unnamed, known, name, criterion, method)
            descriptions.append(criterion.description)
    if not photos:
        raise GalleryError(f"{snapshot.uri}: every photo has a name{'' if category is None else f' in {category}'}")
    return ClusterProposal.of(photos, " and ".join(dict.fromkeys(descriptions)))


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


def _same_criterion(
    snapshot: Snapshot, category: GalleryCategory, rule: DecisionRule, cut: float | None
) -> SameCriterion:
    """Return P(same) where individuals of the category were compared, else a similarity."""
    prompt = category.prompt
    if rule.belief.basis.individuals > 1:
        probability = 0.5 if cut is None else cut
        return SameCriterion(rule, probability, f"calibrated P(same) of at least {probability:g}")
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
    similarity = unnamed.embeddings @ unnamed.embeddings.T  # (n, n)
    scores, different = criterion.scores(similarity), criterion.different(similarity)
    group = link_photos if method == "agglomerative" else dense_groups
    labels = group(scores, criterion.level, different=different)
    taken = set() if known is None else set(known.names)
    new_names = (name for number in range(1, 10**9) if (name := f"{category}-{number}") not in taken)
    photos = []
    for label in range(labels.max() + 1):
        rows = np.flatnonzero(labels == label)
        match = None if known is None else _known_individual(unnamed.embeddings[rows], known, criterion)
        identity = next(new_names) if match is None else match[0]
        score = mean_within(scores[np.ix_(rows, rows)]) if match is None else match[1]
        confidence = None if score is None or criterion.rule is None else round(score, 4)
        for key, source in unnamed.frame[["key", "source"]].iloc[rows].itertuples(index=False):
            photos.append(GroupedPhoto(str(key), str(source), category, identity, confidence, match is not None))
    return sorted(photos, key=lambda photo: (photo.identity, photo.photo))


def _known_individual(
    embeddings: NDArray[np.float32], known: ExactNearest, criterion: SameCriterion
) -> tuple[str, float] | None:
    """Return the known individual that a group (n, D) is closest to, and its mean score; None where it is not close."""
    similarity = known.similarities(embeddings)  # (n, I)
    mean = criterion.candidate_scores(similarity).mean(axis=0)  # (I,)
    mean[criterion.different(similarity).any(axis=0)] = -np.inf
    best = int(mean.argmax())
    return (known.names[best], float(mean[best])) if mean[best] >= criterion.level else None
