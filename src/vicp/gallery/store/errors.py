"""What goes wrong on a disk or in LanceDB, as one line for people."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from vicp.errors import GalleryError

_SYSTEM = re.compile(r"(No space left on device|Read-only file system|Permission denied|Disk quota exceeded)")
_GONE = re.compile(r"(not found|no longer exists|does not exist|No such file)", re.I)


@contextmanager
def lance_errors(uri: str, doing: str) -> Iterator[None]:
    """Turns what LanceDB raises into a `GalleryError` that names the gallery and what was being done."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise GalleryError(f"{uri}: {_reason(str(error), doing)}") from error


def _reason(message: str, doing: str) -> str:
    if found := _SYSTEM.search(message):
        return f"{found[1].lower()} ({doing}): nothing that was in the gallery is lost"
    if _GONE.search(message):
        return f"half of it is gone ({doing}): bring the folder back from a copy"
    first = message.strip().splitlines()[0] if message.strip() else "unknown"
    return f"the store gave up {doing} ({first[:200]})"
