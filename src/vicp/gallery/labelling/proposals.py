"""Propose pairs of photos to label: embed the photos, read the known labels, propose."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vicp.adapt.encoded_support import pairs_within
from vicp.adapt.prompt import Prompt
from vicp.data.moments import moment_codes, one_per_moment
from vicp.data.records import PhotoTable
from vicp.data.sides import of_two_sides, side_codes
from vicp.data.support.support import Support
from vicp.errors import DataError
from vicp.gallery.labelling.active_learning import Strategy, propose_pairs
from vicp.gallery.labelling.known_pairs import KnownPairs
from vicp.gallery.labelling.pair_files import COLUMNS, NO_PAIRS, read_pairs, write_pairs
from vicp.runtime.photo_encoder import PhotoEncoder

MAX_PHOTOS = 4000  # compared with each other: all their similarities fit in 64 MB


@dataclass(frozen=True)
class ProposedPair:
    """A pair worth a label.

    Attributes:
        left: Name of one photo.
        right: Of the other.
        similarity: Cosine in [-1, 1], rounded to four digits.
        why: "likely same", "uncertain" or "random".
    """

    left: str
    right: str
    similarity: float
    why: str


@dataclass(frozen=True)
class PairProposals:
    """Pairs to label.

    Attributes:
        pairs: The most useful first.
        photos: How many photos were compared.
        skipped: Photos left out because they cannot be used.
        labelled: Pairs that have a label already.
        notes: Why there are fewer than asked for, and what names told.
    """

    pairs: tuple[ProposedPair, ...]
    photos: int
    skipped: int
    labelled: int
    notes: tuple[str, ...] = ()


def propose_from(
    encoder: PhotoEncoder,
    table: PhotoTable,
    *,
    count: int,
    prompt: Prompt | None = None,
    category: str | None = None,
    pairs_file: Path | None = None,
    strategy: Strategy = "balanced",
    seed: int = 0,
    use_names: bool = True,
) -> PairProposals:
    """Return the pairs of photos that are most worth a label.

    Args:
        encoder: What compares the photos.
        table: The photos; of two that are named, show two sides (`viewpoint`) or are of one picture, none is asked.
        count: How many pairs.
        prompt: The category's prompt so far; None is the frozen backbone.
        category: Which of several in the table; the prompt's if None.
        pairs_file: Labels there are, if any.
        strategy: How to choose.
        seed: Of what is drawn.
        use_names: Look at identities.

    Raises:
        DataError: Photos or labels that cannot be used, or no pair is left to propose.
        PromptError: The prompt belongs to another model.
    """
    table = _of_one_category(table, category or (None if prompt is None else prompt.category))
    labelled = NO_PAIRS if pairs_file is None else read_pairs(pairs_file, table)
    rows = _rows_to_compare(len(table), labelled, seed)
    usable, embeddings, fingerprints = encoder.embed_with_fingerprints(table.select(rows), prompt)
    rows = rows[table.frame["row"].iloc[rows].isin(usable.frame["row"]).to_numpy()]
    return propose_among(
        usable,
        embeddings,
        pairs_within(labelled, rows),
        moment_codes(usable, fingerprints),
        count=count,
        boundary=None if prompt is None or prompt.choice is None else prompt.choice.threshold,
        strategy=strategy,
        seed=seed,
        use_names=use_names,
    )


def propose_among(
    usable: PhotoTable,
    embeddings: NDArray[np.float32],
    labelled: Support,
    moments: NDArray[np.int64],
    *,
    count: int,
    boundary: float | None = None,
    strategy: Strategy = "balanced",
    seed: int = 0,
    use_names: bool = True,
    closed: Support = NO_PAIRS,
) -> PairProposals:
    """Return the pairs of embedded photos that are most worth a label.

    Args:
        usable: The photos (n), of one category; crops of one picture, by `source` or else `path`, show two individuals.
        embeddings: Theirs (n, D).
        labelled: Labels there are, as positions in the photos.
        moments: Of the photos (n).
        count: How many pairs.
        boundary: The similarity where same and different are as likely, if known.
        strategy: How to choose.
        seed: Of what is drawn.
        use_names: Look at identities.
        closed: Pairs that are not to be asked, whatever they are.

    Raises:
        DataError: Labels that contradict each other, or no pair is left to propose.
    """
    known = KnownPairs.of(usable, labelled, use_names=use_names).without(closed)
    chosen = one_per_moment(moments, np.random.default_rng(seed))
    asked = known.of_moments(moments, chosen).apart(of_two_sides(side_codes(usable.select(chosen))))
    proposals = propose_pairs(
        embeddings[chosen],
        asked.groups,
        asked.relation,
        count,
        strategy=strategy,
        boundary=boundary,
        seed=seed,
    )
    if not proposals:
        raise DataError(
            f"nothing left to ask: every pair of the {len(usable)} photos is labelled, follows from labels and names, "
            "shows two sides, or is of one picture"
        )
    notes = list(known.notes)
    if len(proposals) < count:
        num_open = int(np.triu(asked.relation == 0, 1).sum()) - len(proposals)
        notes.append(_shortage(len(proposals), count, num_open))
    names = [str(path) for path in usable.frame["path"].iloc[chosen]]
    return PairProposals(
        pairs=tuple(ProposedPair(names[p.left], names[p.right], round(p.similarity, 4), p.why) for p in proposals),
        photos=len(usable),
        skipped=len(usable.skipped),
        labelled=len(labelled),
        notes=tuple(notes),
    )


def _shortage(num_proposed: int, count: int, num_open: int) -> str:
    """Return why there are fewer pairs than were asked for, when so many others have no label."""
    why = (
        "a photo is asked about once a round: label these, then ask again"
        if num_open
        else "all others are labelled, follow from labels and names, show two sides, or are of one picture"
    )
    return f"{num_proposed} instead of {count}: {why}."


def write_proposals(path: Path, pairs: Sequence[ProposedPair]) -> None:
    """Write proposed pairs with an empty column `same`, for a person to fill in.

    Raises:
        DataError: It cannot be written there.
    """
    rows = [(pair.left, pair.right, "", f"{pair.similarity:.4f}", pair.why) for pair in pairs]
    write_pairs(path, pd.DataFrame(rows, columns=[*COLUMNS, "similarity", "why"]))


def _of_one_category(table: PhotoTable, category: str | None) -> PhotoTable:
    if len(table.categories) == 1:
        return table
    if category is None:
        listed = ", ".join(table.categories[:5])
        raise DataError(f"photos of {len(table.categories)} categories ({listed}, ...): say which with --category")
    return table.of_category(category)


def _rows_to_compare(num_photos: int, labelled: Support, seed: int) -> NDArray[np.int64]:
    """Return which photos to compare, ascending: all or, of too many, those with labels and others at random."""
    if num_photos <= MAX_PHOTOS:
        return np.arange(num_photos)
    in_pairs = np.unique(np.concatenate([labelled.left, labelled.right]))
    others = np.setdiff1d(np.arange(num_photos), in_pairs)
    sampled = np.random.default_rng(seed).permutation(others)[: max(MAX_PHOTOS - len(in_pairs), 0)]
    return np.sort(np.concatenate([in_pairs, sampled]))
