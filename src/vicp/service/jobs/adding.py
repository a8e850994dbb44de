"""Add a folder of photos to a gallery: kept on disk until they are in, so that a stopped server goes on with them."""

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.gallery.enrollment.chunks import Chunk
from vicp.gallery.enrollment.enroll import EnrollResult, joined_results
from vicp.gallery.enrollment.prepare import OutdatedError
from vicp.gallery.enrollment.workers import EmbedChunks, embed_chunk
from vicp.gallery.gallery import Gallery
from vicp.io import atomic_write
from vicp.phrases import counted
from vicp.runtime.photo_encoder import PhotoEncoder
from vicp.service.jobs.begun_jobs import form_digest
from vicp.service.jobs.jobs import CancelledError, Job
from vicp.service.problems import ProblemError
from vicp.service.served_gallery import ServedGallery
from vicp.service.service import Service
from vicp.service.uploads import KEPT_DAYS, ReceivedForm, dated_name, is_dated_name

_READY = "ready.json"
_FACTS = ("viewpoint", "camera")


class Addition:
    """Photos that are being sent and then added; the job that adds them has the same name.

    Args:
        folder: Where they lie: `photos/`, and `ready.json` when all are there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name

    @classmethod
    def new(cls, gallery: ServedGallery) -> "Addition":
        """Return one without photos yet."""
        addition = cls(_place(gallery) / dated_name())
        addition.photos.mkdir(parents=True)
        return addition

    @classmethod
    def find(cls, gallery: ServedGallery, name: str) -> "Addition":
        """Return one that was begun.

        Raises:
            ProblemError: There is none.
        """
        addition = cls(_place(gallery) / name)
        if not is_dated_name(name) or not addition.photos.is_dir():
            raise ProblemError(404, f"no photos are being sent as {name[:40]!r}: begin again")
        return addition

    @property
    def photos(self) -> Path:
        """Return where the photos lie."""
        return self.folder / "photos"

    @property
    def is_ready(self) -> bool:
        """Return whether all photos are there."""
        return (self.folder / _READY).is_file()

    def discard(self) -> None:
        """Remove the photos."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(
        self, service: Service, gallery: ServedGallery, category: str, facts: Mapping[str, str], *, chosen: bool
    ) -> Job:
        """Return the job that adds them; from now on it is started again after a stop.

        Args:
            service: What adds them.
            gallery: To which gallery.
            category: What they show.
            facts: Column -> what it is of all photos whose folders do not say it.
            chosen: Whether a browser sent them, which puts the name of the folder that was chosen before theirs.
        """
        ready = {"category": category, "facts": dict(facts), "chosen": chosen}
        with atomic_write(self.folder / _READY) as part:
            part.write_text(json.dumps(ready), encoding="utf-8")
        return self.go_on(service, gallery)

    def start_once(self, service: Service, gallery: ServedGallery, form: ReceivedForm, key: str | None) -> str:
        """Return the name of the job that adds the photos of a form, or of the one that the key has begun already.

        Raises:
            ProblemError: The key came with another form.
        """
        category, facts = form.fields["category"].strip(), {name: form.fields.get(name, "").strip() for name in _FACTS}
        if key is None:
            return self.start(service, gallery, category, facts, chosen=False).id
        digest = form_digest(form)
        with gallery.begun.lock:
            begun = gallery.begun.find(key, digest)
            if begun is not None and _stands(service, gallery, begun):
                self.discard()
                return begun
            gallery.begun.keep(key, digest, self.id)
            return self.start(service, gallery, category, facts, chosen=False).id

    def go_on(self, service: Service, gallery: ServedGallery) -> Job:
        """Return the job that adds the photos, which are all there."""
        work = partial(self._add, service=service, gallery=gallery)
        return service.jobs.start("adding photos", gallery.name, work, job_id=self.id)

    def _add(self, job: Job, *, service: Service, gallery: ServedGallery) -> tuple[str, dict[str, Any]]:
        try:
            table = self._table()
            opened = gallery.gallery
            opened = opened.with_model(replace(opened.encoder, skip_bad=True))
            results = _enroll(job, service, opened, table)
        except CancelledError:
            if not service.is_stopping:
                self.discard()
            raise
        result = joined_results(results)
        ended = summary_of(result, table), {"added": result.added, "known": result.known}
        gallery.begun.keep_end(self.id, *ended)
        self.discard()
        return ended

    def _table(self) -> PhotoTable:
        """Return the photos with what was said of all of them."""
        ready = json.loads((self.folder / _READY).read_text(encoding="utf-8"))
        category = ready["category"]
        folder = _folder_of_names(self.photos, chosen=bool(ready.get("chosen")))
        table = open_photos(folder, category=category, need_identity=False, skip_bad=True)
        frame = table.frame.assign(category=category)
        for column, fact in ready.get("facts", {}).items():
            said = frame[column] if column in frame else pd.Series("", index=frame.index)
            frame[column] = said.mask(said == "", fact)
        return replace(table, frame=frame)


def _enroll(job: Job, service: Service, gallery: Gallery, table: PhotoTable) -> list[EnrollResult]:
    """Add photos to a gallery, which is locked while they are written alone."""
    results: list[EnrollResult] = []
    embed = _embed_between_questions(job, service)
    try:
        for part in service.writer.wait_for(lambda: gallery.prepare(table, embed=embed)):
            results.append(service.writer.wait_for(partial(gallery.enroll_prepared, part)))
    except OutdatedError:  # taught meanwhile
        return results + _enroll(job, service, gallery, table)
    return results


def _embed_between_questions(job: Job, service: Service) -> EmbedChunks:
    """Return what embeds a few photos at a time on the model's thread, so that questions come in between."""

    def embed(encoder: PhotoEncoder, chunks: Iterable[Chunk], *, total: int) -> Iterator[Chunk]:
        done, silent_encoder = 0, encoder.without_progress()
        job.report(0, total, "looking at the photos")
        for chunk in chunks:
            yield service.model.wait_for(partial(embed_chunk, silent_encoder, chunk))
            done += len(chunk.photos)
            job.report(done, total, "looking at the photos")

    return embed


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
    additions = [Addition(path) for path in sorted(_place(gallery).glob("*"))]
    oldest = time.time() - KEPT_DAYS * 86400
    for addition in additions:
        if not addition.is_ready and addition.folder.stat().st_mtime < oldest:
            addition.discard()  # half sent, and sent again or given up since
    return [addition.go_on(service, gallery) for addition in additions if addition.is_ready]


def _stands(service: Service, gallery: ServedGallery, job: str) -> bool:
    """Return whether a job that was begun goes on or is done; the photos of one that failed are removed."""
    if gallery.begun.ended(job) is not None:
        return True
    addition = Addition(_place(gallery) / job)
    if service.jobs.has(gallery.name, job) and service.jobs.find(gallery.name, job).state in ("failed", "cancelled"):
        addition.discard()
    return addition.is_ready


def _place(gallery: ServedGallery) -> Path:
    return gallery.folder / "added"


def _folder_of_names(folder: Path, *, chosen: bool) -> Path:
    """Return the folder whose folders are individuals: what a browser chose, or what holds folders alone, is none."""
    inside = list(folder.iterdir())
    if len(inside) != 1 or not inside[0].is_dir():
        return folder
    return inside[0] if chosen or all(each.is_dir() for each in inside[0].iterdir()) else folder
