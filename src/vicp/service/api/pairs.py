"""Labelled pairs and the review queue."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from vicp.decisions.sentences import percent
from vicp.errors import DataError
from vicp.service.api.context import IfMatch, ServiceParameter, change, written
from vicp.service.api.photos import photo_infos
from vicp.service.api.schemas import (
    NewPairs,
    ProposedPair,
    ReviewedAnswer,
    ReviewPage,
    ReviewQuestion,
    ReviewSide,
    Written,
)
from vicp.service.chosen_photos import Chosen
from vicp.service.problems import ProblemError
from vicp.service.review.answers import apply_answer

if TYPE_CHECKING:
    import pandas as pd

    from vicp.gallery.gallery import Gallery
    from vicp.service.review.queue import Comparison, Side
    from vicp.service.served_gallery import ServedGallery

router = APIRouter(prefix="/api/v1/galleries/{gallery}", tags=["review"])

_ANSWERS = {
    "pairs": ["same", "different", "unsure", "aside", "aside_right"],
    "groups": ["same", "different", "unsure", "new", "aside"],
    "doubts": ["same", "different", "unsure", "new", "aside"],
}


@router.get("/pairs/next")
def next_pairs(
    service: ServiceParameter, gallery: str, chosen: Chosen, limit: Annotated[int, Query(ge=1, le=24)] = 8
) -> list[ProposedPair]:
    """Return the pairs that are most worth a label."""
    served = service.gallery(gallery)
    frame = served.by_key(served.snapshot)
    found = _still_there(service.review(served, chosen).next("pairs", limit), frame)
    left = photo_infos(frame, [each.left.photos[0] for each in found])
    right = photo_infos(frame, [each.right.photos[0] for each in found])
    return [ProposedPair(left=a, right=b, why=each.kind) for a, b, each in zip(left, right, found, strict=True)]


@router.post("/pairs")
async def label(service: ServiceParameter, gallery: str, body: NewPairs, if_match: IfMatch = None) -> Written:
    """Keep labelled pairs, all or none; given again they change nothing."""
    served = service.gallery(gallery)
    told = [(pair.left, pair.right, pair.same) for pair in body.pairs if pair.same is not None]
    unsure = [(pair.left, pair.right) for pair in body.pairs if pair.same is None]

    def edit(opened: "Gallery") -> tuple[str, int]:
        before = opened.snapshot.head.number
        result = opened.label(told) if told else None
        num_unsure = opened.label_unsure(unsure) if unsure else 0
        return f"{0 if result is None else result.added} new labels, {num_unsure} that could not be told", before

    try:
        (summary, before), version = await change(service, served, if_match, edit)
    except DataError as error:  # against labels that are there
        raise ProblemError(409, " ".join(str(error).split())) from error
    return written(gallery, summary, version, before=before)


@router.get("/review/next")
def review(
    service: ServiceParameter,
    gallery: str,
    chosen: Chosen,
    kind: Annotated[str, Query(pattern="^(pairs|groups|doubts)$")] = "pairs",
    limit: Annotated[int, Query(ge=1, le=24)] = 6,
) -> ReviewPage:
    """Return the next questions for a person, likeliest or most useful first."""
    served = service.gallery(gallery)
    return review_page(served, service.review(served, chosen).next(kind, limit))  # type: ignore[arg-type]


@router.post("/review")
async def answer(service: ServiceParameter, gallery: str, body: ReviewedAnswer, if_match: IfMatch = None) -> Written:
    """Keep a person's answer: a label, a name, or that photos show nobody."""
    served = service.gallery(gallery)

    def edit(opened: "Gallery") -> tuple[str, int]:
        snapshot = served.snapshot
        summary = apply_answer(
            opened,
            served.by_key(snapshot),
            kind=body.kind,
            left=body.left,
            right=body.right,
            answer=body.answer,
            name=body.name.strip(),
        )
        return summary, snapshot.head.number

    try:
        (summary, before), version = await change(service, served, if_match, edit)
    except DataError as error:
        raise ProblemError(409, " ".join(str(error).split())) from error
    return written(gallery, summary, version, before=before)


def review_page(served: "ServedGallery", found: "list[Comparison]") -> ReviewPage:
    """Return questions as the page shows them."""
    snapshot = served.snapshot
    frame = served.by_key(snapshot)
    found = _still_there(found, frame)
    keys = list(dict.fromkeys(key for each in found for key in each.photos))
    infos = dict(zip(keys, photo_infos(frame, keys), strict=True))

    def side(side: "Side") -> ReviewSide:
        return ReviewSide(identity=side.identity, photos=[infos[key] for key in side.photos])

    questions = [
        ReviewQuestion(
            id=each.id,
            kind=each.kind,
            category=each.category,
            question=_question(each),
            note=each.note,
            probability=None if each.probability is None else percent(each.probability),
            left=side(each.left),
            right=side(each.right),
            answers=_ANSWERS[each.kind],
        )
        for each in found
    ]
    return ReviewPage(version=snapshot.head.number, questions=questions)


def _still_there(found: "list[Comparison]", frame: "pd.DataFrame") -> "list[Comparison]":
    """Return the questions whose photos nobody has taken out meanwhile."""
    return [each for each in found if all(key in frame.index for key in each.photos)]


def _question(each: "Comparison") -> str:
    if each.kind == "pairs":
        return f"Is this the same {each.category}?"
    if each.kind == "doubts":
        return f"Is this really {each.right.identity}?"
    if each.right.identity is not None:
        return f"Is this {each.right.identity}?"
    return f"Are these one and the same {each.category}?"
