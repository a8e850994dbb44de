"""Teach: labels so far, what came of them, and how many more a promise takes."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from vicp.service.api.context import ServiceParameter
from vicp.service.page.individuals import last_change
from vicp.service.page.render import render, see

router = APIRouter(prefix="/g/{gallery}/teach", include_in_schema=False)


@router.get("")
def teach(request: Request, service: ServiceParameter, gallery: str) -> Response:
    """Show what each category was taught, and what is missing."""
    from vicp.service.jobs.teaching import lessons

    served = service.gallery(gallery)
    snapshot = served.snapshot
    found: list[dict[str, Any]] = snapshot.once_per_change("lessons", lambda: lessons(served, snapshot))
    jobs = service.jobs.running(gallery)
    return render(request, "teach.html", gallery=served, lessons=found, jobs=jobs, last=last_change(served))


@router.post("")
def begin(
    service: ServiceParameter,
    gallery: str,
    category: Annotated[str, Form()],
    source: Annotated[str, Form(pattern="^(labels|names)$")] = "labels",
) -> Response:
    """Teach a category from its labels or its names."""
    from vicp.gallery.categories import find_category
    from vicp.service.jobs.teaching import start_teaching

    served = service.gallery(gallery)
    find_category(served.snapshot, category)
    job = start_teaching(service, served, category, from_names=source == "names")
    return see(f"/g/{gallery}/jobs/{job.id}")
