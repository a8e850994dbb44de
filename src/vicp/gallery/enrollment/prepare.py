"""Read and embed photos before a gallery is locked, so that others write to it meanwhile; then add them quickly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from vicp.data.records import BadPhoto, PhotoTable
from vicp.errors import GalleryError
from vicp.gallery.categories import gallery_categories
from vicp.gallery.contents import photos
from vicp.gallery.enrollment.chunks import Chunk, read_chunks
from vicp.gallery.enrollment.enroll import EnrollResult, categories_of, questions_of, result_of
from vicp.gallery.enrollment.workers import EmbedChunks, embed_locally
from vicp.gallery.enrollment.writer import STEP_PHOTOS, EnrollmentWriter
from vicp.gallery.store.change import Change
from vicp.gallery.store.snapshot import Snapshot
from vicp.runtime.photo_encoder import PhotoEncoder

_MOST_BYTES = 2**28  # of the files of photos that wait in memory


class OutdatedError(GalleryError):
    """Photos were prepared for embeddings that the gallery does not have any more."""


@dataclass(frozen=True, eq=False)
class PreparedPhotos:
    """Photos of one category that only need to be written.

    Attributes:
        table: Photos of the category, those of `chunks` and `known` among them.
        chunks: Photos that the gallery did not have, with their embeddings.
        known: Content keys of the photos that it had, by their row of the table.
        bad: Photos that cannot be used.
    """

    table: PhotoTable
    chunks: list[Chunk]
    known: dict[int, bytes]
    bad: list[BadPhoto]


def prepare_photos(
    encoder: PhotoEncoder, snapshot: Snapshot, table: PhotoTable, *, embed: EmbedChunks = embed_locally
) -> Iterator[PreparedPhotos]:
    """Yield the photos of a table, read and embedded, as many at a time as are to be written at once.

    Args:
        encoder: Of the gallery's model; photos that cannot be used are left out.
        snapshot: The gallery.
        table: Photos of categories that the gallery has; an identity may be missing.
        embed: Where the embeddings are computed.

    Raises:
        GalleryError: A name or category that cannot be used, or another model.
    """
    categories = categories_of(table, encoder, snapshot)
    there = set(photos(snapshot, ("key",))["key"])
    for name in table.categories:
        of_category = table.of_category(name)
        keys_met = _KeysMet(there)
        bad: list[BadPhoto] = []
        read = read_chunks(
            of_category,
            categories[name],
            encoder.transform,
            size=encoder.batch_size,
            bad=bad,
            select_known=keys_met.select_known,
        )
        chunks: list[Chunk] = []
        for chunk in embed(encoder, read, total=len(of_category)):
            chunks.append(chunk)
            if _are_many(chunks):
                yield PreparedPhotos(of_category, chunks, keys_met.take(), bad.copy())
                chunks = []
                bad.clear()
        yield PreparedPhotos(of_category, chunks, keys_met.take(), bad)


class _KeysMet:
    """Tells photos that are there, or were met before, by their content.

    Args:
        there: The keys of those that are there.
    """

    def __init__(self, there: set[str]) -> None:
        self._there = there
        self._known: dict[int, bytes] = {}

    def select_known(self, keys: Sequence[bytes], rows: pd.DataFrame) -> list[bool]:
        """Return which photos need no embedding."""
        is_known = []
        for key, row in zip(keys, rows["row"], strict=True):
            is_known.append(key.hex() in self._there)
            if is_known[-1]:
                self._known[int(row)] = key
            self._there.add(key.hex())
        return is_known

    def take(self) -> dict[int, bytes]:
        """Return the keys of those that needed none since the last time, by their row."""
        taken, self._known = self._known, {}
        return taken


def _are_many(chunks: Sequence[Chunk]) -> bool:
    """Return whether these are as many photos as are to be written at once."""
    files = [len(photo.encoded) for chunk in chunks for photo in chunk.photos]
    return len(files) >= STEP_PHOTOS or sum(files) >= _MOST_BYTES


def enroll_prepared(writer: Change, prepared: PreparedPhotos) -> EnrollResult:
    """Add prepared photos that the gallery still does not have.

    Args:
        writer: The change to write with.
        prepared: The photos.

    Raises:
        OutdatedError: Another prompt or model embeds the photos of their category since.
        GalleryError: They cannot be written.
    """
    spaces = {name: category.space for name, category in gallery_categories(writer.snapshot).items()}
    for category in {chunk.category.category: chunk.category for chunk in prepared.chunks}.values():
        if spaces.get(category.category) != category.space:
            raise OutdatedError(
                f"{writer.snapshot.uri}: the photos of {category.category!r} are embedded otherwise since these were "
                "prepared: prepare them again"
            )
    table, frame = prepared.table, prepared.table.frame
    questions = questions_of(writer.snapshot, table)
    rows = EnrollmentWriter(writer, step=len(table) + 1)
    for chunk in prepared.chunks:
        of_chunk = frame.iloc[[photo.index for photo in chunk.photos]]
        is_known = rows.select_known([photo.key for photo in chunk.photos], of_chunk)
        rows.add(chunk.select([n for n, each in enumerate(is_known) if not each]))
    known = frame[frame["row"].isin(list(prepared.known))]
    rows.select_known([prepared.known[row] for row in known["row"]], known)
    rows.flush()
    return result_of(rows, prepared.bad, questions)
