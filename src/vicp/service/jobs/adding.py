"""Add a folder of photos to a gallery: kept on disk until they are in, so that a stopped server goes on with them."""

import json
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.api import Model
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.gallery.categories import gallery_categories
from vicp.gallery.enrollment.enroll import EnrollResult
from vicp.gallery.gallery import Gallery
from vicp.io import atomic_write
from vicp.phrases import counted
from vicp.service.jobs.jobs import CancelledError, Job
from vicp.service.problems import ProblemError
from vicp.service.served_gallery import ServedGallery
from vicp.service.service import Service

_CHUNK = 8  # photos that are embedded between two questions
_READY = "ready.json"


class Addition:
    """Photos that are being sent and then added.

    Args:
        folder: Where they lie: `photos/`, and `ready.json` when all are there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name

    @classmethod
    def new(cls, gallery: ServedGallery) -> "Addition":
        """Return one without photos yet."""
        addition = cls(gallery.folder / "added" / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}")
        addition.photos.mkdir(parents=True)
        return addition

    @classmethod
    def find(cls, gallery: ServedGallery, name: str) -> "Addition":
        """Return one that was begun.

        Raises:
            ProblemError: There is none.
        """
        addition = cls(gallery.folder / "added" / name)
        if not name.replace("-", "").isalnum() or not addition.photos.is_dir():
            raise ProblemError(404, f"no photos are being sent as {name[:40]!r}: begin again")
        return addition

    @property
    def photos(self) -> Path:
        """Return where the photos lie."""
        return self.folder / "photos"

    def discard(self) -> None:
        """Remove the photos."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, service: Service, gallery: ServedGallery, category: str, facts: Mapping[str, str]) -> Job:
        """Return the job that adds them; from now on it is started again after a stop.

        Args:
            service: What adds them.
            gallery: To which gallery.
            category: What they show.
            facts: Column -> what it is of all photos whose folders do not say it.
        """
        with atomic_write(self.folder / _READY) as part:
            part.write_text(json.dumps({"category": category, "facts": dict(facts)}), encoding="utf-8")
        return self._start(service, gallery)

    def _start(self, service: Service, gallery: ServedGallery) -> Job:
        return service.jobs.start("adding photos", gallery.name, lambda job: self._add(job, service, gallery))

    def _add(self, job: Job, service: Service, gallery: ServedGallery) -> tuple[str, dict[str, Any]]:
        ready = json.loads((self.folder / _READY).read_text(encoding="utf-8"))
        category = ready["category"]
        table = open_photos(_content(self.photos), category=category, need_identity=False, skip_bad=True)
        frame = table.frame.assign(category=category)
        for column, fact in ready.get("facts", {}).items():
            said = frame[column] if column in frame else pd.Series("", index=frame.index)
            frame[column] = said.mask(said == "", fact)
        table = replace(table, frame=frame)
        try:
            embed_beforehand(job, service, gallery, table)
        except CancelledError:
            if not service.is_stopping:
                self.discard()
            raise
        opened = adding_gallery(gallery)
        result = service.writer.wait_for(lambda: opened.enroll(table, category=category))
        self.discard()
        return summary_of(result, table), {"added": result.added, "known": result.known}


def adding_gallery(gallery: ServedGallery) -> Gallery:
    """Return the gallery, which goes on without photos that cannot be used."""
    model = Model(replace(gallery.gallery.encoder, skip_bad=True))
    return Gallery.open(gallery.uri, model, author=gallery.settings.author)


def embed_beforehand(job: Job, service: Service, gallery: ServedGallery, table: PhotoTable) -> None:
    """Embed photos into the cache, a few at a time so that questions come in between; the enrolment finds them there.

    The gallery can be changed meanwhile, since it is written to only afterwards, and quickly.
    """
    encoder = replace(gallery.gallery.encoder, skip_bad=True)
    categories = gallery_categories(gallery.snapshot)
    for name in table.categories:
        prompt = categories[name].prompt if name in categories else None
        rows = table.of_category(name)
        for start in range(0, len(rows), _CHUNK):
            chunk = rows.select(range(start, min(start + _CHUNK, len(rows))))
            service.model.wait_for(partial(encoder.embed, chunk, prompt))
            job.report(min(start + _CHUNK, len(rows)), len(table), "looking at the photos")


def summary_of(result: EnrollResult, table: PhotoTable) -> str:
    """Return what an enrolment did, for people."""
    sentences = [f"{counted(result.added, 'photo')} added, {counted(result.identities, 'new name')}."]
    if result.known:
        sentences.append(f"{counted(result.known, 'photo')} were there already.")
    bad = [*table.skipped, *result.bad]
    if bad:
        listed = "; ".join(f"{Path(each.path).name}: {each.reason}" for each in bad[:3])
        sentences.append(f"{counted(len(bad), 'photo')} cannot be used ({listed}).")
    sentences += [*result.other_names[:3], *result.near_names[:3], *result.questions[:3], *table.notes[:3]]
    return " ".join(sentences)


def go_on(service: Service, gallery: ServedGallery) -> list[Job]:
    """Return jobs that add the photos which a stopped server had received."""
    ready = sorted(gallery.folder.glob(f"added/*/{_READY}"))
    return [Addition(path.parent)._start(service, gallery) for path in ready]


def _content(folder: Path) -> Path:
    """Return the folder that was chosen: a browser sends its own name too."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
