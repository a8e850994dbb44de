"""Health, the program and its limits, and metrics."""

from dataclasses import asdict
from importlib.metadata import version

from fastapi import APIRouter, Response

from vicp.service.api.context import ServiceParameter
from vicp.service.api.galleries import gallery_info
from vicp.service.api.schemas import Info, LimitsInfo, State

router = APIRouter(tags=["service"])


@router.get("/health/live")
async def live() -> State:
    """Say that the server runs."""
    return State(status="live")


@router.get("/health/ready")
async def ready(service: ServiceParameter) -> State:
    """Say that the galleries are open; 503 before."""
    assert service.galleries is not None
    return State(status="ready")


@router.get("/metrics", response_class=Response)
def metrics(service: ServiceParameter) -> Response:
    """Return counts and times for Prometheus."""
    waiting = {worker.name: worker.waiting for worker in (service.model, service.writer)}
    served = service.galleries.values() if service.is_ready else ()
    made = [gallery for gallery in served if not gallery.fault and gallery.exists]
    photos = {gallery.name: len(gallery.frame(gallery.snapshot)) for gallery in made}
    return Response(service.metrics.text(waiting, photos), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/v1/info")
def info(service: ServiceParameter) -> Info:
    """Say which program this is, what a request may hold, and the fingerprints of models and prompts."""
    limits = LimitsInfo(**asdict(service.settings.limits))
    has_root = service.settings.photo_root is not None
    galleries = [gallery_info(gallery) for gallery in service.galleries.values()] if service.is_ready else []
    return Info(name="vicp", version=version("vicp"), limits=limits, photo_root=has_root, galleries=galleries)
