"""Files that appear whole or not at all, digests of content, and encoded images."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL.Image import Image


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield the name of a file to write, which becomes `path` when the block ends: whole or not at all.

    The folder is made. Where the block fails, as on a full disk, a file that was at `path` stays as it was.

    Raises:
        OSError: The folder cannot be made, or the file not written or moved.
    """
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(folder: Path, *, last: str) -> Iterator[Path]:
    """Yield an empty folder to write files into, which move to `folder` when the block ends.

    Each file appears whole. `last` is the one that says that the others are there: it moves last. Where the block
    fails, `folder` keeps the files that it had.

    Raises:
        OSError: A folder cannot be made, or a file not written or moved.
    """
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)  # left by a process that was killed
    part.mkdir(parents=True)
    try:
        yield part
        for file in sorted(part.iterdir(), key=lambda file: (file.name == last, file.name)):
            file.replace(folder / file.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def content_digest(parts: bytes | Iterable[bytes], *, size: int = 8) -> bytes:
    """Return `size` bytes that stand for some content: the BLAKE2b digest of its parts, one after the other."""
    digest = hashlib.blake2b(digest_size=size)
    for part in [parts] if isinstance(parts, bytes) else parts:
        digest.update(part)
    return digest.digest()


def content_hash(content: bytes) -> int:
    """Return the 64 bits of `content_digest` as a number, which tables of hashes are made of."""
    return int.from_bytes(content_digest(content), "big")


def encode_image(image: "Image", kind: Literal["JPEG", "PNG"], *, quality: int = 85) -> bytes:
    """Return the image as the bytes of a file.

    Args:
        image: RGB.
        kind: The file's format.
        quality: Of a JPEG, 1 to 95.
    """
    file = BytesIO()
    image.save(file, kind, **({"quality": quality} if kind == "JPEG" else {}))
    return file.getvalue()


def encode_thumbnail(image: "Image", size: int, *, quality: int = 85) -> bytes:
    """Return a JPEG of the image whose longer side has at most `size` pixels."""
    thumbnail = image.copy()
    thumbnail.thumbnail((size, size))
    return encode_image(thumbnail, "JPEG", quality=quality)
