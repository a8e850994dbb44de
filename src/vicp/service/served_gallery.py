"""A gallery as the service reads it: facts that change with the journal alone are kept until it changes."""

import os
import re
import threading
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pandas as pd

from vicp.api import load
from vicp.errors import GalleryError
from vicp.gallery.categories import gallery_categories
from vicp.gallery.contents import photos, set_aside_numbers
from vicp.gallery.enrollment.reindex import kept_photos
from vicp.gallery.gallery import Gallery
from vicp.gallery.photo_filter import with_optional_facts
from vicp.gallery.stats import GalleryStats, gallery_stats
from vicp.gallery.store.database import is_free, local_folder
from vicp.gallery.store.journal import LogEntry, log_entries
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import OPTIONAL_FACTS, PHOTOS, SET_ASIDE
from vicp.runtime.cache import EmbeddingCache, default_cache_folder
from vicp.service.jobs.begun_jobs import BegunJobs
from vicp.service.problems import ProblemError
from vicp.service.settings import ServiceSettings

FOLDER = "service"  # inside a gallery's folder: photos that were asked about or are being added
FACT_TABLES = (PHOTOS, SET_ASIDE, *OPTIONAL_FACTS.values())  # the tables that say them


class ServedGallery:
    """One gallery of the service.

    Args:
        name: Its name in addresses.
        uri: Where it is.
        settings: Of the service.

    Attributes:
        editor: The gallery for what needs no model, so that none is waited for.
    """

    def __init__(self, name: str, uri: str, settings: ServiceSettings) -> None:
        self.name, self.uri, self.settings = name, uri, settings
        self.editor = Gallery(uri, author=settings.author)
        self._gallery: Gallery | None = None
        self._opening = threading.Lock()

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
                cache = EmbeddingCache(default_cache_folder())
                encoder = replace(Gallery(self.uri).encoder, cache=cache, batch_size=8)
                self._gallery = self.editor.with_model(encoder)
            return self._gallery

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

    @cached_property
    def begun(self) -> BegunJobs:
        """Return the jobs that were begun with an Idempotency-Key."""
        return BegunJobs(self.folder / "begun.jsonl")

    @property
    def snapshot(self) -> Snapshot:
        """Return the gallery as it is now."""
        return self.editor.snapshot

    def frame(self, snapshot: Snapshot) -> pd.DataFrame:
        """Return the facts of all photos, with `aside`, `viewpoint`, `camera`, and the file's name in `file`."""

        def make() -> pd.DataFrame:
            frame = photos(snapshot)
            files = [display_name(source) for source in frame["source"]]
            frame = frame.assign(aside=frame["number"].isin(set_aside_numbers(snapshot)), file=files)
            return with_optional_facts(snapshot, frame.assign(date=frame["date"].fillna("")))

        return snapshot.once("frame", FACT_TABLES, make)

    def by_key(self, snapshot: Snapshot) -> pd.DataFrame:
        """Return the facts of all photos by key."""
        return snapshot.once("by_key", FACT_TABLES, lambda: self.frame(snapshot).set_index("key", drop=False))

    def choices(self, snapshot: Snapshot) -> dict[str, Any]:
        """Return by what photos can be chosen: the values that there are, and whether any photo has a date."""

        def make() -> dict[str, Any]:
            frame = self.frame(snapshot)
            values = {name: sorted(set(frame[name]) - {""}) for name in ("category", "viewpoint", "camera")}
            return {**values, "dated": bool((frame["date"] != "").any())}

        return snapshot.once("choices", FACT_TABLES, make)

    def stats(self, snapshot: Snapshot) -> GalleryStats:
        """Return what is in it, in numbers."""
        return snapshot.once_per_change("stats", lambda: gallery_stats(snapshot))

    def categories(self, snapshot: Snapshot) -> list[str]:
        """Return its categories, sorted."""
        return list(gallery_categories(snapshot))

    def log(self, snapshot: Snapshot) -> list[LogEntry]:
        """Return its changes, oldest first."""
        return snapshot.once_per_change("log", lambda: log_entries(snapshot.entries))

    def row(self, snapshot: Snapshot, key: str) -> pd.Series:
        """Return the facts of one photo.

        Raises:
            ProblemError: There is no such photo.
        """
        frame = self.by_key(snapshot)
        if key not in frame.index:
            raise ProblemError(404, f"no photo {key[:40]!r} in {self.name}")
        return cast(pd.Series, frame.loc[key])

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
        parts = parts[len(parts) - parts[::-1].index(FOLDER) + 3 :]  # added or asked, which, photos
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
