"""Jobs by the Idempotency-Key of the request that began them: the same request sent again begins none."""

import hashlib
from collections import OrderedDict

from vicp.service.problems import ProblemError
from vicp.service.uploads import ReceivedForm

_KEPT = 1000


class BegunJobs:
    """The jobs that were begun with a key, until the server stops."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[tuple[str, str], tuple[str, str]] = OrderedDict()

    def find(self, gallery: str, key: str | None, digest: str) -> str | None:
        """Return the job of a key; None where it is new, or there is none.

        Raises:
            ProblemError: The key came with another form.
        """
        if key is None or (gallery, key) not in self._jobs:
            return None
        known, job = self._jobs[gallery, key]
        if digest != known:
            raise ProblemError(422, f"the Idempotency-Key {key[:40]!r} was used for other photos: take a new one")
        return job

    def keep(self, gallery: str, key: str | None, digest: str, job: str) -> None:
        """Keep what a key began."""
        if key is not None:
            self._jobs[gallery, key] = (digest, job)
            while len(self._jobs) > _KEPT:
                self._jobs.popitem(last=False)


def form_digest(form: ReceivedForm) -> str:
    """Return what stands for the content of a form."""
    digest = hashlib.sha256(repr(sorted(form.fields.items())).encode())
    for photo in form.photos:
        digest.update(photo.name.encode() + b"\0" + hashlib.sha256(photo.path.read_bytes()).digest())
    return digest.hexdigest()
