"""Ask: who is on these photos, one card per answer, and what is decided of each."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request, Response

from vicp.service.api.answers import question_of
from vicp.service.api.context import ServiceParameter, change
from vicp.service.api.photos import VIEW_SIZE, as_jpeg, as_the_model_sees_it, matching_patches
from vicp.service.chosen_photos import Chosen, ChosenPhotos
from vicp.service.page.render import is_part, render, see
from vicp.service.problems import ProblemError
from vicp.service.uploads import receive_form

if TYPE_CHECKING:
    from pathlib import Path

    from vicp.gallery.gallery import Gallery
    from vicp.gallery.store.snapshot import Snapshot
    from vicp.service.questions import Question
    from vicp.service.served_gallery import ServedGallery

router = APIRouter(prefix="/g/{gallery}/ask", include_in_schema=False)

_EARLIER = 5  # questions that are listed

Decision = Literal["same", "new", "unnamed", "skip"]


@router.get("")
def ask(request: Request, service: ServiceParameter, gallery: str, parts: Annotated[int, Query(ge=0)] = 0) -> Response:
    """Ask for photos; `parts` is in how many questions the page has just sent photos that are too many for one."""
    from vicp.service.questions import questions

    served = service.gallery(gallery)
    earlier = [(question, question.cards()) for question in questions(served)[: max(_EARLIER, parts)]]
    return render(
        request,
        "ask.html",
        gallery=served,
        choices=served.choices(served.snapshot),
        chosen=ChosenPhotos(),
        earlier=earlier,
        parts=parts,
        limits=service.settings.limits,
    )


@router.post("")
async def ask_photos(request: Request, service: ServiceParameter, gallery: str) -> Response:
    """Take photos and begin to answer."""
    from vicp.service.grouping import group_photos
    from vicp.service.questions import Question

    served = service.gallery(gallery)
    question = Question.new(served)
    form = await receive_form(request, question.folder / "photos", service.settings.limits)
    photos = [photo for photo in form.photos if photo.path.stat().st_size]
    if not photos:
        raise ProblemError(422, "no photo: choose one or more, or drop them here")
    per, chosen = question_of(form.fields)
    question.save(photos, await asyncio.to_thread(group_photos, photos, per))
    service.metrics.embedded.inc(len(photos))
    address = _address(gallery, question.id, chosen)
    return Response(status_code=204, headers={"HX-Redirect": address}) if is_part(request) else see(address)


@router.get("/{question}")
def answers(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    question: str,
    chosen: Chosen,
    shown: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show the answers that are there; while some are missing they are being made, and the page asks for the rest.

    `shown` is how many answers the page has already, which are left out of a part of it.
    """
    from vicp.service.questions import Question

    served = service.gallery(gallery)
    found = Question.find(served, question)
    cards = found.cards(chosen)
    there = [card for card in cards if "answer" in card or "error" in card]
    waiting = len(cards) - len(there)
    if waiting:
        service.jobs.start_once(
            (found.id, chosen), "answering", gallery, lambda job: found.answer(job, served, service.model, chosen)
        )
    values = {
        **_shared(served, found, chosen),
        "cards": [_with_facts(served, card) for card in there[shown if is_part(request) else 0 :]],
        "shown": len(there),
        "waiting": waiting,
        "choices": served.choices(served.snapshot),
    }
    return render(request, "part_cards.html" if is_part(request) else "answers.html", **values)


@router.get("/{question}/{photo}/image")
def asked_image(
    service: ServiceParameter, gallery: str, question: str, photo: int, size: Literal["view", "square"] = "view"
) -> Response:
    """Return a photo that was asked about as a JPEG."""
    served = service.gallery(gallery)
    data = _path(served, question, photo).read_bytes()
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    shown = as_jpeg(data, VIEW_SIZE) if size == "view" else as_the_model_sees_it(served, data)
    return Response(shown, media_type="image/jpeg", headers=headers)


@router.get("/{question}/{photo}/why")
async def why(
    request: Request, service: ServiceParameter, gallery: str, question: str, photo: int, key: str
) -> Response:
    """Show what looks alike on a photo that was asked about and one of the gallery, marked and clean."""
    served = service.gallery(gallery)
    path = _path(served, question, photo)
    other = served.row(served.snapshot, key)
    matches = await service.model.run(lambda: matching_patches(served, path.read_bytes(), served.photo(key)))
    base = f"/g/{gallery}/ask/{question}/{photo}/image"
    sides = {"asked": base, "known": f"/api/v1/galleries/{gallery}/photos/{key}/image"}
    template = "part_why.html" if is_part(request) else "why.html"
    return render(request, template, gallery=served, sides=sides, matches=matches, other=other)


