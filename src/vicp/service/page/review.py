"""Review: one question at a time, with the keyboard; the next ones come along so that they appear at once."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from vicp.service.api.context import ServiceParameter
from vicp.service.api.pairs import review_page
from vicp.service.chosen_photos import Chosen, ChosenPhotos
from vicp.service.page.render import render

if TYPE_CHECKING:
    from vicp.service.review.queue import ReviewKind

router = APIRouter(prefix="/g/{gallery}/review", include_in_schema=False)

_AHEAD = 6
KINDS = {"pairs": "Pairs", "groups": "Without a name", "doubts": "Doubtful names"}


@router.get("/waiting")
def waiting(request: Request, service: ServiceParameter, gallery: str) -> Response:
    """Show how many questions wait, as a part of the start page, which asks again while they are looked for."""
    served = service.gallery(gallery)
    queue = service.review(served, ChosenPhotos())
    kinds: tuple[ReviewKind, ...] = ("pairs", "groups", "doubts")
    return render(request, "part_waiting.html", gallery=served, counts={kind: queue.waiting(kind) for kind in kinds})


@router.get("")
def review(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    chosen: Chosen,
    kind: Annotated[str, Query(pattern="^(pairs|groups|doubts)$")] = "pairs",
) -> Response:
    """Show the next question."""
    served = service.gallery(gallery)
    asked: ReviewKind = kind  # type: ignore[assignment]
    page = review_page(served, service.review(served, chosen).next(asked, _AHEAD))
    return render(
        request,
        "review.html",
        gallery=served,
        kind=kind,
        kinds=KINDS,
        questions=page.model_dump(),
        chosen=chosen,
        choices=served.choices(served.snapshot),
    )
