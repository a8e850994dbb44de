"""The writer lock: one writer at a time; the operating system frees the lock of a process that dies."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vicp.errors import GalleryError, LockedError

_LOCK_FILE, _WRITER_FILE, _LOCK_TABLE = "writer.lock", "writer.pid", "writer"
_RETRY_SECONDS = 0.5


@contextmanager
def writer_lock(folder: Path, *, wait: bool) -> Iterator[None]:
    """Return hold the folder's lock.

    Args:
        folder: Of the gallery.
        wait: Until the other writer has finished, instead of raising.

    Raises:
        LockedError: Another process writes, which is named.
        GalleryError: The folder cannot be written.
    """
    lock = FileLock(folder / _LOCK_FILE)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout as error:
        raise LockedError(
            f"{folder}: process {_writer(folder)} is writing to this gallery: try again when it is done, or give --wait"
        ) from error
    except OSError as error:
        raise GalleryError(f"{folder}: the gallery cannot be written ({error.strerror or error})") from error
    try:
        with suppress(OSError):  # the name of the writer is a courtesy: a full disk is reported by what needs room
            (folder / _WRITER_FILE).write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def _writer(folder: Path) -> str:
    """Return the process that holds the lock, as far as it has said so."""
    try:
        return (folder / _WRITER_FILE).read_text().strip() or "unknown"
    except OSError:
        return "unknown"


@contextmanager
def remote_lock(database: Any, uri: str, *, wait: bool) -> Iterator[None]:
    """Return hold a gallery's lock in object storage, where making a table is the only atomic test-and-set.

    A process that is killed there leaves its lock behind; `remove_lock` takes it away.

    Raises:
        GalleryError: Another process writes, or has left its lock.
    """
    holder = {"process": f"{os.getpid()} on {socket.gethostname()}"}
    while True:
        try:
            database.create_table(_LOCK_TABLE, [holder], mode="create")
            break
        except ValueError as error:
            if not wait:
                raise LockedError(
                    f"{uri}: process {_holder(database)} is writing to this gallery: try again when it has finished, "
                    f"give --wait, or, if it is dead, run `vicp gallery unlock {uri}`"
                ) from error
            time.sleep(_RETRY_SECONDS)
    try:
        yield
    finally:
        database.drop_table(_LOCK_TABLE)


def remove_lock(database: Any) -> str | None:
    """Take away a lock that a dead process left in object storage.

    Returns:
        The process whose lock it was; None if there was none.
    """
    holder = _holder(database)
    if holder is not None:
        database.drop_table(_LOCK_TABLE)
    return holder


def _holder(database: Any) -> str | None:
    try:
        return str(database.open_table(_LOCK_TABLE).to_arrow()["process"][0])
    except ValueError:
        return None
