"""What a gallery holds, as tables for people and arrays for search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

import numpy as np
import pandas as pd
import pyarrow as pa

from vicp.adapt.prompt import Prompt
from vicp.errors import GalleryError
from vicp.gallery.embedding_space import prompt_from
from vicp.gallery.store.change import Change
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import IDENTITIES, PHOTOS, PROMPTS, SCHEMAS, embeddings_table

FACTS = ("number", "key", "category", "identity", "source", "date", "by", "at", "why")


@dataclass(frozen=True)
class GalleryCategory:
    """How a category's photos are embedded.

    Attributes:
        category: its name.
        space: of its embeddings.
        model: fingerprint of the model.
        method: how the prompt uses the pairs; "null" is the plain backbone.
        prompt: None for the plain backbone.
        calibration: what turns similarities into probabilities, as `decision` writes it; "" where there is none.
    """

    category: str
    space: str
    model: str
    method: str
    prompt: Prompt | None
    calibration: str

    @property
    def table(self) -> str:
        """The table of its embeddings."""
        return embeddings_table(self.space)


def gallery_categories(snapshot: Snapshot) -> dict[str, GalleryCategory]:
    """The categories by name, and how their photos are embedded."""
    rows = sorted(snapshot.read(PROMPTS).to_pylist(), key=lambda row: str(row["category"]))
    names = ("category", "space", "model", "method", "calibration")
    return {
        row["category"]: GalleryCategory(**{name: row[name] for name in names}, prompt=prompt_from(row["prompt"]))
        for row in rows
    }


def find_category(snapshot: Snapshot, name: str) -> GalleryCategory:
    """The category of this name.

    Raises:
        GalleryError: there is none.
    """
    known = gallery_categories(snapshot)
    if name not in known:
        raise GalleryError(f"{snapshot.uri}: no category {name!r}{_hint(name, list(known))}")
    return known[name]


def photos(snapshot: Snapshot, columns: Sequence[str] = FACTS, where: str | None = None) -> pd.DataFrame:
    """Facts of the photos in the order they were enrolled."""
    names = list(dict.fromkeys(["number", *columns]))
    frame = pd.DataFrame(snapshot.read(PHOTOS, names, where).to_pandas())
    return frame.sort_values("number").reset_index(drop=True)


def identities(snapshot: Snapshot) -> pd.DataFrame:
    """The names in use: category, identity, photos, by, at, why."""
    counts = photos(snapshot, ("category", "identity")).groupby(["category", "identity"]).size().rename("photos")
    frame = snapshot.read(IDENTITIES, where="merged_into is null").to_pandas()
    named = pd.DataFrame(frame.drop(columns="merged_into"))
    named = named.merge(counts.reset_index(), how="left", on=["category", "identity"]).fillna({"photos": 0})
    return named.sort_values(["category", "identity"]).reset_index(drop=True)


def find_identity(snapshot: Snapshot, name: str, category: str | None) -> tuple[str, str]:
    """The category and identity that a user's `name` or `category/name` means.

    Raises:
        GalleryError: there is none, several categories have it, or it was merged into another.
    """
    table = snapshot.read(IDENTITIES).to_pandas()
    fits = (table["identity"] == name) | (table["category"] + "/" + table["identity"] == name)
    if category is not None:
        fits &= table["category"] == category
    found = table[fits & table["merged_into"].isna()]
    if len(found) == 1:
        return str(found["category"].iloc[0]), str(found["identity"].iloc[0])
    if len(found) > 1:
        listed = ", ".join(found["category"])
        raise GalleryError(f"{snapshot.uri}: {name!r} is in several categories ({listed}): give --category")
    for merged in table.loc[fits, "merged_into"]:
        raise GalleryError(f"{snapshot.uri}: {name!r} was merged into {merged!r}")
    known = list(table.loc[table["merged_into"].isna(), "identity"])
    raise GalleryError(f"{snapshot.uri}: no identity {name!r}{_hint(name, known)}")


def find_photos(snapshot: Snapshot, names: Sequence[str]) -> pd.DataFrame:
    """The photos that a user's names mean: the beginning of a key, or where a photo came from.

    Raises:
        GalleryError: a name that means no photo, or several.
    """
    table = photos(snapshot)
    rows = []
    for name in names:
        fits = table["source"] == name
        if not fits.any() and len(name) >= 4:
            fits = table["key"].str.startswith(name)
        if not fits.any():
            fits = table["source"].str.endswith("/" + name)
        if fits.sum() != 1:
            count = "no photo" if not fits.any() else f"{int(fits.sum())} photos"
            raise GalleryError(f"{snapshot.uri}: {count} named {name!r}: give its key, as in `vicp gallery export`")
        rows.append(table[fits])
    return pd.concat(rows).drop_duplicates("number") if rows else table.iloc[:0]


@dataclass(frozen=True, eq=False)
class Embedded:
    """Photos with their embeddings, in the order they were enrolled.

    Attributes:
        frame: their facts (n rows).
        embeddings: (n, D) float32, L2-normalised.
    """

    frame: pd.DataFrame
    embeddings: np.ndarray


def embedded_photos(snapshot: Snapshot, category: GalleryCategory, *, named: bool | None = None) -> Embedded:
    """The photos of a category.

    Args:
        snapshot: the gallery.
        category: which.
        named: those with an identity, those without, or both.
    """
    frame = photos(snapshot, FACTS, f"category = {quoted(category.category)}")
    if named is not None:
        frame = frame[frame["identity"].notna() == named].reset_index(drop=True)
    if not len(frame) or category.table not in snapshot.tables:
        return Embedded(frame.iloc[:0], np.zeros((0, 1), dtype=np.float32))
    rows = snapshot.read(category.table)
    numbers, embeddings = rows["number"].to_numpy(), matrix(rows["embedding"])
    order = np.argsort(numbers)
    at = np.searchsorted(numbers, frame["number"].to_numpy(), sorter=order)
    return Embedded(frame, embeddings[order[at]])


def matrix(column: pa.ChunkedArray) -> np.ndarray:
    """A column of embeddings as (n, D) float32."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    return np.asarray(array.flatten()).reshape(len(array), -1)


def write_names(change: Change, category: str, names: Sequence[str], *, merged_into: str | None = None) -> None:
    """Writes identities into their table: names in use or, with `merged_into`, names that became another."""
    if names:
        rows = [{"category": category, "identity": n, "merged_into": merged_into, **signed(change)} for n in names]
        change.update(IDENTITIES, pa.Table.from_pylist(rows, schema=SCHEMAS[IDENTITIES]))


def signed(change: Change) -> dict[str, object]:
    """Who, when and why, for a row."""
    return {"by": change.by, "at": datetime.now(UTC), "why": change.why}


def quoted(text: str) -> str:
    """Text as a literal in a condition."""
    return "'" + text.replace("'", "''") + "'"


def _hint(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    listed = ", ".join(sorted(known)[:10]) + (", ..." if len(known) > 10 else "")
    return (f", did you mean {close[0]!r}?" if close else "") + (
        f" (there are: {listed})" if known else " (there are none)"
    )
