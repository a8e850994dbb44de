"""Class `Gallery`: photos of known individuals in a store whose every change is logged and can be undone."""

import getpass
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from vicp.adapt.embedder import Embedder, HasEmbedder, embedder_of
from vicp.adapt.prompt import Prompt
from vicp.data.inputs import Photos
from vicp.data.support_file import LabelledPair
from vicp.decisions.outcome import ErrorTargets, IdentificationReport, Verification
from vicp.decisions.rule import DEFAULT_TARGETS
from vicp.errors import GalleryError
from vicp.gallery.ann_index import INDEX_ROWS, LEAST_RECALL, categories_to_index, index_category
from vicp.gallery.categories import GalleryCategory, add_categories, gallery_categories
from vicp.gallery.cluster import ClusterMethod, ClusterProposal, cluster_photos
from vicp.gallery.contents import identities, photos
from vicp.gallery.edit import assign_photos, merge_identities, remove_identity, remove_photos, rename_identity
from vicp.gallery.embedding_model import model_settings, open_model
from vicp.gallery.enrollment.engines import EmbedChunks, embed_locally
from vicp.gallery.enrollment.enroll import EnrollResult, assign_categories, enroll_photos
from vicp.gallery.enrollment.new_identity import NewIdentityResult, check_new, with_identity
from vicp.gallery.enrollment.reindex import ReindexResult, reindex_categories
from vicp.gallery.export import export_fiftyone, export_table
from vicp.gallery.identify import identify_in_gallery
from vicp.gallery.labelling.labels import LabelResult, export_pairs, label_pairs
from vicp.gallery.queries import PhotoSource, open_source, pair_table, query_tables
from vicp.gallery.stats import GalleryStats, gallery_stats
from vicp.gallery.store.change import Change
from vicp.gallery.store.database import change, create_gallery, read_gallery
from vicp.gallery.store.journal import LogEntry, log_entries
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.verify import verify_in_gallery

ExportLayout = Literal["table", "fiftyone", "pairs"]


