"""Review: one question at a time, with the keyboard; the next ones come along so that they appear at once."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from vicp.service.api.context import ServiceParameter
from vicp.service.api.pairs import review_page
from vicp.service.page.render import render

if TYPE_CHECKING:
    from vicp.service.review import ReviewKind

router = APIRouter(prefix="/g/{gallery}/review", include_in_schema=False)

_AHEAD = 6
KINDS = {"pairs": "Pairs to label", "groups": "Photos without a name", "doubts": "Doubtful names"}


@router.get("")
def review(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    kind: Annotated[str, Query(pattern="^(pairs|groups|doubts)$")] = "pairs",
) -> Response:
    """Show the next question."""
    served = service.gallery(gallery)
    chosen: ReviewKind = kind  # type: ignore[assignment]
    page = review_page(served, service.review(served).next(chosen, _AHEAD))
    names = sorted(set(served.frame(served.snapshot)["identity"].dropna()))
    return render(
        request, "review.html", gallery=served, kind=kind, kinds=KINDS, questions=page.model_dump(), names=names
    )
