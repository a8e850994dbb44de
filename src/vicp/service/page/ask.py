"""Ask: who is on these photos, one card per photo, and what is decided of each."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, Response

from vicp.service.api.context import ServiceParameter, change
from vicp.service.api.photos import VIEW_SIZE, as_jpeg
from vicp.service.page.render import is_part, render, see
from vicp.service.problems import ProblemError
from vicp.service.uploads import receive_form

if TYPE_CHECKING:
    from vicp.gallery.gallery import Gallery
    from vicp.gallery.store.snapshot import Snapshot
    from vicp.service.served_gallery import ServedGallery

router = APIRouter(prefix="/g/{gallery}/ask", include_in_schema=False)

Decision = Literal["same", "new", "unnamed", "skip"]


@router.get("")
def ask(request: Request, service: ServiceParameter, gallery: str) -> Response:
    """Ask for photos."""
    from vicp.service.questions import questions

    served = service.gallery(gallery)
    categories = served.categories(served.snapshot)
    earlier = [(question, question.cards()) for question in questions(served)[:5]]
    return render(request, "ask.html", gallery=served, categories=categories, earlier=earlier)


@router.post("")
async def ask_photos(request: Request, service: ServiceParameter, gallery: str) -> Response:
    """Take photos and begin to answer."""
    from vicp.service.questions import Question

    served = service.gallery(gallery)
    question = Question.new(served)
    form = await receive_form(request, question.folder / "photos", service.settings.limits)
    photos = [photo for photo in form.photos if photo.path.stat().st_size]
    if not photos:
        raise ProblemError(422, "no photo: choose one or more, or drop them here")
    question.save(photos, form.fields.get("category") or None)
    service.metrics.embedded.inc(len(photos))
    service.jobs.start("answering", gallery, lambda job: question.answer(job, served, service.model))
    address = f"/g/{gallery}/ask/{question.id}"
    return Response(status_code=204, headers={"HX-Redirect": address}) if is_part(request) else see(address)


@router.get("/{question}")
def answers(request: Request, service: ServiceParameter, gallery: str, question: str) -> Response:
    """Show the answers that are there; while some are missing the page asks for the rest."""
    from vicp.service.questions import Question

    served = service.gallery(gallery)
    found = Question.find(served, question)
    cards = found.cards()
    waiting = sum("answer" not in card and "error" not in card for card in cards)
    if waiting and not service.jobs.running(gallery):
        service.jobs.start("answering", gallery, lambda job: found.answer(job, served, service.model))
    values = {
        "gallery": served,
        "question": found,
        "cards": [_with_facts(served, card) for card in cards if "answer" in card or "error" in card],
        "waiting": waiting,
        "free_name": _free_names(served),
    }
    return render(request, "part_cards.html" if is_part(request) else "answers.html", **values)


@router.get("/{question}/{index}/image")
def asked_image(service: ServiceParameter, gallery: str, question: str, index: int) -> Response:
    """Return a photo that was asked about as a JPEG."""
    from vicp.service.questions import Question

    data = Question.find(service.gallery(gallery), question).path(index).read_bytes()
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(as_jpeg(data, VIEW_SIZE), media_type="image/jpeg", headers=headers)


@router.post("/{question}/{index}")
async def decide(
    request: Request,
    service: ServiceParameter,
    gallery: str,
    question: str,
    index: int,
    decision: Annotated[Decision, Form()],
    identity: Annotated[str, Form()] = "",
) -> Response:
    """Keep what was decided of a photo: it enters the gallery, unless it is skipped."""
    from vicp.service.deciding import keep_photo
    from vicp.service.questions import Question

    served = service.gallery(gallery)
    found = Question.find(served, question)
    card = found.cards()[index] if index < len(found.cards()) else {}
    if "answer" not in card:
        raise ProblemError(409, "there is no answer for this photo yet")
    note: dict[str, Any] = {"decision": decision, "identity": identity.strip(), "operation": 0}

    def keep(opened: "Gallery") -> None:
        before = shown_operation(opened.snapshot)
        note["identity"] = keep_photo(opened, found.path(index), card["answer"], decision, identity.strip())
        after = shown_operation(opened.snapshot)
        note["operation"] = 0 if after == before else after

    if decision != "skip":
        await change(service, served, None, keep, needs_model=True)
    found.note(index, **note)
    if not is_part(request):
        return see(f"/g/{gallery}/ask/{question}#card-{index}")
    values = {"gallery": served, "question": found, "free_name": _free_names(served)}
    return render(request, "part_card.html", card=_with_facts(served, found.cards()[index]), **values)


@router.post("/{question}/{index}/undo")
async def take_back(request: Request, service: ServiceParameter, gallery: str, question: str, index: int) -> Response:
    """Take a decision back, where nothing else was changed since."""
    from vicp.service.questions import Question

    served = service.gallery(gallery)
    found = Question.find(served, question)
    cards = found.cards()
    operation = cards[index].get("operation", 0) if index < len(cards) else 0

    def undo(opened: "Gallery") -> None:
        if shown_operation(opened.snapshot) != operation:
            raise ProblemError(412, "something else was changed since: see History")
        opened.undo()

    if operation:
        await change(service, served, None, undo)
    found.note(index, decision=None, identity="", operation=0)
    if not is_part(request):
        return see(f"/g/{gallery}/ask/{question}#card-{index}")
    values = {"gallery": served, "question": found, "free_name": _free_names(served)}
    return render(request, "part_card.html", card=_with_facts(served, found.cards()[index]), **values)


def shown_operation(snapshot: "Snapshot") -> int:
    """Return the number of the change whose state the gallery shows."""
    return snapshot.entries[snapshot.head.state - 1].operation


def _with_facts(served: "ServedGallery", card: dict[str, Any]) -> dict[str, Any]:
    """Return a card whose candidates have the file's name and date of their photo."""
    if "answer" not in card:
        return {"decision": None, **card}
    frame = served.frame(served.snapshot).set_index("key")
    answer = dict(card["answer"])
    answer["candidates"] = [
        {**each, "file": frame["file"].get(each["key"], ""), "date": frame["date"].get(each["key"], "") or ""}
        for each in answer["candidates"]
    ]
    return {"decision": None, **card, "answer": answer}


def _free_names(served: "ServedGallery") -> Any:
    from vicp.service.reviewing import free_name

    frame = served.frame(served.snapshot)
    return lambda category: free_name(frame, category)
