"""Jobs by the Idempotency-Key of the request that began them: the same request sent again begins none."""

import hashlib
import json
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from vicp.io import atomic_write
from vicp.service.problems import ProblemError
from vicp.service.uploads import ReceivedForm

_KEPT = 1000


class BegunJobs:
    """The jobs of one gallery that were begun with a key, also those of a server that was killed.

    Args:
        file: A line for each key that came, and one when its job was done.

    Attributes:
        lock: Held by who looks a key up and then begins its job.
    """

    def __init__(self, file: Path) -> None:
        self.lock = threading.RLock()
        self._file = file
        self._jobs: OrderedDict[str, dict[str, Any]] = OrderedDict()
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        for line in lines:
            try:
                self._take(json.loads(line))
            except ValueError:  # the last line of a process that was killed while it wrote
                continue
        if len(lines) > 2 * _KEPT:
            with atomic_write(file) as part:
                part.write_text("".join(json.dumps(entry) + "\n" for entry in self._jobs.values()), encoding="utf-8")

    def find(self, key: str, digest: str) -> str | None:
        """Return the job of a key; None where the key is new.

        Raises:
            ProblemError: The key came with another form.
        """
        entry = self._jobs.get(key)
        if entry is not None and entry["digest"] != digest:
            raise ProblemError(422, f"the Idempotency-Key {key[:40]!r} was used for other photos: take a new one")
        return None if entry is None else str(entry["job"])

    def keep(self, key: str, digest: str, job: str) -> None:
        """Keep what a key begins."""
        self._write({"key": key, "digest": digest, "job": job})

    def keep_end(self, job: str, detail: str, result: dict[str, Any]) -> None:
        """Keep what came of a job, where a key began it."""
        with self.lock:
            begun = next((entry for entry in self._jobs.values() if entry["job"] == job), None)
            if begun is not None:
                self._write({**begun, "detail": detail, "result": result})

    def ended(self, job: str) -> tuple[str, dict[str, Any]] | None:
        """Return what came of a job that a key began and that is done, in words and for programs."""
        entries = [entry for entry in self._jobs.values() if entry["job"] == job and "result" in entry]
        return (entries[0]["detail"], entries[0]["result"]) if entries else None

    def _take(self, entry: dict[str, Any]) -> None:
        self._jobs[entry["key"]] = entry
        self._jobs.move_to_end(entry["key"])
        while len(self._jobs) > _KEPT:
            self._jobs.popitem(last=False)

    def _write(self, entry: dict[str, Any]) -> None:
        with self.lock:
            self._take(entry)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


def form_digest(form: ReceivedForm) -> str:
    """Return what stands for the content of a form."""
    digest = hashlib.sha256(repr(sorted(form.fields.items())).encode())
    for photo in form.photos:
        digest.update(photo.name.encode() + b"\0" + hashlib.sha256(photo.path.read_bytes()).digest())
    return digest.hexdigest()
