"""What all routes share: the galleries, the two workers, the jobs. Light: the library is imported by `open` alone."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from vicp.errors import VICPError
from vicp.service.chosen_photos import ChosenPhotos
from vicp.service.jobs.jobs import Job, Jobs
from vicp.service.jobs.workers import Worker
from vicp.service.metrics import Metrics
from vicp.service.problems import BusyError, NotReadyError, ProblemError
from vicp.service.safety import Sessions
from vicp.service.settings import ServiceSettings

if TYPE_CHECKING:
    from vicp.service.review.queue import ReviewQueue
    from vicp.service.served_gallery import ServedGallery

_QUEUES = 64  # of questions that are kept
_GRACE_SECONDS = 20.0  # for what is being done when the server is stopped


class Service:
    """The galleries that are served and what serves them.

    Args:
        settings: How.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.sessions = Sessions(settings.token)
        self.jobs = Jobs()
        self.metrics = Metrics()
        self.model = Worker("model", settings.limits.queue)
        self.writer = Worker("writer", settings.limits.queue)
        self._galleries: dict[str, ServedGallery] = {}
        self._queues: dict[tuple[str, str], ReviewQueue] = {}
        self._is_open = threading.Event()
        self._failure = ""
        self.is_stopping = False

    def open(self, then: Callable[["Service"], None]) -> None:
        """Open the galleries in the background; routes answer "not ready" until that is done.

        Args:
            then: What is done with them first.
        """
        threading.Thread(target=self._open, args=(then,), name="opening", daemon=True).start()

    def _open(self, then: Callable[["Service"], None]) -> None:
        try:
            from vicp.service.served_gallery import open_galleries

            self._galleries = open_galleries(self.settings)
        except VICPError as error:
            self._failure = " ".join(str(error).split())
        self._is_open.set()
        with suppress(BusyError):  # of a service that was stopped meanwhile
            for gallery in self._galleries.values():
                self.model.submit(gallery.warm_up)
        if self._galleries:
            then(self)

    def review(self, gallery: "ServedGallery", chosen: ChosenPhotos) -> "ReviewQueue":
        """Return the open questions of a gallery about some of its photos."""
        from vicp.service.review.queue import ReviewQueue

        key = (gallery.name, chosen.query)
        if key not in self._queues and len(self._queues) >= _QUEUES:
            self._queues.pop(next(iter(self._queues)))
        return self._queues.setdefault(key, ReviewQueue(gallery, chosen))

    @property
    def is_ready(self) -> bool:
        """Return whether the galleries are open."""
        return self._is_open.is_set() and not self._failure

    @property
    def galleries(self) -> dict[str, "ServedGallery"]:
        """Return the galleries by the name that addresses use.

        Raises:
            NotReadyError: They are being opened.
            ProblemError: They cannot be opened.
        """
        if not self._is_open.is_set():
            raise NotReadyError
        if self._failure:
            raise ProblemError(503, self._failure)
        return self._galleries

    def gallery(self, name: str) -> "ServedGallery":
        """Return a gallery that is there.

        Raises:
            NotReadyError: The galleries are being opened.
            ProblemError: There is no such gallery, it is damaged, or it has not been made yet.
        """
        gallery = self.place(name)
        if not gallery.exists:
            raise ProblemError(404, f"{name}: no gallery there yet, make it on the start page")
        return gallery

    def place(self, name: str) -> "ServedGallery":
        """Return a gallery, whether it has been made or not.

        Raises:
            NotReadyError: The galleries are being opened.
            ProblemError: The service has none of this name, or it is damaged.
        """
        if name not in self.galleries:
            raise ProblemError(404, f"no gallery {name!r}, expected one of {', '.join(self.galleries)}")
        gallery = self.galleries[name]
        if not gallery.exists and (fault := gallery.fault):
            raise ProblemError(409, fault)
        return gallery

    def job(self, gallery: str, job_id: str) -> Job:
        """Return a job of a gallery, also one that a key began and that ended before this server was started.

        Raises:
            ProblemError: There is none.
        """
        ended = None if self.jobs.has(gallery, job_id) else self.gallery(gallery).begun.ended(job_id)
        if ended is None:
            return self.jobs.find(gallery, job_id)
        detail, result = ended
        photos = sum(result.values())
        job = Job("adding photos", gallery, id=job_id, done=photos, total=photos)
        job.end("done", detail, result)
        return job

    def stop(self) -> None:
        """Finish the change that is being made; what takes long is stopped, and goes on when asked for again."""
        self.is_stopping = True
        self.jobs.stop(_GRACE_SECONDS)
        self.writer.stop()
        self.model.stop()
