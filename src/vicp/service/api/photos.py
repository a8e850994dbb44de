"""Photos of a gallery: the picture, its facts, and which patches of two look alike."""

from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Header, Response

from vicp.io import encode_thumbnail
from vicp.service.api.context import ServiceParameter

if TYPE_CHECKING:
    from vicp.service.served_gallery import ServedGallery

router = APIRouter(prefix="/api/v1/galleries/{gallery}", tags=["photos"])

VIEW_SIZE, FULL_SIZE = 1024, 4096  # pixels of the longer side
_KEPT_PICTURES = 256
_IMMUTABLE = "private, max-age=31536000, immutable"

Size = Literal["thumb", "view", "full"]


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
    headers = {"ETag": f'"{key}-{size}"', "Cache-Control": _IMMUTABLE}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(picture(served, key, size), media_type="image/jpeg", headers=headers)


@router.get("/compare/{a}/{b}/why")
async def why(service: ServiceParameter, gallery: str, a: str, b: str) -> dict[str, Any]:
    """Return the patches of two photos that look most alike, by their centres as shares of width and height."""
    served = service.gallery(gallery)
    matches = await service.model.run(lambda: _matches(served, a, b))
    return {"matches": matches}


def as_jpeg(data: bytes, size: int) -> bytes:
    """Return an encoded photo as an upright JPEG without metadata, its longer side at most `size` pixels.

    Raises:
        DataError: It is not a photo.
    """
    from vicp.data.images import decode_photo

    return encode_thumbnail(decode_photo(data, min_side=size), size, quality=88)


@lru_cache(maxsize=_KEPT_PICTURES)
def picture(served: "ServedGallery", key: str, size: Size) -> bytes:
    """Return a photo of a gallery as a JPEG.

    Raises:
        ProblemError: There is no such photo.
    """
    if size == "thumb":
        return served.thumbnail(key)
    return as_jpeg(served.photo(key), VIEW_SIZE if size == "view" else FULL_SIZE)


def _matches(served: "ServedGallery", a: str, b: str) -> list[dict[str, Any]]:
    import numpy as np
    import torch

    from vicp.data.images import photo_pixels
    from vicp.gallery.report.patch_matches import match_patches

    embedder = served.gallery.embedder
    pixels = np.stack([photo_pixels(served.photo(key), embedder.transform) for key in (a, b)])  # (2, S, S, 3)
    return [asdict(match) for match in match_patches(embedder, torch.from_numpy(pixels).permute(0, 3, 1, 2))]
