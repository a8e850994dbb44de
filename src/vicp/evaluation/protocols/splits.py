"""Split the photos of one category into support, queries and gallery."""

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from vicp.errors import DataError
from vicp.evaluation.photos import Mask
from vicp.evaluation.protocols.category_photos import CategoryPhotos
from vicp.evaluation.protocols.pairs import has_answer
from vicp.evaluation.task import LabelledPairs, Rows
from vicp.phrases import counted

_QUERY_SPLITS = ("test", "query")
_GALLERY_SPLITS = ("train", "gallery", "database")
_UNKNOWN_SHARE = 0.2  # of the identities of an open set


@dataclass(frozen=True, eq=False)
class Split:
    """What a protocol makes of the m photos of a category.

    Attributes:
        support: Photos whose identities may be taught (m,).
        query: Photos looked up (m,).
        gallery: Photos they are looked up in (m,): the queries themselves (leave one out), or none of them.
        variant: See `EvaluationTask`.
        fold: likewise.
        pairs: The data set's own verification pairs, as indices into the m photos.
        notes: Sentences on photos that take no part.
    """

    support: Mask
    query: Mask
    gallery: Mask
    variant: str = ""
    fold: str = ""
    pairs: LabelledPairs | None = None
    notes: tuple[str, ...] = ()

    @property
    def leave_one_out(self) -> bool:
        """Whether each photo is looked up among all the others."""
        return np.array_equal(self.query, self.gallery)


def split_identities(photos: CategoryPhotos, share: float) -> Split:
    """Return test photos that are looked up among each other, and a support of other identities.

    The split "test" against all other splits where these share no identity; otherwise identities by seed.

    Raises:
        DataError: Too few identities.
    """
    test, no_split = photos.split("test"), photos.split("")
    other = ~test & ~no_split
    if test.any() and other.any() and not (photos.of_identities(test) & other).any():
        notes = [_no_part(int(no_split.sum()), "of no split")] * bool(no_split.any())
        return Split(other, test, test, notes=tuple(notes))
    support, rest = photos.set_apart(np.ones_like(test), share)
    return Split(support, rest, rest)


def split_closed_set(photos: CategoryPhotos, share: float) -> Split:
    """Return queries and a gallery of the same identities: by their splits, or each identity's photos halved.

    Raises:
        DataError: Too few identities.
    """
    support, rest = photos.set_apart(np.ones(len(photos.rows), dtype=bool), share)
    if _splits_share_identities(photos):
        return Split(support, rest & photos.split(*_QUERY_SPLITS), rest & photos.split(*_GALLERY_SPLITS))
    query = rest & _halves(photos)
    return Split(support, query, rest & ~query)


def split_open_set(photos: CategoryPhotos, share: float) -> Split:
    """Return the closed set without the gallery photos of a fifth of its identities, which are then unknown.

    Where identities are halved, all photos of an unknown one are queries; by splits, those that were queries.

    Raises:
        DataError: Too few identities.
    """
    closed = split_closed_set(photos, share)
    taking_part = closed.query | closed.gallery
    queries = closed.query if _splits_share_identities(photos) else taking_part
    hidden = np.isin(photos.identities, _unknown(photos, closed, queries))
    return replace(closed, query=closed.query | (queries & hidden), gallery=closed.gallery & ~hidden)


def split_by_time(photos: CategoryPhotos, share: float) -> Split:
    """Return the later photos as queries and the earlier ones as gallery, cut between the two days nearest to half.

    Raises:
        DataError: Too few identities, or dates.
    """
    dated = photos.days >= 0
    if not dated.any():
        raise DataError("no photo has a date")
    support, rest = photos.set_apart(dated, share)
    days, counts = np.unique(photos.days[rest], return_counts=True)
    if len(days) < 2:
        raise DataError(f"all {rest.sum()} photos to look up or look in are of one day, expected two or more")
    until = days[np.abs(counts.cumsum() - rest.sum() / 2).argmin()]  # never the last: the first is nearer to half
    earlier = photos.days <= until
    notes = [_no_part(int((~dated).sum()), "without a date")] * (not dated.all())
    return Split(support, rest & ~earlier, rest & earlier, notes=tuple(notes))


def split_by_domain(photos: CategoryPhotos, share: float) -> list[Split]:
    """Return, for each two domains, the test photos of one as queries and those of the other as gallery.

    Raises:
        DataError: Too few identities, or domains.
    """
    domains = photos.column("domain")
    names = [str(name) for name in np.unique(domains[domains != ""])]
    if len(names) < 2:
        raise DataError(f"photos of {len(names)} domains ({', '.join(names) or 'none known'}), expected two or more")
    whole = split_identities(photos, share)
    return [
        replace(whole, query=whole.query & (domains == a), gallery=whole.query & (domains == b), variant=f"{a} to {b}")
        for a, b in permutations(names, 2)
    ]


def _splits_share_identities(photos: CategoryPhotos) -> bool:
    """Return whether the splits name queries, and a gallery with photos of the same identities."""
    return bool((photos.of_identities(photos.split(*_QUERY_SPLITS)) & photos.split(*_GALLERY_SPLITS)).any())


def _halves(photos: CategoryPhotos) -> Mask:
    """Return which photos (m,) are in the first half of their identity's; none where an identity has one."""
    rng = np.random.default_rng(photos.seed_of("halves"))
    order = np.lexsort((rng.random(len(photos.rows)), photos.identities))  # photos of an identity side by side
    counts = np.bincount(photos.identities)
    place = np.arange(len(order)) - np.repeat(counts.cumsum() - counts, counts)
    first = np.zeros(len(order), dtype=bool)
    first[order] = place < (counts // 2)[photos.identities[order]]
    return first


def _unknown(photos: CategoryPhotos, closed: Split, queries: Mask) -> Rows:
    """Return the identities to hide: about a fifth with those never in the gallery, and not the only known one."""
    rng = np.random.default_rng(photos.seed_of("unknown"))
    known = photos.identities[has_answer(photos.identities, photos.groups, closed.query, closed.gallery)]
    never = queries & ~photos.of_identities(closed.gallery)
    num_never = len(np.unique(photos.identities[never]))
    num_all = len(np.unique(photos.identities[closed.query | closed.gallery]))
    order = rng.permutation(np.unique(photos.identities[queries & ~never]))
    kept = order[np.isin(order, known)][:1]
    wanted = max(round(_UNKNOWN_SHARE * num_all), 1) - num_never
    return order[~np.isin(order, kept)][: max(wanted, 0)]


def _no_part(num_photos: int, what: str) -> str:
    return f"{counted(num_photos, 'photo')} {what} {'takes' if num_photos == 1 else 'take'} no part"
