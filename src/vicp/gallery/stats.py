"""Statistics of a gallery."""

from dataclasses import dataclass

from vicp.gallery.categories import gallery_categories
from vicp.gallery.contents import photos, set_aside_numbers
from vicp.gallery.store.database import local_folder
from vicp.gallery.store.journal import operations
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import LABELLED, PAIRS


@dataclass(frozen=True)
class CategoryStats:
    """One category in numbers.

    Attributes:
        category: Its name.
        photos: How many it has.
        identities: Individuals with a name.
        unnamed: Photos of individuals without one, but for those that are set aside.
        embedded: Photos with an embedding.
        method: How its prompt was made.
        space: Fingerprint of what its embeddings depend on.
    """

    category: str
    photos: int
    identities: int
    unnamed: int
    embedded: int
    method: str
    space: str


@dataclass(frozen=True)
class GalleryStats:
    """A gallery in numbers.

    Attributes:
        uri: Where it is.
        categories: Each one, by name.
        pairs: Labelled pairs.
        operations: Changes in the log.
        megabytes: On disk, all versions together; None in object storage.
        model: What its photos are embedded with.
    """

    uri: str
    categories: tuple[CategoryStats, ...]
    pairs: int
    operations: int
    megabytes: float | None
    model: str


def gallery_stats(snapshot: Snapshot) -> GalleryStats:
    """Return the numbers of a gallery."""
    frame = photos(snapshot, ("category", "identity"))
    aside = frame["number"].isin(set_aside_numbers(snapshot))
    rows = []
    for name, category in gallery_categories(snapshot).items():
        identity = frame.loc[frame["category"] == name, "identity"]
        rows.append(
            CategoryStats(
                category=name,
                photos=len(identity),
                identities=int(identity.nunique()),
                unnamed=int((identity.isna() & ~aside).sum()),
                embedded=snapshot.count(category.table),
                method=category.method,
                space=category.space,
            )
        )
    settings = snapshot.settings
    folder = local_folder(snapshot.uri)
    size = None if folder is None else sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
    return GalleryStats(
        uri=snapshot.uri,
        categories=tuple(rows),
        pairs=snapshot.count(PAIRS, LABELLED),
        operations=len(operations(snapshot.entries)),
        megabytes=size,
        model=str(settings.get("backbone") or settings.get("model") or settings["fingerprint"]),
    )
