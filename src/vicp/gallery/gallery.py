"""Class `Gallery`: photos of known individuals in a store whose every change is logged and can be undone."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from vicp.adapt.prompt import Prompt
from vicp.data.inputs import Photos
from vicp.data.records import PhotoTable
from vicp.decisions.outcome import ErrorTargets
from vicp.decisions.rule import DEFAULT_TARGETS
from vicp.errors import GalleryError
from vicp.gallery.categories import add_categories, write_prompt
from vicp.gallery.editor import GalleryEditor
from vicp.gallery.embedding_model import model_settings
from vicp.gallery.enrollment.enroll import EnrollResult, assign_categories, enroll_photos
from vicp.gallery.enrollment.new_identity import (
    NewIdentityResult,
    check_new,
    check_new_name,
    check_unknown,
    with_identity,
)
from vicp.gallery.enrollment.prepare import PreparedPhotos, enroll_prepared, prepare_photos
from vicp.gallery.enrollment.reindex import ReindexResult, reindex_categories
from vicp.gallery.enrollment.workers import EmbedChunks, embed_locally
from vicp.gallery.queries import PhotoSource, open_source, query_tables
from vicp.gallery.search.ann_index import INDEX_ROWS, LEAST_RECALL, categories_to_index, index_category
from vicp.gallery.store.change import Change
from vicp.gallery.store.database import create_gallery, read_gallery, unlock_gallery
from vicp.gallery.store.tables import check_name
from vicp.runtime.photo_encoder import EncoderSource


class Gallery(GalleryEditor):
    """Photos of known individuals, of one category or several, that answers "who is this?" and grows for years.

    Make one with `Gallery.create` or `Gallery.open`. A gallery holds no connection and no lock: every method reads it
    as it is at that moment, and one that writes is the only writer until it returns. What was computed from its tables
    is kept until they change, so that the second question is answered faster. Every change stands in the log and can
    be taken back. A photo is a path; photos are a path to a photo, folder or table, a `PhotoTable`, or a
    sequence of these.

    Example:
        >>> import vicp
        >>> herd = Gallery.create("herd", vicp.load("mini"), author="ann")
        >>> herd.enroll("photos", category="cow").added
        6
        >>> herd.merge("Berta", ["Bertha"], reason="the same star on the forehead").summary
        'Bertha into Berta (cow): 2 photos'
        >>> herd.undo(reason="two cows after all").summary
        'took back operation 4 (merge: Bertha into Berta (cow): 2 photos)'

    Args:
        uri: A folder, or a place in object storage such as s3://bucket/gallery.
        model: What embeds photos: a `vicp.Model`, or an encoder; None opens the one that the gallery names, as soon
            as a method needs it.
        author: Who makes changes, for the log; the login name if None.
        wait_for_lock: Wait while another process writes, instead of raising `GalleryError`.
    """

    @classmethod
    def create(
        cls,
        uri: str | os.PathLike[str],
        model: EncoderSource,
        prompts: Sequence[Prompt] = (),
        *,
        keep_photos: bool = True,
        author: str | None = None,
        reason: str = "",
        wait_for_lock: bool = False,
    ) -> "Gallery":
        """Make an empty gallery, and returns it.

        Args:
            uri: A new or empty folder, or a place in object storage.
            model: What its photos are embedded with.
            prompts: The prompts of its first categories.
            keep_photos: Keep the photo files, so that they can be embedded anew for ever; thumbnails alone otherwise.
            author: Who makes it and later changes, for the log; the login name if None.
            reason: A note for the log.
            wait_for_lock: As in the class.

        Raises:
            GalleryError: There is one already, or the place holds something else or cannot be written.
            PromptError: A prompt belongs to another model.
        """
        gallery = cls(uri, model, author=author, wait_for_lock=wait_for_lock)
        for prompt in prompts:
            gallery.encoder.check(prompt)
        settings = {**model_settings(gallery.encoder), "keep_photos": keep_photos}
        by_category = {prompt.category: prompt for prompt in prompts}

        def write_prompts(writer: Change) -> None:
            for name, prompt in by_category.items():
                write_prompt(writer, gallery.encoder, check_name(name, "category"), prompt)

        create_gallery(gallery.uri, settings, author=gallery.author, reason=reason, fill=write_prompts)
        return gallery

    @classmethod
    def open(
        cls,
        uri: str | os.PathLike[str],
        model: EncoderSource | None = None,
        *,
        author: str | None = None,
        wait_for_lock: bool = False,
    ) -> "Gallery":
        """Return a gallery that is there; the arguments are those of the class.

        Raises:
            GalleryError: There is none, it is damaged, or another version of this program wrote it.
        """
        gallery = cls(uri, model, author=author, wait_for_lock=wait_for_lock)
        read_gallery(gallery.uri)
        return gallery

    @staticmethod
    def unlock(uri: str | os.PathLike[str]) -> str | None:
        """Take away the lock that a killed writer left in object storage; a folder's lock frees itself.

        Returns:
            The process whose lock it was; None if there was none.

        Raises:
            GalleryError: The place cannot be read or written.
        """
        return unlock_gallery(os.fspath(uri))

    def enroll(
        self,
        photos: Photos,
        *,
        category: str | None = None,
        prompts: Sequence[Prompt] = (),
        route: bool = False,
        reason: str = "",
        embed: EmbedChunks = embed_locally,
    ) -> EnrollResult:
        """Add photos, each once however often it is given; stopped at any moment, the same call goes on.

        Args:
            photos: A folder of photos, a table, a single photo, or a sequence of single photos, which have no
                identities; an identity may be missing.
            category: The one to keep of several; what all show where the source does not say.
            prompts: Prompts of new categories; a category without one uses the plain backbone.
            route: Let the prompts of the gallery decide each photo's category.
            reason: A note for the log.
            embed: Where the embeddings are computed, as `find_workers` gives it.

        Raises:
            DataError: Photos that cannot be used and that the model does not skip; the others are in the gallery.
            GalleryError: The category cannot be told, a prompt or name that does not fit, another model, or another
                process is writing.
            PromptError: A prompt belongs to another model.
        """
        table = open_source(photos, category=category, skip_bad=self.encoder.skip_bad)
        if prompts:
            self._add_categories({prompt.category: prompt for prompt in prompts}, reason)
        table = assign_categories(self.encoder, self.snapshot, table, category=category, route=route)
        self._add_categories(dict.fromkeys(table.categories), reason)
        with self._writing("enroll", reason) as writer:
            result = enroll_photos(writer, self.encoder, table, embed=embed)
        return replace(result, index=tuple(self.index()))

    def prepare(self, photos: PhotoTable, *, embed: EmbedChunks = embed_locally) -> Iterator[PreparedPhotos]:
        """Yield photos that are read and embedded, for `enroll_prepared`: meanwhile others can change the gallery.

        Categories that are new are added first. Photos that cannot be used are left out.

        Args:
            photos: Each of a category.
            embed: Where the embeddings are computed.

        Raises:
            GalleryError: A name or category that cannot be used, another model, or another process is writing.
        """
        if set(photos.categories) - set(self.categories()):
            self._add_categories(dict.fromkeys(photos.categories), "")
        return prepare_photos(self.encoder, self.snapshot, photos, embed=embed)

    def enroll_prepared(self, photos: PreparedPhotos, *, reason: str = "") -> EnrollResult:
        """Add photos that were prepared, each once; the gallery is locked while they are written and no longer.

        Raises:
            GalleryError: Another prompt or model embeds their category since, or another process is writing.
        """
        with self._writing("enroll", reason) as writer:
            result = enroll_prepared(writer, photos)
        return replace(result, index=tuple(self.index()))

    def new(
        self,
        photos: PhotoSource | Sequence[PhotoSource],
        *,
        name: str | None = None,
        category: str | None = None,
        targets: ErrorTargets = DEFAULT_TARGETS,
        force: bool = False,
        reason: str = "",
    ) -> NewIdentityResult:
        """Enroll photos of one individual that is not in the gallery.

        Args:
            photos: Its photos.
            name: Its name; CATEGORY-NUMBER if None.
            category: Its category; the prompts decide if None.
            targets: The error rates of the question whether it is new.
            force: Enroll it even where a photo is recognised as somebody.
            reason: A note for the log.

        Raises:
            GalleryError: The gallery has a photo or recognises somebody, the name is taken, or as `enroll`.
            DataError: Photos that cannot be used.
        """
        if not self.categories():
            raise GalleryError(f"{self.uri}: no category yet: `vicp gallery enroll {self.uri} PHOTOS` adds one")
        name = None if name is None else check_new_name(name)
        tables = query_tables(photos, skip_bad=self.encoder.skip_bad)
        check_unknown(self.snapshot, tables)
        identifications = self.identify(tables, category=category, targets=targets, top=1).identifications
        category, identity = check_new(self.snapshot, identifications, name=name, force=force)
        with self._writing("enroll", reason) as writer:
            named = [with_identity(table, category, identity) for table in tables]
            results = [enroll_photos(writer, self.encoder, table) for table in named]
        num_added = sum(result.added for result in results)
        return NewIdentityResult(identity, category, num_added, identifications, results[0].questions)

    def reindex(
        self,
        prompts: Sequence[Prompt] = (),
        *,
        without_prompt: Sequence[str] = (),
        reason: str = "",
        embed: EmbedChunks = embed_locally,
    ) -> ReindexResult:
        """Embed anew what another prompt or model makes stale; stopped at any moment, the same call goes on.

        The model is the one that the gallery was opened with. Categories that are not named keep their prompt.

        Args:
            prompts: New prompts of categories.
            without_prompt: Categories to embed with the plain backbone from now on.
            reason: A note for the log.
            embed: Where the embeddings are computed, as `find_workers` gives it.

        Raises:
            GalleryError: No such category, a photo that is neither kept nor where it was, or another process is
                writing.
            PromptError: A prompt belongs to another model.
        """
        wanted = {**{prompt.category: prompt for prompt in prompts}, **dict.fromkeys(without_prompt)}
        with self._writing("reindex", reason) as writer:
            result = reindex_categories(writer, self.encoder, wanted, embed=embed)
        self.index()
        return result

    def index(self, *, min_photos: int = INDEX_ROWS, min_recall: float = LEAST_RECALL) -> list[str]:
        """Make a search index for every large category, and returns what was done; `enroll` and `reindex` do so.

        Args:
            min_photos: Photos from which a category is large; every photo is compared below.
            min_recall: The recall@1 below which an index is left out and the search stays exact.

        Raises:
            GalleryError: Another process is writing.
        """
        summaries = []
        for category in categories_to_index(self.snapshot, min_photos=min_photos):
            with self._writing("index", "") as writer:
                summaries.append(index_category(writer, category, min_recall=min_recall))
        return summaries

    def _add_categories(self, prompts: Mapping[str, Prompt | None], reason: str) -> None:
        with self._writing("categories", reason) as writer:
            add_categories(writer, self.encoder, prompts)
