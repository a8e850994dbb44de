"""Work that takes longer than a request: its progress, its events, and how it ends."""

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

from vicp.errors import VICPError
from vicp.service.problems import ProblemError

JobState = Literal["running", "done", "failed", "cancelled"]
_KEPT = 100  # jobs that are remembered


class CancelledError(Exception):
    """Somebody cancelled the job."""


@dataclass
class Job:
    """One piece of work, written by its thread and read by requests.

    Attributes:
        id: Its name in addresses.
        kind: What is done, for people.
        gallery: Of which gallery.
        state: How it stands.
        done: Photos done.
        total: Photos in all; 0 while that is not known.
        detail: What is being done, what came of it, or why it failed.
        result: What it returned, for programs.
        events: What changed, oldest first.
        cancelled: Whether somebody wants it to stop.
    """

    kind: str
    gallery: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    state: JobState = "running"
    done: int = 0
    total: int = 0
    detail: str = ""
    result: dict[str, Any] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def report(self, done: int, total: int, detail: str = "") -> None:
        """Say how far it is.

        Raises:
            CancelledError: Somebody wants it to stop.
        """
        self.done, self.total, self.detail = done, total, detail or self.detail
        self.events.append(self.summary())
        if self.cancelled.is_set():
            raise CancelledError

    def end(self, state: JobState, detail: str, result: dict[str, Any] | None = None) -> None:
        """Say how it ended."""
        self.state, self.detail, self.result = state, detail, result
        self.events.append(self.summary())

    def summary(self) -> dict[str, Any]:
        """Return it as programs see it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "gallery": self.gallery,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "detail": self.detail,
            "result": self.result,
        }


Work = Callable[[Job], tuple[str, dict[str, Any]]]


class Jobs:
    """The jobs of a service, each in its own thread."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._threads: list[threading.Thread] = []
        self._by_key: dict[Hashable, Job] = {}
        self._starting = threading.Lock()

    def start(self, kind: str, gallery: str, work: Work, *, job_id: str | None = None) -> Job:
        """Return a new job; `work` returns what came of it, in words and for programs.

        Args:
            kind: What is done, for people.
            gallery: Of which gallery.
            work: Does it.
            job_id: Its name in addresses; a new one if None.
        """
        job = Job(kind, gallery) if job_id is None else Job(kind, gallery, id=job_id)
        self._jobs[job.id] = job
        while len(self._jobs) > _KEPT:
            self._jobs.popitem(last=False)
        thread = threading.Thread(target=_run, args=(job, work), name=f"job-{job.id}", daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        return job

    def start_once(self, key: Hashable, kind: str, gallery: str, work: Work) -> Job:
        """Return the job of a key: the one that is running, or a new one."""
        with self._starting:
            running = self._by_key.get(key)
            if running is not None and running.state == "running":
                return running
            self._by_key = {each: job for each, job in self._by_key.items() if job.state == "running"}
            self._by_key[key] = self.start(kind, gallery, work)
            return self._by_key[key]

    def has(self, gallery: str, job_id: str) -> bool:
        """Return whether a job of a gallery is remembered."""
        return job_id in self._jobs and self._jobs[job_id].gallery == gallery

    def find(self, gallery: str, job_id: str) -> Job:
        """Return a job of a gallery.

        Raises:
            ProblemError: There is none.
        """
        if not self.has(gallery, job_id):
            raise ProblemError(404, f"no job {job_id[:40]!r}: jobs end with the server, and their photos are kept")
        return self._jobs[job_id]

    def running(self, gallery: str) -> list[Job]:
        """Return the jobs of a gallery that are not done, oldest first."""
        return [job for job in self._jobs.values() if job.gallery == gallery and job.state == "running"]

    def stop(self, seconds: float) -> None:
        """Cancel what runs, and wait so long for it."""
        for job in self._jobs.values():
            job.cancelled.set()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))


def _run(job: Job, work: Work) -> None:
    try:
        detail, result = work(job)
    except CancelledError:
        job.end("cancelled", "stopped; what was done is kept")
    except (VICPError, ProblemError) as error:
        job.end("failed", " ".join(str(error).split()))
    except Exception:
        job.end("failed", "a fault of this program: its console says where")
        raise
    else:
        job.end("done", detail, result)
