"""Enroll photos: assign each a category, and embed and keep those that the gallery does not have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

from vicp.data.records import BadPhoto, PhotoTable, bad_photos_message
from vicp.errors import DataError, GalleryError
from vicp.gallery.categories import GalleryCategory, check_model, gallery_categories
from vicp.gallery.contents import name_questions_of
from vicp.gallery.enrollment.chunks import read_chunks
from vicp.gallery.enrollment.workers import EmbedChunks, embed_locally
from vicp.gallery.enrollment.writer import STEP_PHOTOS, EnrollmentWriter
from vicp.gallery.queries import NO_CATEGORY, with_categories
from vicp.gallery.search.routing import choose_categories, embed_under_prompts
from vicp.gallery.store.change import Change
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import check_name
from vicp.runtime.photo_encoder import PhotoEncoder


@dataclass(frozen=True)
class EnrollResult:
    """What an enrolment did.

    Attributes:
        added: Photos that are new.
        known: Photos that were there, by their bytes or their pixels.
        named: Of those, photos that had no identity and have one now.
        identities: Names that are new.
        other_names: Photos that are there under another name or category, and what they are called there.
        bad: Photos that cannot be used.
        index: What became of the search index of a large category, for people.
        questions: About names that may be those of individuals in the gallery.
        near_names: Photos that are new and nearly one of another name, and which.
        near: Photos that are new and nearly one of the same name, such as frames of a burst.
    """

    added: int
    known: int
    named: int
    identities: int
    other_names: tuple[str, ...]
    bad: tuple[BadPhoto, ...]
    index: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    near_names: tuple[str, ...] = ()
    near: int = 0


def joined_results(results: Sequence[EnrollResult]) -> EnrollResult:
    """Return what several enrolments did, one or more; a sentence stands once."""
    joined: dict[str, Any] = {}
    for each in fields(EnrollResult):
        values = [getattr(result, each.name) for result in results]
        joined[each.name] = tuple(dict.fromkeys(chain(*values))) if isinstance(values[0], tuple) else sum(values)
    return EnrollResult(**joined)


def enroll_photos(
    writer: Change,
    encoder: PhotoEncoder,
    table: PhotoTable,
    *,
    step: int = STEP_PHOTOS,
    embed: EmbedChunks = embed_locally,
) -> EnrollResult:
    """Add the photos that the gallery does not have yet; stopped at any moment, the same call goes on.

    Args:
        writer: The change to write with.
        encoder: Of the gallery's model.
        table: Photos of categories that the gallery has; an identity may be missing.
        step: Photos that become visible at a time.
        embed: Where the embeddings are computed.

    Raises:
        GalleryError: A name or category that cannot be used, or another model.
        DataError: Photos cannot be used and the encoder does not skip them; the others are in the gallery.
    """
    categories = categories_of(table, encoder, writer.snapshot)
    questions = questions_of(writer.snapshot, table)
    bad: list[BadPhoto] = []
    rows = EnrollmentWriter(writer, step=step)
    chunks = (
        chunk
        for name in table.categories
        for chunk in read_chunks(
            table.of_category(name),
            categories[name],
            encoder.transform,
            size=encoder.batch_size,
            bad=bad,
            select_known=rows.select_known,
        )
    )
    for chunk in embed(encoder, chunks, total=len(table)):
        rows.add(chunk)
    rows.flush()
    if bad and not encoder.skip_bad:
        num_usable = rows.num_added + rows.num_known
        raise DataError(f"{writer.snapshot.uri}: {bad_photos_message(bad)}; the other {num_usable} are in the gallery")
    return result_of(rows, bad, questions)


def questions_of(snapshot: Snapshot, table: PhotoTable) -> tuple[str, ...]:
    """Return questions about the names of photos that are nearly those of individuals in the gallery."""
    named = table.frame[table.frame["identity"].notna()]
    return name_questions_of(snapshot, zip(named["category"], named["identity"], strict=True))


def result_of(rows: EnrollmentWriter, bad: Sequence[BadPhoto], questions: tuple[str, ...]) -> EnrollResult:
    """Return what a writer did."""
    return EnrollResult(
        added=rows.num_added,
        known=rows.num_known,
        named=rows.num_named,
        identities=rows.num_identities,
        other_names=tuple(rows.other_names),
        near_names=tuple(rows.near_names),
        near=rows.num_near,
        bad=tuple(bad),
        questions=questions,
    )


def categories_of(table: PhotoTable, encoder: PhotoEncoder, snapshot: Snapshot) -> dict[str, GalleryCategory]:
    """Return the categories of a gallery, once it is sure that it can take these photos of this model.

    Raises:
        GalleryError: A name or category that cannot be used, or another model.
    """
    for name in sorted(set(table.frame["identity"].dropna())):
        check_name(str(name))
    categories = gallery_categories(snapshot)
    for name in table.categories:
        if name not in categories:
            raise GalleryError(f"{snapshot.uri}: no category {name!r}: add it with `vicp gallery enroll --category`")
        check_model(encoder, categories[name].model, uri=snapshot.uri)
    return categories


def assign_categories(
    encoder: PhotoEncoder, snapshot: Snapshot, table: PhotoTable, *, category: str | None, route: bool
) -> PhotoTable:
    """Return the photos with the category that each is enrolled in.

    Args:
        encoder: Of the gallery's model.
        snapshot: The gallery.
        table: The photos.
        category: The one that the user gave, if any: the photos have it already.
        route: Let the prompts of the gallery decide; photos of one named individual stay together.

    Raises:
        GalleryError: The category cannot be told.
        DataError: Photos cannot be used.
    """
    names = list(gallery_categories(snapshot))
    if route:
        return _routed(encoder, snapshot, table)
    if category is not None or table.categories != NO_CATEGORY:
        return table
    if len(names) > 1:
        raise GalleryError(
            f"the photos do not tell their category and {snapshot.uri} has several ({', '.join(names)}): give "
            "--category, or --route to let their prompts decide"
        )
    return with_categories(table, list(names or NO_CATEGORY) * len(table))


def _routed(encoder: PhotoEncoder, snapshot: Snapshot, table: PhotoTable) -> PhotoTable:
    """Return the photos with the categories that fit them; those of one named individual stay together."""
    categories = gallery_categories(snapshot)
    if not categories:
        raise GalleryError(f"{snapshot.uri}: no category to route photos to: enroll some with --category first")
    embeddings, table = embed_under_prompts(encoder, snapshot, table, categories)
    chosen = list(choose_categories(snapshot, categories, embeddings, allow_unknown=True))
    identities = list(table.frame["identity"])
    for identity in {name for name in identities if isinstance(name, str)}:
        rows = [row for row, name in enumerate(identities) if name == identity]
        most_common = Counter(chosen[row] for row in rows).most_common(1)[0][0]
        for row in rows:
            chosen[row] = most_common
    return with_categories(table, chosen)
