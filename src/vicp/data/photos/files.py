"""Read a photo's file: only real files, of a size that a photo has, by a path that may be nearly right."""

import os
import stat
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from vicp.data.decoding.decode import MAX_BYTES, too_many_bytes
from vicp.data.decoding.formats import SNIFFED, photo_format
from vicp.errors import DataError

_LARGE = 32_000_000  # bytes, from which a file is to begin as a photo before it is read
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_photo_file(path: Path) -> bytes:
    r"""Return the bytes of the photo at a path.

    A path with "\" in place of "/", or in the other Unicode form (composed or decomposed), means the file that is
    there. Pipes, sockets and devices are never opened, and of a large file that is no photo only the beginning is read.

    Raises:
        DataError: It is no file, or not one of a photo; the message is the reason and, for a path, where it was
            looked for and what is there instead.
    """
    try:
        found = existing(path)
        status = os.stat(found)
        check_is_file(found, status)
        with open(os.open(found, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            if status.st_size > _LARGE:
                photo_format(file.read(SNIFFED))
                file.seek(0)
            if status.st_size > MAX_BYTES:
                raise DataError(too_many_bytes(status.st_size))
            return file.read(status.st_size)  # no more: some files of /proc have no size and no end
    except FileNotFoundError as error:  # a link to nothing
        raise DataError(f"no such file: {path}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"cannot be read ({reason}): {path}") from error


def check_is_file(path: Path, status: os.stat_result) -> None:
    """Check that a path is a file that can be read to an end.

    Raises:
        DataError: It is a folder, a pipe, a socket or a device.
    """
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is not None:
        raise DataError(f"{kind}, not a file: {path}")


def existing(path: Path) -> Path:
    """Return the path, or the one of the same letters that exists.

    Raises:
        DataError: There is neither; the message names the file that may be meant.
        OSError: The path cannot be looked at.
    """
    if os.path.lexists(path):
        return path
    for other in _spellings(str(path)):
        if os.path.exists(other):
            return Path(other)
    near = _nearly(Path(str(path).replace("\\", "/")))
    hint = "" if near is None else f"; there is {str(near)!r}: write it so"
    raise DataError(f"no such file: {path}{hint}")


def _spellings(path: str) -> Iterator[str]:
    """Yield other ways to write a path, which mean the same to a reader."""
    forward = path.replace("\\", "/")
    yield forward
    for form in ("NFC", "NFD"):
        yield unicodedata.normalize(form, path)
        yield unicodedata.normalize(form, forward)


def _nearly(path: Path) -> Path | None:
    """Return the one path that differs in case, spaces or the form of letters alone; None where there is none."""
    here = Path(path.anchor) if path.is_absolute() else Path()
    for part in path.parts[1 if path.is_absolute() else 0 :]:
        exact = here / part
        if os.path.exists(exact):
            here = exact
            continue
        try:
            names = _names(str(here), os.stat(here).st_mtime_ns)
        except OSError:
            return None
        same = names.get(_plain(part), ())
        if len(same) != 1:
            return None
        here = here / same[0]
    return here


@lru_cache(maxsize=64)
def _names(folder: str, changed: int) -> dict[str, tuple[str, ...]]:
    """Return the names in a folder by their letters alone; `changed` is when it did."""
    names: dict[str, tuple[str, ...]] = {}
    for name in sorted(os.listdir(folder)):
        names[_plain(name)] = (*names.get(_plain(name), ()), name)
    return names


def _plain(name: str) -> str:
    stem, ending = os.path.splitext(unicodedata.normalize("NFKC", name).casefold())
    return "".join(stem.split()) + ending.strip()
