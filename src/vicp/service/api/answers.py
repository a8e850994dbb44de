"""Who is this, are these the same, and the embeddings of photos."""

import asyncio
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from vicp.decisions.outcome import Identification, Verification
from vicp.errors import DataError
from vicp.service.api.context import ServiceParameter
from vicp.service.api.schemas import Candidate, PairAnswer, PhotoAnswer
from vicp.service.chosen_photos import DAY, ChosenPhotos
from vicp.service.problems import ProblemError
from vicp.service.service import Service
from vicp.service.uploads import ReceivedForm, Upload, photo_form, receive_form

if TYPE_CHECKING:
    import pandas as pd

    from vicp.service.grouping import AnswerPer
    from vicp.service.served_gallery import ServedGallery

router = APIRouter(prefix="/api/v1/galleries/{gallery}", tags=["answers"])


@router.post("/identify", openapi_extra=photo_form("per", "category", "viewpoint", "camera", "since", "until"))
async def identify(service: ServiceParameter, gallery: str, request: Request) -> list[PhotoAnswer]:
    """Say whom each photo shows, in the order they were sent; nothing is kept.

    With `per` = moment, photos that show nearly the same or were taken seconds apart have one answer; with folder,
    those of one folder have. `category`, `viewpoint`, `camera`, `since` and `until` choose the photos to compare with.
    A photo that cannot be used has `error`. Where the service was started with a photo root, the body may be JSON
    instead: `{"paths": [...]}`, below that folder, with the same further fields.
    """
    served = service.gallery(gallery)
    if request.headers.get("content-type", "").startswith("application/json"):
        named, fields = photos_below_root(await request.body(), service)
        return await _answers(service, served, named, fields)
    async with received(request, service, least=1) as form:
        return await _answers(service, served, form.photos, form.fields)


@router.post("/verify", openapi_extra=photo_form("category"))
async def verify(service: ServiceParameter, gallery: str, request: Request) -> PairAnswer:
    """Say whether two photos show the same individual; nothing is kept."""
    served = service.gallery(gallery)
    async with received(request, service, least=2) as form:
        if len(form.photos) != 2:
            raise ProblemError(422, f"{len(form.photos)} photos, expected two")
        paths = [str(photo.path) for photo in form.photos]
        category = form.fields.get("category") or None
        try:
            found = await service.model.run(lambda: served.gallery.verify(*paths, category=category))
        except DataError as error:
            raise ProblemError(400, by_name(str(error), form.photos)) from error
        service.metrics.embedded.inc(2)
    return pair_answer(found)


@asynccontextmanager
async def received(request: Request, service: Service, *, least: int) -> AsyncIterator[ReceivedForm]:
    """Yield the photos of a request, which are gone afterwards.

    Raises:
        ProblemError: Fewer photos than needed, or a form that cannot be used.
    """
    folder = Path(tempfile.mkdtemp(prefix="vicp-"))
    try:
        form = await receive_form(request, folder, service.settings.limits)
        if len(form.photos) < least:
            raise ProblemError(422, f"{len(form.photos)} photos, expected {least} or more in fields named photo")
        yield form
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def photos_below_root(body: bytes, service: Service) -> tuple[list[Upload], dict[str, str]]:
    """Return the photos that a request names on this machine, and its further fields.

    Raises:
        ProblemError: The service gives none, the body is not `{"paths": [...]}`, or a path is not below the root.
    """
    root = service.settings.photo_root
    if root is None:
        raise ProblemError(415, "expected photos as multipart/form-data: no --photo-root was given to name some in")
    try:
        given = dict(json.loads(body))
    except (ValueError, TypeError):
        given = {}
    paths = given.pop("paths", None)
    limit = service.settings.limits.photos
    if not isinstance(paths, list) or not paths or len(paths) > limit or not all(isinstance(p, str) for p in paths):
        raise ProblemError(422, f'expected {{"paths": [...]}} with 1 to {limit} texts')
    named = [Upload("photo", path, (root / path.replace("\0", "")).resolve()) for path in paths]
    for photo in named:
        if not photo.path.is_relative_to(root.resolve()) or not photo.path.is_file():
            raise ProblemError(404, f"no photo {photo.name[:100]!r} below the photo root")
    return named, {name: str(value) for name, value in given.items()}


