"""What a gallery holds, as tables of facts and as arrays for search."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from vicp.data.names import name_questions
from vicp.data.records import PhotoTable, nearest
from vicp.data.sides import codes_of
from vicp.errors import GalleryError
from vicp.gallery.categories import GalleryCategory
from vicp.gallery.store.change import Change
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import IDENTITIES, OPTIONAL_FACTS, PHOTOS, SCHEMAS, SET_ASIDE

_ROWS_PER_BATCH = 2048
FACTS = ("number", "key", "category", "identity", "source", "date", "author", "at", "reason")


@dataclass(frozen=True, eq=False)
class Embedded:
    """Photos with their embeddings, in the order they were enrolled.

    Attributes:
        frame: Their facts (n rows).
        embeddings: (n, D) float32, L2-normalised.
    """

    frame: pd.DataFrame
    embeddings: np.ndarray


def photos(snapshot: Snapshot, columns: Sequence[str] = FACTS, where: str | None = None) -> pd.DataFrame:
    """Return facts of the photos, in the order they were enrolled.

    Args:
        snapshot: The gallery.
        columns: Which facts; the number is always among them.
        where: A condition in SQL.
    """
    names = list(dict.fromkeys(["number", *columns]))

    def read() -> pd.DataFrame:
        frame = pd.DataFrame(snapshot.read(PHOTOS, names, where).to_pandas())
        return frame.sort_values("number").reset_index(drop=True)

    if where is not None:
        return read()
    return snapshot.once(("photos", *names), [PHOTOS], read).copy(deep=False)


def table_by_key(frame: pd.DataFrame) -> PhotoTable:
    """Return facts of photos as a photo table, whose paths are the keys; where the photos lie it does not say."""
    return PhotoTable(frame.assign(row=frame["number"], path=frame["key"], date=frame["date"].fillna("")), None)


def optional_fact(snapshot: Snapshot, column: str) -> dict[int, str]:
    """Return number -> fact of the photos that have one of OPTIONAL_FACTS, such as "viewpoint"."""
    table = OPTIONAL_FACTS[column]
    if table not in snapshot.tables:
        return {}

    def read() -> dict[int, str]:
        rows = snapshot.read(table)
        return dict(zip(rows["number"].to_pylist(), rows[column].to_pylist(), strict=True))

    return dict(snapshot.once(table, [table], read))


def photo_sides(snapshot: Snapshot, numbers: Sequence[int]) -> NDArray[np.int64] | None:
    """Return the side of each of these photos, see `data.sides`; None where the gallery knows no side."""
    viewpoints = optional_fact(snapshot, "viewpoint")
    return codes_of(viewpoints.get(number, "") for number in numbers) if viewpoints else None


def identities(snapshot: Snapshot) -> pd.DataFrame:
    """Return the names in use: category, identity, photos, author, at, reason."""
    counts = photos(snapshot, ("category", "identity")).groupby(["category", "identity"]).size().rename("photos")
    frame = snapshot.read(IDENTITIES, where="merged_into is null").to_pandas()
    named = pd.DataFrame(frame.drop(columns="merged_into"))
    named = named.merge(counts.reset_index(), how="left", on=["category", "identity"]).fillna({"photos": 0})
    return named.sort_values(["category", "identity"]).reset_index(drop=True)


def find_identity(snapshot: Snapshot, name: str, category: str | None) -> tuple[str, str]:
    """Return the category and identity that a user's `name` or `category/name` means.

    Raises:
        GalleryError: There is none, several categories have it, or it has another name now.
    """
    table = snapshot.read(IDENTITIES).to_pandas()
    fits = (table["identity"] == name) | (table["category"] + "/" + table["identity"] == name)
    if category is not None:
        fits &= table["category"] == category
    in_use = table[fits & table["merged_into"].isna()]
    if len(in_use) == 1:
        return str(in_use["category"].iloc[0]), str(in_use["identity"].iloc[0])
    if len(in_use) > 1:
        listed = ", ".join(in_use["category"])
        raise GalleryError(f"{snapshot.uri}: {name!r} is in several categories ({listed}): give --category")
    for merged_into in table.loc[fits, "merged_into"]:
        raise GalleryError(f"{snapshot.uri}: {name!r} is called {merged_into!r} now")
    names = sorted(table.loc[table["merged_into"].isna(), "identity"])
    raise GalleryError(f"{snapshot.uri}: no identity {name!r}{nearest(name, names)}")


def name_questions_of(
    snapshot: Snapshot, names: Iterable[tuple[str, str]], *, without: Iterable[tuple[str, str]] = ()
) -> tuple[str, ...]:
    """Return questions about new names that are nearly those of individuals in the gallery.

    Args:
        snapshot: The gallery.
        names: Pairs of category and identity.
        without: Such pairs of the gallery that will be no more.
    """
    there = photos(snapshot, ("category", "identity"))
    known = set(there[there["identity"].notna()][["category", "identity"]].itertuples(index=False, name=None))
    return name_questions(sorted(set(names) - known), sorted(known - set(without)))


def find_photos(snapshot: Snapshot, names: Sequence[str]) -> pd.DataFrame:
    """Return the photos that a user's names mean: the beginning of a key, or where a photo came from.

    Raises:
        GalleryError: A name that means no photo, or several.
    """
    table = photos(snapshot)
    rows = [table[_means(snapshot, table, name)] for name in names]
    return pd.concat(rows).drop_duplicates("number") if rows else table.iloc[:0]


def find_keys(snapshot: Snapshot, names: Iterable[str]) -> dict[str, str]:
    """Return the key of the photo that each of a user's names means.

    Raises:
        GalleryError: As `find_photos`.
    """
    table = photos(snapshot)
    sure = snapshot.once("own_keys", [PHOTOS], lambda: frozenset(table["key"]) - frozenset(table["source"]))

    def key_of(name: str) -> str:
        return name if name in sure else str(table.loc[_means(snapshot, table, name), "key"].iloc[0])

    return {name: key_of(name) for name in dict.fromkeys(names)}


def _means(snapshot: Snapshot, table: pd.DataFrame, name: str) -> pd.Series:
    """Return which one of the photos (n,) a name means."""
    fits = table["source"] == name
    if not fits.any() and len(name) >= 4:
        fits = table["key"].str.startswith(name)
    if not fits.any():
        fits = table["source"].str.endswith("/" + name)
    if fits.sum() != 1:
        count = "no photo" if not fits.any() else f"{int(fits.sum())} photos"
        raise GalleryError(f"{snapshot.uri}: {count} named {name!r}: give its key, as in `vicp gallery export`")
    return fits


def set_aside_numbers(snapshot: Snapshot) -> list[int]:
    """Return the numbers of the photos that are set aside, ascending."""
    if SET_ASIDE not in snapshot.tables:
        return []
    read = partial(snapshot.read, SET_ASIDE, ["number"])
    return sorted(snapshot.once(SET_ASIDE, [SET_ASIDE], read)["number"].to_pylist())


def embedded_photos(snapshot: Snapshot, category: GalleryCategory, *, named: bool | None = None) -> Embedded:
    """Return the photos of a category with their embeddings, but for those that are set aside.

    Args:
        snapshot: The gallery.
        category: Which.
        named: Those with an identity, those without, or (None) both.
    """
    frame = photos(snapshot, FACTS, f"category = {quoted(category.category)}")
    frame = frame[~frame["number"].isin(set_aside_numbers(snapshot))].reset_index(drop=True)
    if named is not None:
        frame = frame[frame["identity"].notna() == named].reset_index(drop=True)
    if not len(frame) or category.table not in snapshot.tables:
        return Embedded(frame.iloc[:0], np.zeros((0, 1), dtype=np.float32))
    return Embedded(frame, embeddings_of(snapshot, category, frame["number"].to_numpy()))


def embeddings_of(snapshot: Snapshot, category: GalleryCategory, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the embeddings (n, D) of photos by their numbers; apart from them, one batch is in memory at a time."""
    embeddings = np.zeros((len(numbers), 1), np.float32)
    if not len(numbers):
        return embeddings
    order = np.argsort(numbers)
    ascending = numbers[order]
    for batch in snapshot.batches(category.table, ["number", "embedding"], size=_ROWS_PER_BATCH):
        rows = np.asarray(batch["embedding"].flatten()).reshape(len(batch), -1)
        if embeddings.shape[1] != rows.shape[1]:
            embeddings = np.zeros((len(numbers), rows.shape[1]), np.float32)
        found = batch["number"].to_numpy()
        positions = np.searchsorted(ascending, found).clip(max=len(numbers) - 1)
        chosen = ascending[positions] == found
        embeddings[order[positions[chosen]]] = rows[chosen]
    return embeddings


def matrix(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of embeddings as (n, D) float32."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    return np.asarray(array.flatten()).reshape(len(array), -1)


def write_names(writer: Change, category: str, names: Sequence[str], *, merged_into: str | None = None) -> None:
    """Write identities into their table: names in use or, with `merged_into`, names that became another."""
    if names:
        rows = [
            {"category": category, "identity": name, "merged_into": merged_into, **writer.signature()} for name in names
        ]
        writer.update(IDENTITIES, pa.Table.from_pylist(rows, schema=SCHEMAS[IDENTITIES]))


def write_identity_of(writer: Change, identity_of: Mapping[int, str | None]) -> None:
    """Write the identity of photos by their numbers, and who said so."""
    if identity_of:
        rows = writer.snapshot.of_numbers(PHOTOS, list(identity_of), SCHEMAS[PHOTOS].names).to_pylist()
        rows = [row | {"identity": identity_of[row["number"]]} | writer.signature() for row in rows]
        writer.update(PHOTOS, pa.Table.from_pylist(rows, schema=SCHEMAS[PHOTOS]))


def quoted(text: str) -> str:
    """Return text as a literal in a condition."""
    return "'" + text.replace("'", "''") + "'"
