"""The galleries and what is in them."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Response

from vicp.service.api.context import ServiceParameter
from vicp.service.api.schemas import CategoryInfo, GalleryInfo

if TYPE_CHECKING:
    from vicp.service.served_gallery import ServedGallery

router = APIRouter(prefix="/api/v1/galleries", tags=["galleries"])


@router.get("")
def galleries(service: ServiceParameter) -> list[GalleryInfo]:
    """List the galleries."""
    return [gallery_info(gallery) for gallery in service.galleries.values()]


@router.get("/{gallery}", responses={304: {"description": "It is at the version of If-None-Match."}})
def gallery(
    service: ServiceParameter,
    gallery: str,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
) -> GalleryInfo:
    """Say what is in a gallery; the ETag is its version."""
    info = gallery_info(service.gallery(gallery))
    tag = f'"{info.version}"'
    if if_none_match == tag:
        return Response(status_code=304, headers={"ETag": tag})  # type: ignore[return-value]
    response.headers["ETag"] = tag
    return info


def gallery_info(gallery: "ServedGallery") -> GalleryInfo:
    """Return what is in a gallery."""
    fault = gallery.fault
    if fault or not gallery.exists:
        model = gallery.settings.model
        return GalleryInfo(
            name=gallery.name, made=bool(fault), fault=fault, version=0, model=model, pairs=0, categories=[]
        )
    snapshot = gallery.snapshot
    stats = gallery.stats(snapshot)
    categories = [
        CategoryInfo(
            category=each.category,
            photos=each.photos,
            identities=each.identities,
            unnamed=each.unnamed,
            method=each.method,
            fingerprint=each.space,
        )
        for each in stats.categories
    ]
    return GalleryInfo(
        name=gallery.name,
        made=True,
        version=snapshot.head.number,
        model=stats.model,
        model_fingerprint=str(snapshot.settings["fingerprint"]),
        pairs=stats.pairs,
        categories=categories,
    )
