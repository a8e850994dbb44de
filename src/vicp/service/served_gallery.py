"""A gallery as the service reads it: facts that change with the journal alone are kept until it changes."""

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pandas as pd

from vicp.api import Model, load
from vicp.errors import GalleryError
from vicp.gallery.categories import gallery_categories
from vicp.gallery.contents import photos, set_aside_numbers
from vicp.gallery.enrollment.reindex import kept_photos
from vicp.gallery.gallery import Gallery
from vicp.gallery.photo_filter import with_optional_facts
from vicp.gallery.stats import GalleryStats, gallery_stats
from vicp.gallery.store.database import is_free, local_folder, read_gallery
from vicp.gallery.store.journal import LogEntry, log_entries
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PHOTOS
from vicp.runtime.cache import EmbeddingCache, default_cache_folder
from vicp.service.problems import ProblemError
from vicp.service.settings import ServiceSettings

T = TypeVar("T")
FOLDER = "service"  # inside a gallery's folder: photos that were asked about or are being added
_KEPT_VALUES = 32


class ServedGallery:
    """One gallery of the service.

    Args:
        name: Its name in addresses.
        uri: Where it is.
        settings: Of the service.
    """

    def __init__(self, name: str, uri: str, settings: ServiceSettings) -> None:
        self.name, self.uri, self.settings = name, uri, settings
        self._gallery: Gallery | None = None
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    @property
    def exists(self) -> bool:
        """Return whether there is a gallery at its place that can be read."""
        return self._gallery is not None or (not self.fault and not is_free(self.uri))

    @property
    def fault(self) -> str:
        """Return what keeps what is at its place from being read, and what to do; "" where nothing does."""
        try:
            if not is_free(self.uri):
                self.stats(self.snapshot)
        except GalleryError as error:
            return " ".join(str(error).split())
        return ""

    @property
    def gallery(self) -> Gallery:
        """Return the gallery, its model with a cache of embeddings."""
        with self._opening:
            if self._gallery is None:
                opened = Gallery.open(self.uri, author=self.settings.author)
                cache = EmbeddingCache(default_cache_folder())
                model = Model(replace(opened.encoder, cache=cache, batch_size=8))
                self._gallery = Gallery.open(self.uri, model, author=self.settings.author)
            return self._gallery

    @property
    def author(self) -> str:
        """Return who makes changes."""
        return self.editor.author

    @property
    def editor(self) -> Gallery:
        """Return the gallery for changes that need no model, so that none is waited for."""
        return Gallery.open(self.uri, author=self.settings.author)

    def create(self) -> None:
        """Make an empty gallery at its place, for the service's model.

        Raises:
            GalleryError: The place holds something else or cannot be written.
        """
        Gallery.create(self.uri, load(self.settings.model), author=self.settings.author)

    def warm_up(self) -> None:
        """Open the model before the first question."""
        if self.exists:
            self.gallery.encoder  # noqa: B018

    @property
    def folder(self) -> Path:
        """Return where photos are put that were asked about or are being added."""
        folder = local_folder(self.uri)
        if folder is None:
            return default_cache_folder() / FOLDER / self.name
        return folder / FOLDER

    @property
    def snapshot(self) -> Snapshot:
        """Return the gallery as it is now."""
        return read_gallery(self.uri)

    def kept(self, key: Hashable, snapshot: Snapshot, make: Callable[[], T]) -> T:
        """Return a value that only a change of the gallery makes stale, made once per version."""
        full = (key, snapshot.head.number)
        with self._lock:
            if full in self._kept:
                self._kept.move_to_end(full)
                return cast(T, self._kept[full])
        value = make()
        with self._lock:
            self._kept[full] = value
            while len(self._kept) > _KEPT_VALUES:
                self._kept.popitem(last=False)
        return value

    def frame(self, snapshot: Snapshot) -> pd.DataFrame:
        """Return the facts of all photos, with `aside`, `viewpoint`, `camera`, and the file's name in `file`."""

        def make() -> pd.DataFrame:
            frame = photos(snapshot)
            files = [display_name(source) for source in frame["source"]]
            frame = frame.assign(aside=frame["number"].isin(set_aside_numbers(snapshot)), file=files)
            return with_optional_facts(snapshot, frame.assign(date=frame["date"].fillna("")))

        return self.kept("frame", snapshot, make)

    def choices(self, snapshot: Snapshot) -> dict[str, Any]:
        """Return by what photos can be chosen: the values that there are, and whether any photo has a date."""

        def make() -> dict[str, Any]:
            frame = self.frame(snapshot)
            values = {name: sorted(set(frame[name]) - {""}) for name in ("category", "viewpoint", "camera")}
            return {**values, "dated": bool((frame["date"] != "").any())}

        return self.kept("choices", snapshot, make)

    def stats(self, snapshot: Snapshot) -> GalleryStats:
        """Return what is in it, in numbers."""
        return self.kept("stats", snapshot, lambda: gallery_stats(snapshot))

    def categories(self, snapshot: Snapshot) -> list[str]:
        """Return its categories, sorted."""
        return self.kept("categories", snapshot, lambda: list(gallery_categories(snapshot)))

    def log(self, snapshot: Snapshot) -> list[LogEntry]:
        """Return its changes, oldest first."""
        return self.kept("log", snapshot, lambda: log_entries(snapshot.entries))

    def row(self, snapshot: Snapshot, key: str) -> pd.Series:
        """Return the facts of one photo.

        Raises:
            ProblemError: There is no such photo.
        """
        frame = self.frame(snapshot)
        rows = frame[frame["key"] == key]
        if not len(rows):
            raise ProblemError(404, f"no photo {key[:40]!r} in {self.name}")
        return rows.iloc[0]

    def photo(self, key: str) -> bytes:
        """Return the encoded photo of a key, or its thumbnail where the gallery keeps no photos.

        Raises:
            ProblemError: There is no such photo.
        """
        snapshot = self.snapshot
        row = self.row(snapshot, key)
        try:
            return kept_photos(snapshot, row.to_frame().T)[0]
        except GalleryError:
            return self.thumbnail(key)

    def thumbnail(self, key: str) -> bytes:
        """Return the JPEG thumbnail of a photo.

        Raises:
            ProblemError: There is no such photo.
        """
        snapshot = self.snapshot
        number = int(self.row(snapshot, key)["number"])
        return bytes(snapshot.read(PHOTOS, ["thumbnail"], f"number = {number}")["thumbnail"][0].as_py())


def display_name(source: str) -> str:
    """Return what a person calls a photo: its file and the folder it lies in."""
    parts = Path(source).parts
    if FOLDER in parts:  # an upload: what was sent, below the upload's own folder
        parts = parts[len(parts) - parts[::-1].index(FOLDER) + 2 :]
    return "/".join(parts[-2:])


def open_galleries(settings: ServiceSettings) -> dict[str, ServedGallery]:
    """Return the galleries by names for addresses, each made from the last part of its place."""
    galleries: dict[str, ServedGallery] = {}
    for uri in settings.galleries:
        last = os.path.basename(uri.rstrip("/\\")) or "gallery"
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-") or "gallery"
        name, number = stem, 1
        while name in galleries:
            number += 1
            name = f"{stem}-{number}"
        galleries[name] = ServedGallery(name, uri, settings)
    return galleries
