"""A web page of answers: each with its photos, candidates, probabilities and matched patches, in one file."""

import base64
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from PIL import Image

from vicp.data.images import decode_photo, photo_pixels
from vicp.data.records import PhotoTable
from vicp.decisions.outcome import Candidate, Identification, Verification
from vicp.decisions.sentences import basis_sentence, percent, range_in_words
from vicp.errors import DataError
from vicp.gallery.report.patch_matches import match_patches
from vicp.gallery.store.snapshot import Snapshot
from vicp.gallery.store.tables import PHOTOS
from vicp.io import atomic_write, encode_image, encode_thumbnail
from vicp.runtime.photo_encoder import PhotoEncoder

PAIR_SIZE, CANDIDATE_SIZE = 160, 88  # pixels of a photo's side
QUALITY = 70
SHOWN = 4  # candidates with a photo

CandidateBytes = Callable[[Candidate], bytes | None]


def write_identifications(
    path: Path,
    identifications: Sequence[Identification],
    *,
    encoder: PhotoEncoder,
    queries: Sequence[PhotoTable],
    known: CandidateBytes,
) -> None:
    """Write the page of identified photos.

    Args:
        path: The .html file.
        identifications: What to show.
        encoder: Whose patches are matched.
        queries: The tables that were identified.
        known: Return the encoded photo of a candidate; None where there is none.

    Raises:
        DataError: It cannot be written.
    """
    row_of = {str(name): (table, row) for table in queries for row, name in enumerate(table.frame["path"])}
    entries = []
    for one in identifications:
        table, row = row_of[one.photo]
        query = table.photo_bytes(row)
        photos = [known(candidate) for candidate in one.candidates[:SHOWN]]
        first = photos[0] if photos else None
        entries.append(
            {
                "title": one.photo,
                "sentence": one.sentence,
                "promise": one.promise,
                "promised": one.promised,
                "basis": "" if one.basis is None else basis_sentence(one.basis),
                "pair": _pair(encoder, query, first),
                "candidates": [_candidate(*pair) for pair in zip(one.candidates, photos, strict=False)],
                "new": None if one.probability_new is None else _new(one),
            }
        )
    _write(path, "Who is on these photos", entries)


def write_verification(path: Path, verification: Verification, *, encoder: PhotoEncoder, pair: PhotoTable) -> None:
    """Write the page of two photos that were compared.

    Raises:
        DataError: It cannot be written.
    """
    entry = {
        "title": " and ".join(str(name) for name in pair.frame["path"]),
        "sentence": verification.sentence,
        "promise": verification.promise,
        "promised": verification.promised,
        "basis": "" if verification.basis is None else basis_sentence(verification.basis),
        "pair": _pair(encoder, pair.photo_bytes(0), pair.photo_bytes(1)),
        "candidates": [],
        "new": None,
    }
    _write(path, "Do these photos show one individual", [entry])


def photos_of_table(table: PhotoTable) -> CandidateBytes:
    """Return a function from a candidate to its photo in a table."""
    row_of = {str(name): row for row, name in enumerate(table.frame["path"])}
    return lambda candidate: table.photo_bytes(row_of[candidate.photo]) if candidate.photo in row_of else None


def photos_of_gallery(snapshot: Snapshot) -> CandidateBytes:
    """Return a function from a candidate to the thumbnail that a gallery keeps."""

    def find(candidate: Candidate) -> bytes | None:
        rows = snapshot.read(PHOTOS, ["thumbnail"], f"key = '{candidate.key}'")["thumbnail"].to_pylist()
        return rows[0] if rows else None

    return find


def _pair(encoder: PhotoEncoder, left: bytes, right: bytes | None) -> dict[str, Any]:
    """Return two photos as the model sees them, and lines between patches that match."""
    if right is None:
        return {"left": _thumbnail(left, PAIR_SIZE), "right": None, "matches": []}
    pixels = np.stack([photo_pixels(data, encoder.transform) for data in (left, right)])  # (2, S, S, 3)
    matches = match_patches(encoder.engine, np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    return {"left": _square(pixels[0]), "right": _square(pixels[1]), "matches": matches}


def _candidate(candidate: Candidate, photo: bytes | None) -> dict[str, Any]:
    return {
        "name": candidate.identity,
        "photo": None if photo is None else _thumbnail(photo, CANDIDATE_SIZE),
        "file": candidate.photo,
        "share": round(100 * candidate.probability, 1),
        "probability": percent(candidate.probability),
        "range": range_in_words(candidate.probability_range),
        "similarity": f"{candidate.similarity:.3f}",
    }


def _new(one: Identification) -> dict[str, Any]:
    assert one.probability_new is not None
    limits = one.probability_new_range
    return {
        "share": round(100 * one.probability_new, 1),
        "probability": percent(one.probability_new),
        "range": "" if limits is None else range_in_words(limits),
        "prior": percent(one.prior_new),
    }


def _square(pixels: "np.ndarray[Any, Any]") -> str:
    image = Image.fromarray(pixels).resize((PAIR_SIZE, PAIR_SIZE))
    return _url(encode_image(image, "JPEG", quality=QUALITY))


def _thumbnail(photo: bytes, size: int) -> str:
    return _url(encode_thumbnail(decode_photo(photo), size, quality=QUALITY))


def _url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _write(path: Path, title: str, entries: Sequence[dict[str, Any]]) -> None:
    template = files("vicp.gallery.report").joinpath("answers.html").read_text(encoding="utf-8")
    page = Environment(autoescape=True).from_string(template).render(title=title, entries=entries, size=PAIR_SIZE)
    try:
        with atomic_write(path) as part:
            part.write_text(page, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error
