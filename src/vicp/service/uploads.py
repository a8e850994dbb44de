"""Receive photos: streamed to disk as they arrive, with limits, under names that cannot leave their folder."""

import re
import time
import unicodedata
import uuid
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from vicp.service.problems import ProblemError
from vicp.service.settings import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

KEPT_DAYS = 30  # photos that were asked about or never sent whole
_FIELD_BYTES = 20_000  # of a text field
_FOLDERS = 3  # of a photo's path that are kept
_LONGEST_PART = 120
_FIELDS = {
    "per": {"type": "string", "enum": ["photo", "moment", "folder"]},
    "since": {"type": "string", "format": "date"},
    "until": {"type": "string", "format": "date"},
}


def photo_form(*fields: str) -> dict[str, Any]:
    """Return what OpenAPI says of a request with photos and these further texts."""
    photos = {"type": "array", "items": {"type": "string", "format": "binary"}}
    texts = {name: _FIELDS.get(name, {"type": "string"}) for name in fields}
    schema = {"type": "object", "properties": {"photo": photos, **texts}, "required": ["photo"]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@dataclass(frozen=True)
class Upload:
    """One photo of a request.

    Attributes:
        field: The name of its form field.
        name: What the sender calls it, with folders; for people only.
        path: Where it lies.
    """

    field: str
    name: str
    path: Path


@dataclass
class ReceivedForm:
    """A form: its photos and its texts.

    Attributes:
        photos: In the order they came.
        fields: The last text of each name.
    """

    photos: list[Upload] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


async def receive_form(request: Request, folder: Path, limits: Limits) -> ReceivedForm:
    """Return the form of a request, its photos written into a folder.

    Raises:
        ProblemError: It is no such form, or larger than allowed; nothing of it is left in the folder.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ProblemError(415, "expected photos as multipart/form-data")
    reader = _FormReader(folder, limits)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
        reader.check_end()
    except MultipartParseError as error:
        reader.discard()
        raise ProblemError(400, "the form is damaged or was cut off: send it again") from error
    except BaseException:
        reader.discard()
        raise
    return reader.form


def dated_name() -> str:
    """Return a new name for a folder of photos that are kept, which sorts by when it was made."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"


def is_dated_name(name: str) -> bool:
    """Return whether a name from a request can be one of these, and so leads out of no folder."""
    return name.replace("-", "").isalnum()


def safe_path(name: str) -> PurePosixPath:
    """Return a relative path that says what a sender called a photo: the last folders, no climbing, no odd letters.

    >>> safe_path("../../Tom & Tim/a:b.JPG").as_posix()
    'Tom & Tim/a_b.JPG'
    """
    parts = [_safe_part(part) for part in unicodedata.normalize("NFC", name).replace("\\", "/").split("/")]
    kept = [part for part in parts if part][-_FOLDERS:]
    return PurePosixPath(*(kept or ["photo"]))


def _shown(name: str) -> str:
    """Return what a sender calls a photo, in one line."""
    parts = name.replace("\\", "/").split("/")[-_FOLDERS:]
    return "".join(letter for letter in "/".join(parts) if unicodedata.category(letter)[0] != "C")[:300] or "photo"


def _safe_part(part: str) -> str:
    printable = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in part)
    clean = re.sub(r'[<>:"|?*#]', "_", printable).strip(" .")
    stem, dot, suffix = clean.rpartition(".")
    while len(clean.encode()) > _LONGEST_PART and len(stem) > 1:
        stem = stem[:-1]
        clean = f"{stem}{dot}{suffix[:8]}"
    return clean[:_LONGEST_PART]


class _FormReader:
    """Take the parts of a form as the parser meets them."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.form = ReceivedForm()
        self._folder, self._limits = folder, limits
        self._header_name = self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._file: BinaryIO | None = None
        self._field = ""
        self._text = b""
        self._size = 0
        self._is_complete = False

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser calls."""
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def check_end(self) -> None:
        """Check that the form has its last line."""
        if not self._is_complete:
            raise MultipartParseError("the last boundary is missing")

    def discard(self) -> None:
        """Remove the photos that were received."""
        if self._file is not None:
            self._file.close()
        for upload in self.form.photos:
            upload.path.unlink(missing_ok=True)

    def _on_part_begin(self) -> None:
        self._headers, self._text, self._size = {}, b"", 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options:
            return
        if len(self.form.photos) >= self._limits.photos:
            raise ProblemError(413, f"more than {self._limits.photos} photos in one request: send them in several")
        name = options[b"filename"].decode("utf-8", "replace")
        path = safe_path(name)
        number = len(self.form.photos)
        place = self._folder / path
        if place.exists():
            place = place.with_name(f"{number:03}-{place.name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        self.form.photos.append(Upload(self._field, _shown(name), place))
        self._file = place.open("wb")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._file is None:
            if self._size > _FIELD_BYTES:
                raise ProblemError(413, f"the field {self._field!r} is too long")
            self._text += data[start:end]
            return
        if self._size > self._limits.photo_bytes:
            name, megabytes = self.form.photos[-1].name, self._limits.photo_bytes / 1e6
            raise ProblemError(413, f"{name} is larger than {megabytes:,.0f} MB: send a smaller one")
        self._file.write(data[start:end])

    def _on_part_end(self) -> None:
        if self._file is None:
            self.form.fields[self._field] = self._text.decode("utf-8", "replace")
            return
        self._file.close()
        self._file = None

    def _on_end(self) -> None:
        self._is_complete = True
