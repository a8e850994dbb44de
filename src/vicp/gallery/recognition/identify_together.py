"""Identify photos of one individual together: one answer, to which each moment contributes the same.

Photos of a burst are one piece of evidence: many of them make an answer no surer than one of them does. The
similarity of an individual is the mean of the moments' similarities, and of a moment the mean of its photos'.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vicp.data.dates import with_exif_dates
from vicp.data.moments import moment_codes
from vicp.data.photos.fingerprints import PhotoFingerprint, photo_fingerprint
from vicp.data.records import PhotoTable
from vicp.decisions.outcome import Identification
from vicp.decisions.sentences import promise_sentence
from vicp.gallery.search.category_search import LISTED, CategorySearch, QueryEmbeddings, Question

Codes = NDArray[np.int64]


def moments_of(table: PhotoTable, fingerprints: Sequence[PhotoFingerprint] | None = None) -> Codes:
    """Return the moment (n,) of each of n photos, by what they show, their sequence and their date.

    Args:
        table: The photos.
        fingerprints: Theirs (n); None makes them.

    Raises:
        DataError: A photo that cannot be used.
    """
    if fingerprints is None:
        fingerprints = [photo_fingerprint(table.photo_bytes(row)) for row in range(len(table))]
    return moment_codes(with_exif_dates(table), fingerprints)


def most_common(categories: Sequence[str]) -> str:
    """Return the category of most photos, the first one of several."""
    return Counter(categories).most_common(1)[0][0]


def identify_together(
    search: CategorySearch, queries: QueryEmbeddings, moments: Codes, question: Question, *, routed: bool = False
) -> Identification:
    """Return whom photos of one individual show.

    Photos that do not look like the category do not count where others do. An answer is promised where each photo
    alone has the promise of the same answer: the error rate is then not above that of a photo.

    Args:
        search: Of their category.
        queries: The photos (B).
        moments: Theirs (B,).
        question: How.
        routed: Whether the embeddings chose the category.
    """
    each = search.identify(queries, question, routed=routed)
    counted = [row for row, one in enumerate(each) if one.verdict != "unsure"] or list(range(len(each)))
    found = max((each[row] for row in counted), key=lambda one: one.typicality or 0.0)
    if search.nearest is not None and found.candidates:
        weights, side = _moment_weights(moments[counted]), _common_side(queries.sides[counted])
        result = search.nearest.search_together(queries.embeddings[counted], weights, max(question.top, LISTED), side)
        found = search.decide(queries.names[0], result, question, found.typicality, routed)
    if found.promised and not all(each[row].promised and _answer(each[row]) == _answer(found) for row in counted):
        targets, is_new = question.targets, found.verdict == "new"
        promise = promise_sentence(False, new=is_new, pair=False, targets=targets, shortage=found.shortage)
        found = replace(found, promised=False, promise=promise)
    basis = _basis(len(each), len(counted), moments[counted])
    return replace(found, photo=queries.names[0], sentence=f"{found.sentence}; {basis}")


def _moment_weights(moments: Codes) -> NDArray[np.float32]:
    """Return the weight (n,) of each photo: moments weigh the same, and so do the photos of one."""
    _, inverse, sizes = np.unique(moments, return_inverse=True, return_counts=True)
    return (1 / (len(sizes) * sizes[inverse])).astype(np.float32)


def _common_side(sides: Codes) -> int:
    """Return the side that photos show; -1 where none is known, or two are."""
    known = np.unique(sides[sides >= 0])
    return int(known[0]) if len(known) == 1 else -1


def _answer(found: Identification) -> tuple[str | None, str]:
    return found.verdict, found.candidates[0].identity if found.verdict == "same" else ""


def _basis(num_photos: int, num_counted: int, moments: Codes) -> str:
    """Return what an answer rests on.

    >>> _basis(3, 2, np.array([0, 0]))
    'from 2 photos of one moment; 1 more does not look like the category'
    """
    num_moments = len(np.unique(moments))
    photos = f"{num_counted} photo{'s' if num_counted > 1 else ''}"
    text = f"from {photos} of {'one moment' if num_moments == 1 else f'{num_moments} moments'}"
    more = num_photos - num_counted
    return text + (f"; {more} more {'do' if more > 1 else 'does'} not look like the category" if more else "")