async def _answers(
    service: Service, served: "ServedGallery", photos: list[Upload], fields: dict[str, str]
) -> list[PhotoAnswer]:
    """Return an answer for each question that the photos are."""
    per, chosen = question_of(fields)
    groups = await asyncio.to_thread(_grouped, photos, per)
    answers = []
    for rows in groups:
        asked = [photos[row] for row in rows]
        answers.append(await service.model.run(partial(_identify, served, asked, chosen)))
        service.metrics.embedded.inc(len(asked))
    return answers


def question_of(fields: dict[str, str]) -> "tuple[AnswerPer, ChosenPhotos]":
    """Return for what there is one answer, and the photos to compare with, as a form says.

    Raises:
        ProblemError: Something else.
    """
    per = fields.get("per") or "photo"
    if per not in ("photo", "moment", "folder"):
        raise ProblemError(422, f"per {per[:40]!r}: expected photo, moment or folder")
    chosen = ChosenPhotos.from_form(fields)
    for day in (chosen.since, chosen.until):
        if not re.match(DAY, day):
            raise ProblemError(422, f"{day[:40]!r} is no day: write it as 2025-04-01")
    return per, chosen  # type: ignore[return-value]


def photo_answer(names: list[str], found: Identification, facts: "pd.DataFrame") -> PhotoAnswer:
    """Return the identification of photos as the API gives it; `facts` are those of the gallery's photos, by key."""
    return PhotoAnswer(
        photo=names[0],
        photos=names,
        category=found.category,
        verdict=found.verdict,
        sentence=found.sentence,
        probability=found.probability,
        probability_range=found.probability_range,
        probability_new=found.probability_new,
        promised=found.promised,
        promise=found.promise,
        missing_pairs=None if found.shortage is None else found.shortage.missing,
        candidates=[
            Candidate(
                identity=each.identity,
                similarity=each.similarity,
                probability=each.probability,
                probability_range=each.probability_range,
                photo=Path(each.photo).name,
                key=each.key,
                **{name: str(facts[name].get(each.key, "")) for name in ("date", "viewpoint", "camera")},
            )
            for each in found.candidates
        ],
    )


def pair_answer(found: Verification) -> PairAnswer:
    """Return a verification as the API gives it."""
    return PairAnswer(
        category=found.category,
        verdict=found.verdict,
        sentence=found.sentence,
        probability=found.probability,
        probability_range=found.probability_range,
        similarity=found.similarity,
        promised=found.promised,
        promise=found.promise,
        missing_pairs=None if found.shortage is None else found.shortage.missing,
    )


def _grouped(photos: list[Upload], per: "AnswerPer") -> list[list[int]]:
    from vicp.service.grouping import group_photos

    return group_photos(photos, per)


def _identify(served: "ServedGallery", photos: list[Upload], chosen: ChosenPhotos) -> PhotoAnswer:
    from vicp.service.questions import identify_paths, reason_of

    names = [photo.name for photo in photos]
    facts = served.by_key(served.snapshot)
    try:
        (found,) = identify_paths(served, [photo.path for photo in photos], chosen, together=len(photos) > 1)
        return photo_answer(names, found, facts)
    except DataError as error:
        reason = reason_of(error)
        sentence = f"This photo cannot be used: {reason}"
        return PhotoAnswer(photo=names[0], photos=names, sentence=sentence, error=reason)


def by_name(message: str, photos: list[Upload]) -> str:
    """Return a message that calls photos as their sender does."""
    for photo in photos:
        message = message.replace(str(photo.path), photo.name)
    return " ".join(message.split())
