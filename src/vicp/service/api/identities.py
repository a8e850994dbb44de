"""Individuals: list, rename, merge, split, remove; each change can be undone."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from vicp.service.api.context import IfMatch, ServiceParameter, edited
from vicp.service.api.cursors import Cursor, Limit, decode_cursor, encode_cursor, link_next
from vicp.service.api.schemas import IdentityInfo, IdentityPage, Merge, NewName, Split, Written
from vicp.service.chosen_photos import Chosen

if TYPE_CHECKING:
    import pandas as pd

router = APIRouter(prefix="/api/v1/galleries/{gallery}/identities", tags=["identities"])

Category = Annotated[str | None, Query(description="Needed where several categories have the name.")]


@router.get("")
def identities(
    service: ServiceParameter,
    gallery: str,
    request: Request,
    response: Response,
    chosen: Chosen,
    limit: Limit = 100,
    cursor: Cursor = None,
    q: Annotated[str, Query(max_length=200, description="A part of the name.")] = "",
) -> IdentityPage:
    """List the individuals by category and name; of those with a chosen photo, where photos are chosen."""
    from vicp.gallery.contents import identities as named
    from vicp.gallery.store.tables import IDENTITIES, PHOTOS

    served = service.gallery(gallery)
    snapshot = served.snapshot
    frame = snapshot.once("identities", [PHOTOS, IDENTITIES], lambda: named(snapshot))
    frame = frame[frame["identity"].str.contains(q, case=False, regex=False)]
    if chosen:
        shown = served.frame(snapshot)
        shown = shown[chosen.fits(shown)][["category", "identity"]].dropna().drop_duplicates()
        frame = frame.merge(shown, on=["category", "identity"])
    if cursor is not None:
        category, name = decode_cursor(cursor, 2)
        after = (frame["category"] > category) | ((frame["category"] == category) & (frame["identity"] > name))
        frame = frame[after]
    page = [_info(row) for _, row in frame.iloc[:limit].iterrows()]
    following = encode_cursor(page[-1].category, page[-1].identity) if len(frame) > limit else None
    link_next(request, response, following)
    return IdentityPage(identities=page, next=following)


@router.patch("/{name:path}")
async def rename(
    service: ServiceParameter,
    gallery: str,
    name: str,
    new: NewName,
    category: Category = None,
    if_match: IfMatch = None,
) -> Written:
    """Give an individual another name."""
    return await edited(service, gallery, if_match, lambda opened: opened.rename(name, new.identity, category=category))


@router.delete("/{name:path}")
async def remove(
    service: ServiceParameter, gallery: str, name: str, category: Category = None, if_match: IfMatch = None
) -> Written:
    """Take an individual and all its photos out."""
    return await edited(service, gallery, if_match, lambda opened: opened.remove(name, category=category))


@router.post("/{name:path}/merge")
async def merge(
    service: ServiceParameter, gallery: str, name: str, body: Merge, category: Category = None, if_match: IfMatch = None
) -> Written:
    """Make other individuals this one."""
    return await edited(service, gallery, if_match, lambda opened: opened.merge(name, body.others, category=category))


@router.post("/{name:path}/split")
async def split(service: ServiceParameter, gallery: str, name: str, body: Split, if_match: IfMatch = None) -> Written:
    """Make photos of this individual photos of another, new or not."""
    return await edited(service, gallery, if_match, lambda opened: opened.split(body.photos, body.into))


def _info(row: "pd.Series") -> IdentityInfo:
    return IdentityInfo(
        category=row["category"],
        identity=row["identity"],
        photos=int(row["photos"]),
        named_by=row["author"],
        named_at=row["at"].isoformat(),
    )
