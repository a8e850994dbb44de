"""A source of photos into the gallery: which categories they are of, and which prompt each has."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import GalleryError
from vicp.gallery.ann_index import index_large
from vicp.gallery.ask import choose_categories, embed_under
from vicp.gallery.categories import add_categories
from vicp.gallery.contents import gallery_categories
from vicp.gallery.enroll import EnrollResult, enroll_photos
from vicp.gallery.photo_chunks import EmbedChunks, embed_here
from vicp.gallery.store.database import open_gallery

UNTOLD = ("photos",)  # what a source says that tells no category


def enroll_source(
    embedder: Embedder,
    uri: str,
    source: Path,
    *,
    category: str | None = None,
    prompts: Sequence[Prompt] = (),
    route: bool = False,
    by: str,
    why: str = "",
    wait: bool = False,
    embed: EmbedChunks = embed_here,
) -> EnrollResult:
    """Adds the photos of a folder or table, and the categories that the gallery does not have yet.

    Args:
        embedder: of the gallery's model.
        uri: the gallery.
        source: the photos.
        category: the one to keep of several; what all are where the source does not say.
        prompts: prompts of new categories; a category without one uses the plain backbone.
        route: let the prompts of the gallery decide each photo's category.
        by: who adds them.
        why: a note for the log.
        wait: for another writer, instead of raising.
        embed: where the embeddings are computed.

    Raises:
        DataError: photos that cannot be used.
        GalleryError: the category cannot be told, a prompt that does not fit, or as `enroll_photos`.
        PromptError: a prompt belongs to another model.
    """
    table = open_photos(source, category=category, need_identity=False, skip_bad=embedder.skip_bad)
    wanted = [(prompt.category, prompt) for prompt in prompts]
    if wanted:
        add_categories(embedder, uri, wanted, by=by, why=why, wait=wait)
    known = list(gallery_categories(open_gallery(uri)))
    if route:
        table = _routed(embedder, uri, table)
    elif category is None and table.categories == UNTOLD:
        table = _in_the_only(uri, table, known)
    add_categories(embedder, uri, [(name, None) for name in table.categories], by=by, why=why, wait=wait)
    done = enroll_photos(embedder, uri, table, by=by, why=why, wait=wait, embed=embed)
    done.index = index_large(uri, by=by, wait=wait)
    return done


def _in_the_only(uri: str, table: PhotoTable, known: Sequence[str]) -> PhotoTable:
    """The photos as photos of the gallery's only category."""
    if len(known) > 1:
        raise GalleryError(
            f"the photos do not tell their category and {uri} has several ({', '.join(known)}): give --category, or "
            "--route to let their prompts decide"
        )
    return _of_categories(table, list(known or UNTOLD) * len(table))


def _routed(embedder: Embedder, uri: str, table: PhotoTable) -> PhotoTable:
    """The photos with the categories that fit them; those of one named individual stay together."""
    snapshot = open_gallery(uri)
    known = gallery_categories(snapshot)
    if not known:
        raise GalleryError(f"{uri}: no category to route photos to: enroll some with --category first")
    queries, table = embed_under(embedder, snapshot, table, known)
    chosen = list(choose_categories(snapshot, known, queries, allow_unknown=True))
    names = list(table.frame["identity"])
    for name in {name for name in names if isinstance(name, str)}:
        rows = [row for row, one in enumerate(names) if one == name]
        most = Counter(chosen[row] for row in rows).most_common(1)[0][0]
        for row in rows:
            chosen[row] = most
    return _of_categories(table, chosen)


def _of_categories(table: PhotoTable, categories: Sequence[str]) -> PhotoTable:
    return PhotoTable(table.frame.assign(category=list(categories)), table.root, table.skipped)
