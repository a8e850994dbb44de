"""Which pairs of a gallery's photos to label next; the embeddings are those of the gallery, so no model is needed."""

import numpy as np
from numpy.typing import NDArray

from vicp.data.moments import moment_codes
from vicp.data.photos.fingerprints import PhotoFingerprint
from vicp.data.support.support import Support
from vicp.errors import DataError
from vicp.gallery.categories import find_category
from vicp.gallery.contents import Embedded, embedded_photos, table_by_key
from vicp.gallery.labelling.active_learning import Strategy
from vicp.gallery.labelling.labels import labelled_pairs, unsure_pairs
from vicp.gallery.labelling.proposals import MAX_PHOTOS, PairProposals, propose_among
from vicp.gallery.photo_filter import ALL_PHOTOS, PhotoFilter, with_optional_facts
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import FINGERPRINTS


def propose_in_gallery(
    snapshot: Snapshot,
    category: str,
    *,
    count: int,
    strategy: Strategy = "balanced",
    seed: int = 0,
    author: str | None = None,
    among: PhotoFilter = ALL_PHOTOS,
) -> PairProposals:
    """Return the pairs of a category's photos that are most worth a label, named by their keys.

    Args:
        snapshot: The gallery.
        category: One of its categories.
        count: How many pairs.
        strategy: How to choose.
        seed: Of what is drawn.
        author: Who labels; pairs that this author could not tell are left out.
        among: The photos to propose pairs of.

    Raises:
        DataError: Fewer than two photos, or no pair is left to propose.
        GalleryError: No such category.
    """
    stored = find_category(snapshot, category)
    embedded = _compared(_chosen(snapshot, embedded_photos(snapshot, stored), among), seed)
    frame = embedded.frame
    if len(frame) < 2:
        raise DataError(f"fewer than two photos of {category} to compare: add photos")
    table = table_by_key(frame)
    left_out = unsure_pairs(snapshot, author)
    return propose_among(
        table,
        embedded.embeddings,
        labelled_pairs(snapshot, table),
        moment_codes(table, _fingerprints(snapshot, frame["number"].to_numpy(np.int64))),
        count=count,
        boundary=None if stored.prompt is None or stored.prompt.choice is None else stored.prompt.choice.threshold,
        strategy=strategy,
        seed=seed,
        closed=_positions(left_out, [str(key) for key in frame["key"]]),
    )


def _chosen(snapshot: Snapshot, embedded: Embedded, among: PhotoFilter) -> Embedded:
    """Return the photos that a filter leaves."""
    if not among:
        return embedded
    left = among.fits(with_optional_facts(snapshot, embedded.frame))
    return Embedded(embedded.frame[left].reset_index(drop=True), embedded.embeddings[left])


def _compared(embedded: Embedded, seed: int) -> Embedded:
    """Return the photos to compare: all or, of too many, some at random."""
    if len(embedded.frame) <= MAX_PHOTOS:
        return embedded
    rows = np.sort(np.random.default_rng(seed).permutation(len(embedded.frame))[:MAX_PHOTOS])
    return Embedded(embedded.frame.iloc[rows].reset_index(drop=True), embedded.embeddings[rows])


def _positions(pairs: set[tuple[str, str]], keys: list[str]) -> Support:
    row_of = {key: row for row, key in enumerate(keys)}
    rows = [(row_of[a], row_of[b]) for a, b in sorted(pairs) if a in row_of and b in row_of]
    left, right = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    return Support(left, right, np.zeros(len(left), dtype=np.bool_))


def _fingerprints(snapshot: Snapshot, numbers: NDArray[np.int64]) -> list[PhotoFingerprint] | None:
    """Return what tells photos of one burst; None where the gallery does not have it of all of them."""
    rows = snapshot.of_numbers(FINGERPRINTS, numbers.tolist(), ["number", "fingerprint"]).to_pylist()
    by_number = {row["number"]: row["fingerprint"] for row in rows}
    if len(by_number) < len(numbers):
        return None
    return [PhotoFingerprint.from_bytes(by_number[int(number)]) for number in numbers]