@router.post("/{question}/{card}")
async def decide(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    question: str,
    card: int,
    chosen: Chosen,
    decision: Annotated[Decision, Form()],
    identity: Annotated[str, Form()] = "",
) -> Response:
    """Keep what was decided of photos: they enter the gallery, unless they are skipped."""
    from vicp.service.questions import Question
    from vicp.service.review.decisions import keep_photos

    served = service.gallery(gallery)
    found = Question.find(served, question)
    answer = _card(found, card, chosen).get("answer")
    if answer is None:
        raise ProblemError(409, "there is no answer for this photo yet")
    note: dict[str, Any] = {"decision": decision, "identity": identity.strip(), "operation": 0}

    def keep(opened: "Gallery") -> None:
        before = shown_operation(opened.snapshot)
        note["identity"] = keep_photos(opened, found.paths(card), answer, decision, identity.strip())
        after = shown_operation(opened.snapshot)
        note["operation"] = 0 if after == before else after

    if decision != "skip":
        await change(service, served, None, keep, needs_model=True)
    found.note(card, **note)
    return _shown_card(request, served, found, card, chosen)


@router.post("/{question}/{card}/undo")
async def take_back(
    request: Request, service: ServiceParameter, gallery: str, question: str, card: int, chosen: Chosen
) -> Response:
    """Take a decision back, where nothing else was changed since."""
    from vicp.service.questions import Question

    served = service.gallery(gallery)
    found = Question.find(served, question)
    operation = _card(found, card, chosen).get("operation", 0)

    def undo(opened: "Gallery") -> None:
        if shown_operation(opened.snapshot) != operation:
            raise ProblemError(412, "something else was changed since: see History")
        opened.undo()

    if operation:
        await change(service, served, None, undo)
    found.note(card, decision=None, identity="", operation=0)
    return _shown_card(request, served, found, card, chosen)


def shown_operation(snapshot: "Snapshot") -> int:
    """Return the number of the change whose state the gallery shows."""
    return snapshot.entries[snapshot.head.state - 1].operation


def _address(gallery: str, question: str, chosen: ChosenPhotos) -> str:
    return f"/g/{gallery}/ask/{question}" + (f"?{chosen.query}" if chosen else "")


def _path(served: "ServedGallery", question: str, photo: int) -> "Path":
    from vicp.service.questions import Question

    return Question.find(served, question).path(photo)


def _card(question: "Question", card: int, chosen: ChosenPhotos) -> dict[str, Any]:
    cards = question.cards(chosen)
    return cards[card] if 0 <= card < len(cards) else {}


def _shared(served: "ServedGallery", question: "Question", chosen: ChosenPhotos) -> dict[str, Any]:
    """Return what a card needs apart from itself."""
    from vicp.service.review.answers import free_name

    frame = served.frame(served.snapshot)
    return {
        "gallery": served,
        "question": question,
        "chosen": chosen,
        "free_name": lambda category: free_name(frame, category),
    }


def _shown_card(
    request: Request, served: "ServedGallery", question: "Question", card: int, chosen: ChosenPhotos
) -> Response:
    """Return a card after a decision: as a part of the page, or the page."""
    if not is_part(request):
        return see(f"{_address(served.name, question.id, chosen)}#card-{card}")
    shown = _with_facts(served, _card(question, card, chosen))
    return render(request, "part_card.html", card=shown, **_shared(served, question, chosen))


def _with_facts(served: "ServedGallery", card: dict[str, Any]) -> dict[str, Any]:
    """Return a card whose candidates have the facts of their photo."""
    if "answer" not in card:
        return {"decision": None, **card}
    frame = served.by_key(served.snapshot)
    answer = dict(card["answer"])
    answer["candidates"] = [
        {**each, **{name: frame[name].get(each["key"], "") for name in ("file", "date", "camera", "viewpoint")}}
        for each in answer["candidates"]
    ]
    return {"decision": None, **card, "answer": answer}
