"""Tasks for Label Studio: pairs to label, and answers of identify to correct."""

import base64
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vicp.data.images import decode_photo
from vicp.data.label_studio import PAIR_CONFIG, PHOTO_CONFIG, Region, local_url, pair_task, photo_task
from vicp.data.photos.crops import FRAGMENT, split_fragment
from vicp.data.records import PhotoTable
from vicp.decisions.outcome import Identification
from vicp.errors import DataError
from vicp.gallery.labelling.proposals import ProposedPair
from vicp.io import atomic_write, encode_thumbnail

_SIDE = 512  # pixels of the longer side of a photo that stands in a task itself


def write_pair_tasks(out: Path, pairs: Sequence[ProposedPair], table: PhotoTable) -> Path:
    """Write a task per pair, and return the file of the labelling interface next to it.

    Raises:
        DataError: It cannot be written, or a photo cannot be read.
    """
    row_of = {str(path): row for row, path in enumerate(table.frame["path"])}
    tasks = []
    for pair in pairs:
        left, right = (_url(table, row_of[name], name) for name in (pair.left, pair.right))
        tasks.append(pair_task(left, right, (pair.left, pair.right), similarity=pair.similarity, why=pair.why))
    return _write(out, tasks, PAIR_CONFIG)


def write_photo_tasks(
    out: Path, identifications: Iterable[Identification], queries: Sequence[PhotoTable], *, fingerprint: str
) -> Path:
    """Write a task per picture with who may be on it, and return the file of the labelling interface next to it.

    Nobody is proposed for a photo that shows somebody new, or of which nothing can be said.

    Args:
        out: The JSON.
        identifications: The answers.
        queries: What was identified.
        fingerprint: Of the model.

    Raises:
        DataError: It cannot be written, or a picture cannot be read.
    """
    answers = {one.photo: one for one in identifications}
    known = sorted({candidate.identity for one in answers.values() for candidate in one.candidates})
    tasks: list[dict[str, Any]] = []
    for table in queries:
        names = [str(path) for path in table.frame["path"]]
        pictures = [split_fragment(name)[0] for name in names]
        whole = replace(table, frame=table.frame.assign(path=pictures))
        for picture in dict.fromkeys(pictures):
            rows = [row for row, name in enumerate(pictures) if name == picture and names[row] in answers]
            if rows:
                size = decode_photo(whole.photo_bytes(rows[0])).size
                regions = [_region(names[row], answers[names[row]], size) for row in rows]
                url, by = _url(whole, rows[0], picture), f"VICP {version('vicp')} {fingerprint}"
                tasks.append(photo_task(url, _below(table, picture), size, regions, model_version=by))
    choices = "".join(f'<Choice value="{_escaped(name)}"/>' for name in known)
    return _write(out, tasks, PHOTO_CONFIG.format(choices=choices))


def _region(name: str, answer: Identification, size: tuple[int, int]) -> Region:
    is_known = answer.verdict == "same"
    found = FRAGMENT.search(name)
    box = None
    if found is not None:
        numbers = [float(number) for number in found["numbers"].split(",")]
        if found["unit"] != "percent:":
            numbers = [100 * number / size[place % 2] for place, number in enumerate(numbers)]
        box = tuple(round(number, 4) for number in numbers)
    identity = answer.candidates[0].identity if is_known else ""
    return Region(box, identity, float(answer.probability or 0) if is_known else 0.0)  # type: ignore[arg-type]


def _below(table: PhotoTable, picture: str) -> str:
    """Return a picture's path from here, as an export is read that lies here."""
    return picture if table.root is None else Path(os.path.relpath(table.root / picture)).as_posix()


def _url(table: PhotoTable, row: int, name: str) -> str:
    """Return where Label Studio finds a photo: a file below this folder, or the photo itself, small, in the URL."""
    if table.root is not None and not split_fragment(name)[1]:
        return local_url(_below(table, name))
    image = encode_thumbnail(decode_photo(table.photo_bytes(row)), _SIDE)
    return f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"


def _escaped(name: str) -> str:
    for sign, code in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), ("{", "{{"), ("}", "}}")):
        name = name.replace(sign, code)
    return name


def _write(out: Path, tasks: list[dict[str, Any]], config: str) -> Path:
    interface = out.with_suffix(".xml")
    try:
        with atomic_write(interface) as part:
            part.write_text(config, encoding="utf-8")
        with atomic_write(out) as part:
            part.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror or error})") from error
    return interface
