"""The start page: the galleries, what is in them and what waits; photos are added here, and a gallery is made."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from vicp.service.api.context import ServiceParameter
from vicp.service.page.individuals import last_change
from vicp.service.page.render import is_part, render, see
from vicp.service.problems import ProblemError
from vicp.service.safety import COOKIE
from vicp.service.service import Service
from vicp.service.uploads import receive_form

if TYPE_CHECKING:
    from vicp.gallery.stats import GalleryStats
    from vicp.service.served_gallery import ServedGallery

_PAIRS = 16  # from which teaching is worth trying

router = APIRouter(include_in_schema=False)


@router.get("/")
def start(request: Request, service: ServiceParameter) -> Response:
    """Show the galleries."""
    entries = [_entry(service, gallery) for gallery in service.galleries.values()]
    return render(request, "start.html", entries=entries, gallery=None)


@router.get("/enter")
def enter(request: Request, service: ServiceParameter, key: str = "") -> Response:
    """Let a browser in by the one-time key of the first address, or ask for the token."""
    return _let_in(request, service, key) if key else render(request, "enter.html", gallery=None, wrong=False)


@router.post("/enter")
def enter_with_token(request: Request, service: ServiceParameter, token: str = Form("")) -> Response:
    """Let a browser in by the token."""
    return _let_in(request, service, token)


@router.get("/g/{gallery}/add")
def add(request: Request, service: ServiceParameter, gallery: str) -> Response:
    """Ask for photos to add."""
    served = service.place(gallery)
    choices = served.choices(served.snapshot) if served.exists else {"category": [], "viewpoint": [], "camera": []}
    return render(request, "add.html", gallery=served, choices=choices, limits=service.settings.limits)


@router.post("/g/{gallery}/add")
async def begin(request: Request, service: ServiceParameter, gallery: str) -> dict[str, str]:
    """Begin to receive photos, and make the gallery where there is none."""
    from vicp.service.jobs.adding import Addition

    served = service.place(gallery)
    if not served.exists:
        await service.model.run(served.create)
    return {"id": Addition.new(served).id}


@router.post("/g/{gallery}/add/{addition}")
async def send(request: Request, service: ServiceParameter, gallery: str, addition: str) -> dict[str, int]:
    """Receive some of the photos."""
    from vicp.service.jobs.adding import Addition

    form = await receive_form(
        request, Addition.find(service.gallery(gallery), addition).photos, service.settings.limits
    )
    return {"received": len(form.photos)}


@router.post("/g/{gallery}/add/{addition}/done")
def done(
    service: ServiceParameter,
    gallery: str,
    addition: str,
    category: Annotated[str, Form()] = "",
    viewpoint: Annotated[str, Form(max_length=200)] = "",
    camera: Annotated[str, Form(max_length=200)] = "",
) -> dict[str, str]:
    """Add the photos that were received."""
    from vicp.gallery.store.tables import check_name
    from vicp.service.jobs.adding import Addition

    served = service.gallery(gallery)
    if not category.strip():
        raise ProblemError(422, "say what the photos show, such as cat")
    facts = {"viewpoint": viewpoint.strip(), "camera": camera.strip()}
    category = check_name(category.strip(), "category")
    job = Addition.find(served, addition).start(service, served, category, facts, chosen=True)
    return {"address": f"/g/{gallery}/jobs/{job.id}"}


@router.get("/g/{gallery}/jobs/{job}")
def job_page(request: Request, service: ServiceParameter, gallery: str, job: str) -> Response:
    """Show how far a job is."""
    served = service.gallery(gallery)
    found = service.job(gallery, job)
    template = "part_job.html" if is_part(request) else "job.html"
    return render(request, template, gallery=served, job=found, last=last_change(served))


@router.post("/g/{gallery}/jobs/{job}/cancel")
def cancel(service: ServiceParameter, gallery: str, job: str) -> Response:
    """Stop a job."""
    service.job(gallery, job).cancelled.set()
    return see(f"/g/{gallery}/jobs/{job}")


def _entry(service: Service, gallery: "ServedGallery") -> dict[str, Any]:
    entry: dict[str, Any] = {"gallery": gallery, "jobs": service.jobs.running(gallery.name), "stats": None}
    entry["fault"], entry["step"] = gallery.fault, None
    if not entry["fault"] and gallery.exists:
        entry["stats"] = gallery.stats(gallery.snapshot)
        entry["step"] = next_step(entry["stats"])
    return entry


def next_step(stats: "GalleryStats") -> dict[str, str] | None:
    """Return what helps most to do next with a gallery that has photos: why, where, and what it is called."""
    if stats.categories and not any(each.identities for each in stats.categories):
        return {"why": "nobody has a name yet.", "place": "review?kind=groups", "name": "Name photos"}
    if any(each.method == "no prompt" for each in stats.categories):
        missing = _PAIRS - stats.pairs
        if missing > 0:
            why = f"{missing} labelled pairs more, and it can be taught what to look at."
            return {"why": why, "place": "review", "name": "Label pairs"}
        return {"why": "there are enough labelled pairs to teach from.", "place": "teach", "name": "Teach"}
    return None


def _let_in(request: Request, service: Service, given: str) -> Response:
    session = service.sessions.enter(given)
    if session is None:
        return render(request, "enter.html", status=401, gallery=None, wrong=True)
    answer = see("/")
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", secure=secure, max_age=30 * 86400)
    return answer
