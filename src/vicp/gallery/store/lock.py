"""One writer at a time: the system frees the lock of a process that dies, however it dies."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vicp.errors import GalleryError

_LOCK, _WRITER, _TABLE = "writer.lock", "writer.pid", "writer"
_PAUSE = 0.5  # seconds between two tries


@contextmanager
def writer_lock(folder: Path, *, wait: bool) -> Iterator[None]:
    """Holds the folder's lock.

    Args:
        folder: of the gallery.
        wait: until the other writer has finished, instead of raising.

    Raises:
        GalleryError: another process writes, which is named; or the folder cannot be written.
    """
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout as error:
        raise GalleryError(
            f"{folder}: process {_writer(folder)} is writing to this gallery: try again when it is done, or give --wait"
        ) from error
    except OSError as error:
        raise GalleryError(f"{folder}: the gallery cannot be written ({error.strerror or error})") from error
    try:
        with suppress(OSError):  # the name of the writer is a courtesy: a full disk is reported by what needs room
            (folder / _WRITER).write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def _writer(folder: Path) -> str:
    """The process that holds the lock, as far as it has said so."""
    try:
        return (folder / _WRITER).read_text().strip() or "unknown"
    except OSError:
        return "unknown"


@contextmanager
def remote_lock(database: Any, uri: str, *, wait: bool) -> Iterator[None]:
    """The same for object storage, where only the making of a table is a test and a set in one.

    A process that is killed there leaves its lock behind; `remove_lock` takes it away.

    Raises:
        GalleryError: another process writes, or has left its lock.
    """
    mine = {"process": f"{os.getpid()} on {socket.gethostname()}"}
    while True:
        try:
            database.create_table(_TABLE, [mine], mode="create")
            break
        except ValueError as error:
            if not wait:
                raise GalleryError(
                    f"{uri}: process {_holder(database)} is writing to this gallery: try again when it has finished, "
                    f"give --wait, or, if it is dead, run `vicp gallery unlock {uri}`"
                ) from error
            time.sleep(_PAUSE)
    try:
        yield
    finally:
        database.drop_table(_TABLE)


def remove_lock(database: Any) -> str | None:
    """Takes away a lock that a dead process left in object storage; returns whose it was, None if there was none."""
    holder = _holder(database)
    if holder is not None:
        database.drop_table(_TABLE)
    return holder


def _holder(database: Any) -> str | None:
    try:
        return str(database.open_table(_TABLE).to_arrow()["process"][0])
    except ValueError:
        return None
