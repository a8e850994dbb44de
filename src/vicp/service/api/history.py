"""The log of a gallery; undo and restore."""

from fastapi import APIRouter, Request, Response

from vicp.service.api.context import IfMatch, ServiceParameter, edited
from vicp.service.api.cursors import Cursor, Limit, decode_number, encode_cursor, link_next
from vicp.service.api.schemas import Operation, OperationPage, Restore, Written

router = APIRouter(prefix="/api/v1/galleries/{gallery}", tags=["history"])


@router.get("/log")
def log(
    service: ServiceParameter,
    gallery: str,
    request: Request,
    response: Response,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> OperationPage:
    """List the changes, newest first."""
    served = service.gallery(gallery)
    entries = served.log(served.snapshot)[::-1]
    if cursor is not None:
        last = decode_number(cursor)
        entries = [entry for entry in entries if entry.operation < last]
    page = [
        Operation(
            operation=entry.operation,
            command=entry.command,
            summary=entry.summary,
            author=entry.author,
            at=entry.at,
            reason=entry.reason,
            shown=entry.shown,
        )
        for entry in entries[:limit]
    ]
    following = encode_cursor(page[-1].operation) if len(entries) > limit else None
    link_next(request, response, following)
    return OperationPage(operations=page, next=following)


@router.post("/undo")
async def undo(service: ServiceParameter, gallery: str, if_match: IfMatch = None) -> Written:
    """Take the last change back; once more, the one before."""
    return await edited(service, gallery, if_match, lambda opened: opened.undo())


@router.post("/restore")
async def restore(service: ServiceParameter, gallery: str, body: Restore, if_match: IfMatch = None) -> Written:
    """Bring back the gallery as it was after an operation of the log."""
    return await edited(service, gallery, if_match, lambda opened: opened.restore(body.operation))