class Gallery:
    """Photos of known individuals, of one category or several, that answers "who is this?" and grows for years.

    Make one with `Gallery.create` or `Gallery.open`. A gallery holds no connection and no lock: every method reads it
    as it is at that moment, and one that writes is the only writer until it returns. Every change stands in the log
    and can be taken back. A photo is a path; photos are a path to a photo, folder or table, a `PhotoTable`, or a
    sequence of these.

    Example:
        >>> from vicp.adapt.load import load_model
        >>> herd = Gallery.create("herd", load_model("mini"), author="ann")
        >>> herd.enroll("photos", category="cow").added
        6
        >>> herd.merge("Berta", ["Bertha"], reason="the same star on the forehead").summary
        'Bertha into Berta (cow): 2 photos'
        >>> herd.undo(reason="two cows after all").summary
        'took back operation 4 (merge: Bertha into Berta (cow): 2 photos)'

    Args:
        uri: A folder, or a place in object storage such as s3://bucket/gallery.
        model: What embeds photos: a `vicp.Model`, or an embedder; None opens the one that the gallery names, as soon
            as a method needs it.
        author: Who makes changes, for the log; the login name if None.
        wait_for_lock: Wait while another process writes, instead of raising `GalleryError`.
    """

    def __init__(
        self,
        uri: str | os.PathLike[str],
        model: Embedder | HasEmbedder | None = None,
        *,
        author: str | None = None,
        wait_for_lock: bool = False,
    ) -> None:
        self.uri = os.fspath(uri)
        self.author = author if author is not None else _login_name()
        self.wait_for_lock = wait_for_lock
        self._embedder = None if model is None else embedder_of(model)

    def __repr__(self) -> str:
        """Return where it is."""
        return f"Gallery({self.uri!r})"

    @classmethod
    def create(
        cls,
        uri: str | os.PathLike[str],
        model: Embedder | HasEmbedder,
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
            gallery.embedder.check(prompt)
        settings = {**model_settings(gallery.embedder), "keep_photos": keep_photos}
        create_gallery(gallery.uri, settings, author=gallery.author, reason=reason)
        gallery._add_categories({prompt.category: prompt for prompt in prompts}, reason)
        return gallery

    @classmethod
    def open(
        cls,
        uri: str | os.PathLike[str],
        model: Embedder | HasEmbedder | None = None,
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

    @property
    def embedder(self) -> Embedder:
        """Return what embeds photos; the model is opened where that has not been done.

        Raises:
            GalleryError: The gallery does not say how its model is opened.
            WeightsError: The model cannot be had.
        """
        if self._embedder is None:
            self._embedder = open_model(self.uri, self.snapshot.settings)
        return self._embedder

    @property
    def snapshot(self) -> Snapshot:
        """Return the gallery as it is now; later changes do not show in it."""
        return read_gallery(self.uri)

    # What goes in

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
            embed: Where the embeddings are computed, as `find_engine` gives it.

        Raises:
            DataError: Photos that cannot be used and that the model does not skip; the others are in the gallery.
            GalleryError: The category cannot be told, a prompt or name that does not fit, another model, or another
                process is writing.
            PromptError: A prompt belongs to another model.
        """
        table = open_source(photos, category=category, skip_bad=self.embedder.skip_bad)
        if prompts:
            self._add_categories({prompt.category: prompt for prompt in prompts}, reason)
        table = assign_categories(self.embedder, self.snapshot, table, category=category, route=route)
        self._add_categories(dict.fromkeys(table.categories), reason)
        with self._writing("enroll", reason) as writer:
            result = enroll_photos(writer, self.embedder, table, embed=embed)
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
            GalleryError: The gallery recognises somebody, the name is taken, or as `enroll`.
            DataError: Photos that cannot be used.
        """
        if not self.categories():
            raise GalleryError(f"{self.uri}: no category yet: `vicp gallery enroll {self.uri} PHOTOS` adds one")
        tables = query_tables(photos, skip_bad=self.embedder.skip_bad)
        identifications = identify_in_gallery(
            self.embedder, self.snapshot, tables, category=category, targets=targets, top=1
        ).identifications
        category, identity = check_new(self.snapshot, identifications, name=name, force=force)
        num_added = 0
        with self._writing("enroll", reason) as writer:
            for table in tables:
                num_added += enroll_photos(writer, self.embedder, with_identity(table, category, identity)).added
        return NewIdentityResult(identity, category, num_added, identifications)

    def label(self, pairs: str | os.PathLike[str] | Sequence[LabelledPair], *, reason: str = "") -> LabelResult:
        """Keep labelled pairs of photos of the gallery, all of them or none; a second time it changes nothing.

        Args:
            pairs: A CSV with left, right and same, or such triples; photos by key or by where they came from.
            reason: A note for the log.

        Raises:
            DataError: A file that cannot be used, or labels that contradict each other or those in the gallery.
            GalleryError: Photos that are not in the gallery, or another process is writing.
        """
        with self._writing("label", reason) as writer:
            return label_pairs(writer, pairs)

    # Who is who

    def identify(
        self,
        photos: PhotoSource | Sequence[PhotoSource],
        *,
        category: str | None = None,
        targets: ErrorTargets = DEFAULT_TARGETS,
        top: int = 5,
        allow_unknown: bool = True,
    ) -> IdentificationReport:
        """Return whom every photo shows: the individuals it looks most like, or somebody new.

        Args:
            photos: What to identify.
            category: Theirs; None lets the prompts decide where the gallery has several.
            targets: The error rates that the answers keep.
            top: How many individuals to name.
            allow_unknown: Say so of a photo that fits no category.

        Raises:
            DataError: Photos that cannot be used.
            GalleryError: No such category, nothing enrolled, or another model.
        """
        tables = query_tables(photos, skip_bad=self.embedder.skip_bad)
        return identify_in_gallery(
            self.embedder,
            self.snapshot,
            tables,
            category=category,
            targets=targets,
            top=top,
            allow_unknown=allow_unknown,
        )

    def verify(
        self, a: PhotoSource, b: PhotoSource, *, category: str | None = None, targets: ErrorTargets = DEFAULT_TARGETS
    ) -> Verification:
        """Return whether two photos show the same individual, under the gallery's prompt for them.

        Args:
            a: A photo.
            b: Another.
            category: Theirs; None lets the first photo decide.
            targets: The error rates that the answer keeps.

        Raises:
            DataError: A photo that cannot be used.
            GalleryError: No such category, a photo that fits none, or another model.
        """
        return verify_in_gallery(self.embedder, self.snapshot, pair_table(a, b), category=category, targets=targets)

    def cluster(
        self, *, category: str | None = None, method: ClusterMethod = "agglomerative", cut: float | None = None
    ) -> ClusterProposal:
        """Return a proposal that groups the photos without a name into individuals; nothing is changed.

        Args:
            category: One of the gallery's, or all of them.
            method: Agglomerative joins groups while their mean P(same) is at least `cut`; hdbscan looks for dense ones.
            cut: The P(same), or similarity, from which two groups are one; 0.5, or what held-out pairs gave.

        Raises:
            GalleryError: No photo without a name, too many, or nothing says at which similarity to cut.
        """
        return cluster_photos(self.snapshot, category=category, method=method, cut=cut)

    # Corrections

    def merge(
        self, into: str, others: str | Sequence[str], *, category: str | None = None, reason: str = ""
    ) -> LogEntry:
        """Make several identities one: the photos of `others`, one name or several, become photos of `into`.

        Raises:
            GalleryError: No such identity, two categories, or another process is writing.
        """
        names = [others] if isinstance(others, str) else others
        return self._write("merge", reason, lambda writer: merge_identities(writer, into, names, category=category))

    def split(self, photos: str | Sequence[str], into: str, *, reason: str = "") -> LogEntry:
        """Make photos, by key or by where they came from, photos of the identity `into`, new or not.

        Raises:
            GalleryError: As `assign`.
        """
        return self.assign({into: [photos] if isinstance(photos, str) else photos}, reason=reason)

    def assign(self, photos_by_identity: Mapping[str, Sequence[str]], *, reason: str = "") -> LogEntry:
        """Give photos their identities, all at once; photos by key or by where they came from.

        Raises:
            GalleryError: No such photo, photos of two categories in one identity, a name that cannot be, or another
                process is writing.
        """
        return self._write("split", reason, lambda writer: assign_photos(writer, photos_by_identity))

    def rename(self, old: str, new: str, *, category: str | None = None, reason: str = "") -> LogEntry:
        """Give an identity another name.

        Raises:
            GalleryError: No such identity, the name is taken or cannot be, or another process is writing.
        """
        return self._write("rename", reason, lambda writer: rename_identity(writer, old, new, category=category))

    def remove(self, identity: str, *, category: str | None = None, reason: str = "") -> LogEntry:
        """Take an identity and all its photos out.

        Raises:
            GalleryError: No such identity, or another process is writing.
        """
        return self._write("remove", reason, lambda writer: remove_identity(writer, identity, category=category))

    def remove_photos(self, photos: Sequence[str], *, reason: str = "") -> LogEntry:
        """Take photos out, by key or by where they came from.

        Raises:
            GalleryError: No such photo, or another process is writing.
        """
        return self._write("remove", reason, lambda writer: remove_photos(writer, photos))

    def undo(self, *, reason: str = "") -> LogEntry:
        """Take the last change back that has not been taken back.

        Raises:
            GalleryError: Nothing is left to take back, or another process is writing.
        """
        return self._write("undo", reason, lambda writer: writer.undo())

    def restore(self, operation: int, *, reason: str = "") -> LogEntry:
        """Bring back the gallery as it was after an operation of the log, undone ones included.

        Raises:
            GalleryError: No such operation, or another process is writing.
        """
        return self._write("restore", reason, lambda writer: writer.restore(operation))

    # Embeddings

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
            embed: Where the embeddings are computed, as `find_engine` gives it.

        Raises:
            GalleryError: No such category, a photo that is neither kept nor where it was, or another process is
                writing.
            PromptError: A prompt belongs to another model.
        """
        wanted = {**{prompt.category: prompt for prompt in prompts}, **dict.fromkeys(without_prompt)}
        with self._writing("reindex", reason) as writer:
            return reindex_categories(writer, self.embedder, wanted, embed=embed)

    def index(self, *, min_photos: int = INDEX_ROWS, min_recall: float = LEAST_RECALL) -> list[str]:
        """Make a search index for every large category, and returns what was done, for people; `enroll` calls it.

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

    # What is in it

    def categories(self) -> dict[str, GalleryCategory]:
        """Return the categories by name, each with its prompt."""
        return gallery_categories(self.snapshot)

    def photos(self) -> pd.DataFrame:
        """Return a row per photo: number, key, category, identity, source, date, author, at, reason."""
        return photos(self.snapshot)

    def identities(self) -> pd.DataFrame:
        """Return a row per name in use: category, identity, photos, author, at, reason."""
        return identities(self.snapshot)

    def stats(self) -> GalleryStats:
        """Return what is in the gallery, in numbers."""
        return gallery_stats(self.snapshot)

    def log(self) -> list[LogEntry]:
        """Return the changes, oldest first."""
        return log_entries(self.snapshot.entries)

    def export(self, out: str | os.PathLike[str], *, layout: ExportLayout = "table") -> int:
        """Write the gallery out, and returns how many photos or pairs.

        Args:
            out: A .csv or .parquet file; for "fiftyone" a new folder.
            layout: "table" is the facts of the photos and, in Parquet, the photos and embeddings too; "fiftyone" is a
                FiftyOneImageClassificationDataset; "pairs" is the labelled pairs.

        Raises:
            DataError: It cannot be written there.
            GalleryError: No such layout, or the gallery keeps no photos, which "fiftyone" needs.
        """
        match layout:
            case "table":
                return export_table(self.snapshot, Path(out))
            case "fiftyone":
                return export_fiftyone(self.snapshot, Path(out))
            case "pairs":
                return export_pairs(self.snapshot, Path(out))
            case _:
                raise GalleryError(f"no layout {layout!r}, expected one of {', '.join(get_args(ExportLayout))}")

    def _add_categories(self, prompts: Mapping[str, Prompt | None], reason: str) -> None:
        with self._writing("categories", reason) as writer:
            add_categories(writer, self.embedder, prompts)

    def _write(self, command: str, reason: str, edit: Callable[[Change], object]) -> LogEntry:
        """Make a change of one step, and returns it as the log shows it."""
        with self._writing(command, reason) as writer:
            edit(writer)
            return log_entries(writer.snapshot.entries)[-1]

    @contextmanager
    def _writing(self, command: str, reason: str) -> Iterator[Change]:
        """Open the gallery to write, as the only writer."""
        with change(self.uri, command, author=self.author, reason=reason, wait_for_lock=self.wait_for_lock) as writer:
            yield writer


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
