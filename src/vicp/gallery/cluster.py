"""Photos without a name, grouped into individuals: a proposal to look through, never a change of the gallery."""

from dataclasses import dataclass
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
from vicp.gallery.nearest import exact_nearest
from vicp.gallery.store.snapshot import Snapshot

ClusterMethod = Literal["agglomerative", "hdbscan"]
MAX_PHOTOS = 20_000  # the distances between them take 1.6 GB
PROPOSAL = ("photo", "source", "category", "identity", "confidence")


@dataclass(frozen=True, eq=False)
class ClusterProposal:
    """Groups of photos that look like one individual each.

    Attributes:
        frame: columns PROPOSAL; `identity` is a known one that the group looks like, or a new name.
        by: what the grouping stands on, for people.
    """

    frame: pd.DataFrame
    by: str

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        return {"by": self.by, "photos": len(self.frame), "groups": self.frame.to_dict("records")}

    def lines(self, out: Path | None) -> list[str]:
        """The facts, for people."""
        groups = list(self.frame.groupby(["category", "identity"], sort=False))
        lines = [f"{len(self.frame)} photos without a name look like {len(groups)} individuals, by {self.by}."]
        for (category, identity), rows in groups[:20]:
            sources = ", ".join(Path(source).name for source in rows["source"][:4]) + (", ..." if len(rows) > 4 else "")
            lines.append(
                f"  {identity} ({category}): {len(rows)} photos, confidence {rows['confidence'].mean():.2f} ({sources})"
            )
        if len(groups) > 20:
            lines.append(f"  and {len(groups) - 20} more")
        lines.append("Nothing is changed.")
        if out is not None:
            lines.append(f"{out} holds the proposal: correct it, then `vicp gallery split GALLERY --from {out}`.")
        return lines


def cluster_photos(
    snapshot: Snapshot,
    *,
    category: str | None = None,
    method: ClusterMethod = "agglomerative",
    cut: float | None = None,
) -> ClusterProposal:
    """Groups the photos without a name, by calibrated P(same) where there is a calibration, else by similarity.

    Args:
        snapshot: the gallery.
        category: one of its categories, or all of them.
        method: agglomerative joins groups while their mean P(same) is at least `cut`; hdbscan looks for dense ones.
        cut: the P(same), or similarity, above which two groups are one; 0.5, or the one held-out pairs gave.

    Raises:
        GalleryError: no photo without a name, too many, or nothing says at which similarity to cut.
    """
    chosen = [prompted for name, prompted in gallery_categories(snapshot).items() if category in (None, name)]
    parts, ways = [], []
    for prompted in chosen:
        found = embedded_photos(snapshot, prompted, named=False)
        if len(found.frame) > MAX_PHOTOS:
            raise GalleryError(
                f"{snapshot.uri}: {len(found.frame)} photos of {prompted.category} have no name, {MAX_PHOTOS} can be "
                "grouped at a time: name some first"
            )
        if len(found.frame):
            frame, way = _cluster_category(snapshot, prompted, found, method, cut)
            parts.append(frame)
            ways.append(way)
    if not parts:
        raise GalleryError(f"{snapshot.uri}: every photo has a name{'' if category is None else f' in {category}'}")
    return ClusterProposal(pd.concat(parts, ignore_index=True), " and ".join(dict.fromkeys(ways)))


def write_proposal(proposal: ClusterProposal, out: Path) -> None:
    """Writes the proposal as a CSV.

    Raises:
        DataError: it cannot be written.
    """
    write_frame(proposal.frame, out)


