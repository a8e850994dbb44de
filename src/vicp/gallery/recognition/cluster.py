"""Cluster photos without a name into presumed individuals: a proposal, which changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.prompt import Prompt
from vicp.data.photos.crops import of_one_picture, picture_of
from vicp.data.records import PhotoTable
from vicp.data.sides import rows_by_side, side_codes
from vicp.decisions.belief import EVEN
from vicp.decisions.grouping import dense_groups, link_photos, mean_within, same_pair_share
from vicp.decisions.rule import DEFAULT_TARGETS, DecisionRule
from vicp.decisions.sentences import percent
from vicp.errors import ConfigError, DataError, GalleryError
from vicp.gallery.categories import gallery_categories
from vicp.gallery.contents import embedded_photos, photo_sides
from vicp.gallery.recognition.cluster_proposal import ClusterProposal, GroupedPhoto
from vicp.gallery.search.category_rule import category_rule
from vicp.gallery.search.nearest import ExactNearest, exact_nearest, nearest_in_table
from vicp.gallery.store.snapshot import Snapshot
from vicp.runtime.photo_encoder import PhotoEncoder

ClusterMethod = Literal["agglomerative", "hdbscan"]
MAX_PHOTOS = 20_000  # the distances between them take 1.6 GB
LEVEL = 0.5

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Grouping:
    """How photos are grouped.

    Attributes:
        method: Agglomerative joins groups while their mean P(same) is at least `cut`; hdbscan does so within dense
            regions alone.
        cut: The P(same) from which two groups are one.
        prior_new: P(different) of two photos, and P(new) of one, before they are seen; None estimates the former from
            the photos and takes the latter for even, as `identify` does.
    """

    method: ClusterMethod = "agglomerative"
    cut: float = LEVEL
    prior_new: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.cut <= 1:
            raise ConfigError(f"cut {self.cut:g}: expected a P(same) above 0 and up to 1")
        if self.prior_new is not None and not 0 < self.prior_new < 1:
            raise ConfigError(f"prior_new {self.prior_new:g}: expected a probability between 0 and 1")


DEFAULT_GROUPING = Grouping()


@dataclass(frozen=True, eq=False)
class UnnamedPhotos:
    """Photos of one category and n of its individuals, none of whom is known.

    Attributes:
        keys: (n,) of each.
        sources: (n,) where each came from.
        embeddings: (n, D) float32, L2-normalised.
        sides: (n,) what each shows, see `data.sides`; None where none is known.
        pictures: (n,) what each was cropped from, see `data.crops`.
    """

    keys: list[str]
    sources: list[str]
    embeddings: Floats
    sides: NDArray[np.int64] | None
    pictures: list[str]


def cluster_gallery(
    snapshot: Snapshot, *, category: str | None = None, grouping: Grouping = DEFAULT_GROUPING
) -> ClusterProposal:
    """Return the photos of a stored gallery that have no name in groups, by the P(same) of `verify`.

    No group holds two photos of which `verify` says that they show different individuals, photos of two sides, or
    two animals of one picture.

    Args:
        snapshot: The gallery.
        category: One of its categories, or all of them.
        grouping: How.

    Raises:
        GalleryError: No photo without a name, or too many.
    """
    photos: list[GroupedPhoto] = []
    descriptions: list[str] = []
    for name, stored in gallery_categories(snapshot).items():
        if category not in (None, name):
            continue
        unnamed = embedded_photos(snapshot, stored, named=False)
        if len(unnamed.frame) > MAX_PHOTOS:
            raise GalleryError(f"{snapshot.uri}: {_too_many(len(unnamed.frame), name)}")
        if len(unnamed.frame):
            known, frame = exact_nearest(snapshot, stored), unnamed.frame
            sides = photo_sides(snapshot, frame["number"].tolist())
            sources = [str(source) for source in frame["source"]]
            pictures = [picture_of(source) for source in sources]
            of_category = UnnamedPhotos(list(frame["key"]), sources, unnamed.embeddings, sides, pictures)
            grouped, description = _group(of_category, known, name, category_rule(stored.prompt, known), grouping)
            photos += grouped
            descriptions.append(description)
    if not photos:
        raise GalleryError(f"{snapshot.uri}: every photo has a name{'' if category is None else f' in {category}'}")
    return ClusterProposal.of(photos, "; and ".join(dict.fromkeys(descriptions)))


def cluster_photos(
    encoder: PhotoEncoder,
    table: PhotoTable,
    *,
    prompt: Prompt | None,
    grouping: Grouping = DEFAULT_GROUPING,
    ignore_names: bool = False,
) -> ClusterProposal:
    """Return the photos of a table that have no name in groups; those with a name are the known individuals.

    Args:
        encoder: The prompt's model.
        table: The photos; of the prompt's category alone, where it is among theirs.
        prompt: The category's; None compares plain embeddings.
        grouping: How.
        ignore_names: Group all photos, whoever they are said to show.

    Raises:
        DataError: Photos that cannot be used, none without a name, or too many.
        PromptError: The prompt belongs to another model.
    """
    if prompt is not None and prompt.category in table.categories:
        table = table.of_category(prompt.category)
    has_name = table.frame["identity"].notna().to_numpy(dtype=bool) & (not ignore_names)
    if has_name.all():
        raise DataError("every photo has a name: --ignore-names groups them all, whoever they are said to show")
    if (~has_name).sum() > MAX_PHOTOS:
        raise DataError(_too_many(int((~has_name).sum()), "the photos"))
    table, embeddings = encoder.embed(table, prompt)
    sides = side_codes(table)
    named = table.frame["identity"].notna().to_numpy(dtype=bool) & (not ignore_names)
    known = nearest_in_table(table.select(named), embeddings[named]) if named.any() else None
    category = prompt.category if prompt is not None else "individual"
    names = [str(path) for path in table.frame["path"][~named]]
    sources = names if table.root is None else [str((table.root / name).resolve()) for name in names]
    known_sides = sides[~named] if (sides >= 0).any() else None
    pictures = [picture_of(name) for name in names]
    unnamed = UnnamedPhotos(names, sources, embeddings[~named], known_sides, pictures)
    photos, description = _group(unnamed, known, category, category_rule(prompt, known), grouping)
    return ClusterProposal.of(photos, description)


def _too_many(count: int, what: str) -> str:
    return f"{count:,} photos of {what} have no name, {MAX_PHOTOS:,} can be grouped at a time: name some first"


@dataclass(frozen=True)
class _Scores:
    """What similarities of a category's photos say, at one prior.

    Attributes:
        rule: The category's.
        level: The P(same) from which photos are one individual.
        prior_same: P(same) of two photos before they are seen.
        prior_new: P(new) of a photo before it is seen.
    """

    rule: DecisionRule
    level: float
    prior_same: float
    prior_new: float

    @classmethod
    def of(cls, rule: DecisionRule, similarity: Floats, grouping: Grouping) -> "_Scores":
        """Return the scores of photos with these similarities (n, n)."""
        if grouping.prior_new is not None:
            return cls(rule, grouping.cut, 1 - grouping.prior_new, grouping.prior_new)
        return cls(rule, grouping.cut, same_pair_share(rule.probability(similarity.astype(np.float64))), EVEN)

    def pairs(self, similarity: Floats) -> NDArray[Any]:
        """Return P(same) of pairs (n, n), as `verify` gives it at this prior."""
        return self.rule.probability(similarity.astype(np.float64), prior=self.prior_same)

    def candidates(self, similarity: Floats, counts: NDArray[np.int64]) -> NDArray[Any]:
        """Return what `identify` gives I known individuals with so many photos (I,) for each photo (B, I)."""
        search = self.rule.belief.search
        rows = similarity.astype(np.float64)
        return np.array([search(row, counts, prior_new=self.prior_new).probabilities for row in rows])

    def different(self, similarity: Floats) -> NDArray[np.bool_]:
        """Return of which pairs, of any shape, `identify` and `verify` say that they show different individuals."""
        targets = DEFAULT_TARGETS
        below = self.rule.new_below(targets.false_new_rate, confidence=targets.confidence)
        if below is None:
            return np.zeros(similarity.shape, dtype=bool)
        return (similarity < below) & (self.rule.probability(similarity.astype(np.float64)) < EVEN)


def _group(
    unnamed: UnnamedPhotos, known: ExactNearest | None, category: str, rule: DecisionRule, grouping: Grouping
) -> tuple[list[GroupedPhoto], str]:
    """Return the photos of a category by group, and by what they were grouped, for people.

    A group is a known individual that it is close to, or has a new name. Photos of two sides are in two groups.
    """
    taken = set() if known is None else set(known.names)
    new_names = (name for number in range(1, 10**9) if (name := f"{category}-{number}") not in taken)
    every = np.arange(len(unnamed.keys))
    by_side = [every] if unnamed.sides is None else rows_by_side(unnamed.sides)
    photos: list[GroupedPhoto] = []
    priors = []
    for rows in by_side:
        of_side = None if unnamed.sides is None else unnamed.sides[rows].max(initial=-1)
        searched = known if known is None or of_side is None else known.comparable(int(of_side))
        embeddings, pictures = unnamed.embeddings[rows], [unnamed.pictures[row] for row in rows]
        scores = _Scores.of(rule, embeddings @ embeddings.T, grouping)
        priors.append(scores.prior_same)
        for group, identity, probability, is_known in _groups(
            embeddings, pictures, searched, scores, grouping, new_names
        ):
            stated = None if probability is None else round(probability, 4)
            for row in rows[group]:
                one = (unnamed.keys[row], unnamed.sources[row], category, identity, stated, is_known)
                photos.append(GroupedPhoto(*one))
    return sorted(photos, key=lambda one: (one.identity, one.photo)), _description(rule, grouping, priors)


def _groups(
    embeddings: Floats,
    pictures: list[str],
    known: ExactNearest | None,
    scores: _Scores,
    grouping: Grouping,
    new_names: Iterator[str],
) -> Iterator[tuple[NDArray[np.int64], str, float | None, bool]]:
    """Yield the rows of each group of photos (n, D), whom it shows, how probable that is, and whether it is known."""
    similarity = embeddings @ embeddings.T  # (n, n)
    probability = scores.pairs(similarity)
    different = scores.different(similarity) | of_one_picture(pictures)
    known_on = {} if known is None else _individuals_by_picture(known)
    group = link_photos if grouping.method == "agglomerative" else dense_groups
    labels = group(probability, scores.level, different=different)
    for label in range(labels.max() + 1):
        rows = np.flatnonzero(labels == label)
        on_picture = sorted({individual for row in rows for individual in known_on.get(pictures[row], ())})
        match = None if known is None else _known_individual(embeddings[rows], known, scores, on_picture)
        if match is None:
            yield rows, next(new_names), mean_within(probability[np.ix_(rows, rows)]), False
        else:
            yield rows, *match, True


def _individuals_by_picture(known: ExactNearest) -> dict[str, list[int]]:
    """Return picture -> the individuals, as positions in the names, that are known to be on it."""
    individuals: dict[str, list[int]] = {}
    owners = np.repeat(np.arange(len(known.names)), known.index.counts)
    for number, owner in zip(known.index.photos.tolist(), owners.tolist(), strict=True):
        if picture := picture_of(str(known.frame.at[number, "source"])):
            individuals.setdefault(picture, []).append(owner)
    return individuals


def _known_individual(
    embeddings: Floats, known: ExactNearest, scores: _Scores, on_picture: list[int]
) -> tuple[str, float] | None:
    """Return the known individual that a group (n, D) is closest to, and its mean P; None where it is not close.

    Those known to be on a picture of the group (positions in the names) are somebody else.
    """
    if not known.names:
        return None
    similarity = known.similarities(embeddings)  # (n, I)
    mean = scores.candidates(similarity, known.index.counts).mean(axis=0)  # (I,)
    mean[scores.different(similarity).any(axis=0)] = -np.inf
    mean[on_picture] = -np.inf
    best = int(mean.argmax())
    return (known.names[best], float(mean[best])) if mean[best] >= scores.level else None


def _description(rule: DecisionRule, grouping: Grouping, priors: list[float]) -> str:
    """Return by what photos were grouped: the level, what P(same) rests on, and its prior."""
    basis = "calibrated P(same)" if rule.belief.basis.individuals > 1 else "P(same), borrowed from other categories,"
    how = "--prior-new" if grouping.prior_new is not None else "estimated from the photos"
    stated = " and ".join(percent(prior) for prior in dict.fromkeys(priors))
    sides = "; each side by itself" if len(priors) > 1 else ""
    return f"{basis} of at least {grouping.cut:g}; {stated} beforehand ({how}){sides}"
