"""History: every change, who made it, when and why; undo, and bring back any state."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from vicp.service.api.context import ServiceParameter, change
from vicp.service.page.individuals import last_change
from vicp.service.page.render import render, see

router = APIRouter(prefix="/g/{gallery}/history", include_in_schema=False)

_ROWS = 50


@router.get("")
def history(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    before: Annotated[int | None, Query(ge=1)] = None,
    who: str = "",
) -> Response:
    """Show the changes, newest first."""
    served = service.gallery(gallery)
    entries = served.log(served.snapshot)[::-1]
    authors = sorted({entry.author for entry in entries})
    shown = [entry for entry in entries if (before is None or entry.operation < before) and who in ("", entry.author)]
    following = shown[_ROWS - 1].operation if len(shown) > _ROWS else None
    return render(
        request,
        "history.html",
        gallery=served,
        entries=shown[:_ROWS],
        following=following,
        authors=authors,
        who=who,
        last=last_change(served),
    )


@router.post("/undo")
async def undo(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    version: Annotated[str, Form()] = "*",
    back: Annotated[str, Form()] = "",
) -> Response:
    """Take the last change back, where nothing else was changed since the page was shown."""
    await change(service, service.gallery(gallery), version, lambda opened: opened.undo())
    places = ("individuals", "history", "teach")
    return see(f"/g/{gallery}/{back if back in places else 'history'}")


@router.post("/restore")
async def restore(service: ServiceParameter, gallery: str, operation: Annotated[int, Form()]) -> Response:
    """Bring back the gallery as it was after an operation."""
    await change(service, service.gallery(gallery), None, lambda opened: opened.restore(operation))
    return see(f"/g/{gallery}/history")