def _cluster_category(
    snapshot: Snapshot, prompted: GalleryCategory, found: Embedded, method: ClusterMethod, cut: float | None
) -> tuple[pd.DataFrame, str]:
    closeness = found.embeddings @ found.embeddings.T  # (n, n)
    decisions = _calibrated(prompted)
    if decisions is not None:
        level, way = 0.5 if cut is None else cut, "calibrated P(same)"
        closeness = np.asarray(decisions.probability(closeness.astype(np.float64)))
    else:
        choice = None if prompted.prompt is None else prompted.prompt.choice
        threshold = cut if cut is not None or choice is None else choice.threshold
        if threshold is None:
            raise GalleryError(
                f"{snapshot.uri}: nothing says how similar two photos of one {prompted.category} are: teach it and "
                "reindex, or give --cut"
            )
        level, way = threshold, f"similarity above {threshold:.3f} (not calibrated)"
    labels = group(closeness, level, method)
    names, confidence = _name_groups(snapshot, prompted, found, labels, closeness, level)
    frame = found.frame.rename(columns={"key": "photo"})[["photo", "source", "category"]]
    frame = frame.assign(identity=names, confidence=np.round(confidence, 4))
    return frame.sort_values(["identity", "photo"], kind="stable"), way


def group(closeness: NDArray[Any], level: float, method: ClusterMethod) -> NDArray[np.int64]:
    """A group per photo (n,), from 0, by closeness (n, n) where `level` is close enough.

    A photo that hdbscan puts in no group is a group of its own.
    """
    distance = np.clip(1 - (closeness + closeness.T) / 2, 0, None).astype(np.float64)
    np.fill_diagonal(distance, 0)
    reach = max(0.0, 1 - level)
    if len(distance) < 2:
        return np.zeros(len(distance), dtype=np.int64)
    if method == "agglomerative":
        model = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=reach)
        return np.asarray(model.fit_predict(distance), dtype=np.int64)
    model = HDBSCAN(min_cluster_size=2, metric="precomputed", cluster_selection_epsilon=reach, copy=True)
    labels = np.asarray(model.fit_predict(distance), dtype=np.int64)
    alone = labels < 0
    labels[alone] = labels.max() + 1 + np.arange(alone.sum())
    return labels


def _name_groups(
    snapshot: Snapshot,
    prompted: GalleryCategory,
    found: Embedded,
    labels: NDArray[np.int64],
    closeness: NDArray[Any],
    level: float,
) -> tuple[list[str], NDArray[np.float64]]:
    """An identity and a confidence per photo: a known individual that the whole group is close to, or a new name."""
    nearest = exact_nearest(snapshot, prompted)
    taken = set() if nearest is None else set(nearest.names)
    fresh = (f"{prompted.category}-{number}" for number in range(1, 10**9))
    decisions = _calibrated(prompted)
    names = [""] * len(labels)
    confidence = np.zeros(len(labels))
    for label in dict.fromkeys(labels.tolist()):
        rows = np.flatnonzero(labels == label)
        name = None
        if nearest is not None:
            near = nearest.similarities(found.embeddings[rows])  # (rows, I)
            mean = (near if decisions is None else np.asarray(decisions.probability(near.astype(np.float64)))).mean(
                axis=0
            )
            if mean.max() >= level:
                name = nearest.index.names[int(mean.argmax())]
                confidence[rows] = mean.max()
        if name is None:
            name = next(n for n in fresh if n not in taken)
            within = closeness[np.ix_(rows, rows)]
            others = len(rows) * (len(rows) - 1)
            confidence[rows] = (within.sum() - np.trace(within)) / others if others else 1.0
        for row in rows:
            names[row] = name
    return names, confidence


def _calibrated(prompted: GalleryCategory) -> DecisionRule | None:
    """What turns the category's similarities into P(same); None with too few pairs for that."""
    decisions = None if prompted.prompt is None else decision_rule(prompted.prompt.held_out)
    return None if decisions is None or decisions.calibration is None else decisions


def read_proposal(path: Path) -> dict[str, list[str]]:
    """Identity -> photos, from a CSV with the columns photo and identity; rows without an identity are left out.

    Raises:
        GalleryError: it cannot be read, or lacks a column.
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
