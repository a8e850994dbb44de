"""Class `GalleryEditor`: labels and corrections of a gallery, each logged, each of which can be undone."""

import getpass
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from vicp.data.support.support_file import LabelledPair
from vicp.errors import ConfigError
from vicp.gallery.edit import (
    assign_photos,
    merge_identities,
    remove_identity,
    remove_photos,
    rename_identity,
    set_aside,
)
from vicp.gallery.exporter import GalleryExporter
from vicp.gallery.labelling.labels import LabelResult, label_pairs, mark_unsure
from vicp.gallery.store.change import Change
from vicp.gallery.store.compaction import UNDO_DEPTH, Compaction, compact
from vicp.gallery.store.database import change
from vicp.gallery.store.journal import COMPACT, LogEntry, log_entries
from vicp.runtime.photo_encoder import EncoderSource


class GalleryEditor(GalleryExporter):
    """A gallery whose labels and identities are corrected; no correction needs the model.

    A method that writes is the only writer until it returns.

    Args:
        uri: As in `GalleryReader`.
        model: As in `GalleryReader`.
        author: Who makes changes, for the log; the login name if None.
        wait_for_lock: Wait while another process writes, instead of raising `GalleryError`.
    """

    def __init__(
        self,
        uri: str | os.PathLike[str],
        model: EncoderSource | None = None,
        *,
        author: str | None = None,
        wait_for_lock: bool = False,
    ) -> None:
        super().__init__(uri, model)
        self.author = author if author is not None else _login_name()
        self.wait_for_lock = wait_for_lock

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

    def label_unsure(self, pairs: Sequence[tuple[str, str]], *, reason: str = "") -> int:
        """Note pairs that the author cannot tell, and returns how many: `next_pairs` asks somebody else.

        Args:
            pairs: Photos by key or by where they came from; a pair with a label keeps it.
            reason: A note for the log.

        Raises:
            GalleryError: Photos that are not in the gallery, or another process is writing.
        """
        with self._writing("label", reason) as writer:
            return mark_unsure(writer, pairs)

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

    def set_aside(self, photos: Sequence[str], *, reason: str = "") -> LogEntry:
        """Set photos aside that show nobody, by key or by where they came from; `assign` brings one back.

        They stay in the gallery, lose their names, and are compared with nothing.

        Raises:
            GalleryError: No such photo, or another process is writing.
        """
        return self._write("set aside", reason, lambda writer: set_aside(writer, photos))

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

    def compact(self, *, undo_depth: int = UNDO_DEPTH) -> Compaction:
        """Join small files and remove old states, as writing does by itself from time to time; nothing shown changes.

        Whoever reads the gallery meanwhile reads on: states of the last ten minutes stay until the next compaction.

        Args:
            undo_depth: How many changes can be undone afterwards, at least 0.

        Raises:
            ConfigError: Fewer than 0.
            GalleryError: The gallery cannot be written, or another process is writing.
        """
        if undo_depth < 0:
            raise ConfigError(f"undo_depth {undo_depth}: expected 0 or more changes that can be undone")
        with self._writing(COMPACT, "") as writer:
            return compact(writer, undo_depth=undo_depth, many_files=2)

    def _write(self, command: str, reason: str, edit: Callable[[Change], object]) -> LogEntry:
        """Make a change of one step, and returns it as the log shows it."""
        with self._writing(command, reason) as writer:
            edit(writer)
            return log_entries(writer.snapshot.entries)[-1]

    @contextmanager
    def _writing(self, command: str, reason: str) -> Iterator[Change]:
        """Open the gallery to write, as the only writer."""
        waits = self.wait_for_lock
        with change(
            self.uri, command, author=self.author, reason=reason, wait_for_lock=waits, cache=self._cache
        ) as writer:
            yield writer


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
