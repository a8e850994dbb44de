"""Photos of a gallery: list and add them, say whom one shows, the picture, and which patches of two look alike."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Header, Request, Response

from vicp.io import encode_image, encode_thumbnail
from vicp.service.api.context import IfMatch, ServiceParameter, edited
from vicp.service.api.cursors import Cursor, Limit, decode_number, encode_cursor, link_next
from vicp.service.api.schemas import Accepted, NewName, PhotoInfo, PhotoPage, Written
from vicp.service.chosen_photos import Chosen
from vicp.service.problems import ProblemError
from vicp.service.uploads import photo_form, receive_form

if TYPE_CHECKING:
    import pandas as pd

    from vicp.gallery.report.patch_matches import PatchMatch
    from vicp.service.served_gallery import ServedGallery

router = APIRouter(prefix="/api/v1/galleries/{gallery}", tags=["photos"])

VIEW_SIZE, FULL_SIZE = 1024, 4096  # pixels of the longer side
_SQUARE_SIZE = 512  # of what the model sees, enlarged
_KEPT_PICTURES = 256
_IMMUTABLE = "private, max-age=31536000, immutable"

Size = Literal["thumb", "view", "full", "square"]


@router.get("/photos")
def photos(
    service: ServiceParameter,
    gallery: str,
    request: Request,
    response: Response,
    chosen: Chosen,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PhotoPage:
    """List the photos, in the order they came in."""
    served = service.gallery(gallery)
    frame = served.frame(served.snapshot)
    frame = frame[chosen.fits(frame)]
    if cursor is not None:
        frame = frame[frame["number"] > decode_number(cursor)]
    rows = frame.iloc[:limit]
    following = encode_cursor(int(rows["number"].iloc[-1])) if len(frame) > limit else None
    link_next(request, response, following)
    return PhotoPage(photos=photo_infos(rows.set_index("key", drop=False), list(rows["key"])), next=following)


@router.post("/photos", status_code=202, openapi_extra=photo_form("category", "viewpoint", "camera"))
async def enroll(
    service: ServiceParameter,
    gallery: str,
    request: Request,
    response: Response,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Accepted:
    """Add photos, each once by its content however often it is sent; the address of the job is in Location.

    `category` says what they show, `viewpoint` their side and `camera` where they were taken. A photo called NAME/FILE
    shows the individual of that name. An `Idempotency-Key` that comes again gives the job that it began, also after the
    server was stopped or killed.
    """
    from vicp.gallery.store.tables import check_name
    from vicp.service.jobs.adding import Addition

    served = service.gallery(gallery)
    addition = Addition.new(served)
    try:
        form = await receive_form(request, addition.photos, service.settings.limits)
        category = form.fields.get("category", "").strip()
        if not form.photos or not category:
            raise ProblemError(422, "expected photos in fields named photo, and what they show in category")
        check_name(category, "category")
        job = await asyncio.to_thread(addition.start_once, service, served, form, idempotency_key)
    except BaseException:
        addition.discard()
        raise
    location = f"/api/v1/galleries/{gallery}/jobs/{job}"
    response.headers["Location"] = location
    return Accepted(job=job, location=location)


@router.post("/photos/{key}/identity")
async def name(service: ServiceParameter, gallery: str, key: str, body: NewName, if_match: IfMatch = None) -> Written:
    """Say whom a photo shows, somebody known or new."""
    served = service.gallery(gallery)
    served.row(served.snapshot, key)
    return await edited(service, gallery, if_match, lambda opened: opened.assign({body.identity: [key]}))


@router.get(
    "/photos/{key}/image",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "The browser has it."}},
)
def image(
    service: ServiceParameter,
    gallery: str,
    key: str,
    size: Size = "view",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a photo as a JPEG, upright and without what the camera wrote into it."""
    served = service.gallery(gallery)
    headers = {"ETag": f'"{quote(key)}-{size}"', "Cache-Control": _IMMUTABLE}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    data = as_jpeg(served.photo(key), FULL_SIZE) if size == "full" else picture(served, key, size)
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/compare/{a}/{b}/why")
async def why(service: ServiceParameter, gallery: str, a: str, b: str) -> dict[str, Any]:
    """Return the patches of two photos that look most alike, by their centres as shares of width and height."""
    served = service.gallery(gallery)
    matches = await service.model.run(lambda: matching_patches(served, served.photo(a), served.photo(b)))
    return {"matches": [asdict(match) for match in matches]}


def photo_infos(frame: "pd.DataFrame", keys: Sequence[str]) -> list[PhotoInfo]:
    """Return what is known of photos, from the gallery's facts by key."""
    rows = frame.loc[list(keys), list(PhotoInfo.model_fields)].to_dict("records")
    return [
        PhotoInfo.model_validate({**row, "identity": name if isinstance(name := row["identity"], str) else None})
        for row in rows
    ]


def as_jpeg(data: bytes, size: int) -> bytes:
    """Return an encoded photo as an upright JPEG without metadata, its longer side at most `size` pixels.

    Raises:
        DataError: It is not a photo.
    """
    from vicp.data.images import decode_photo

    return encode_thumbnail(decode_photo(data, min_side=size), size, quality=88)


@lru_cache(maxsize=_KEPT_PICTURES)
def picture(served: "ServedGallery", key: str, size: Literal["thumb", "view", "square"]) -> bytes:
    """Return a photo of a gallery as a JPEG.

    Raises:
        ProblemError: There is no such photo.
    """
    if size == "thumb":
        return served.thumbnail(key)
    if size == "square":
        return as_the_model_sees_it(served, served.photo(key))
    return as_jpeg(served.photo(key), VIEW_SIZE)


def as_the_model_sees_it(served: "ServedGallery", data: bytes) -> bytes:
    """Return the square of an encoded photo that the gallery's model looks at, enlarged, as a JPEG.

    Raises:
        DataError: It is not a photo.
    """
    from PIL import Image

    from vicp.data.images import decode_photo, image_pixels

    transform = replace(served.gallery.encoder.transform, size=_SQUARE_SIZE)
    pixels = image_pixels(decode_photo(data, min_side=_SQUARE_SIZE), transform)
    return encode_image(Image.fromarray(pixels), "JPEG")


def matching_patches(served: "ServedGallery", a: bytes, b: bytes) -> "list[PatchMatch]":
    """Return the patches of two encoded photos that look most alike to the gallery's model.

    Raises:
        DataError: One is not a photo.
    """
    import numpy as np

    from vicp.data.images import photo_pixels
    from vicp.gallery.report.patch_matches import match_patches

    encoder = served.gallery.encoder
    pixels = np.stack([photo_pixels(data, encoder.transform) for data in (a, b)])  # (2, S, S, 3)
    return match_patches(encoder.engine, pixels.transpose(0, 3, 1, 2))
