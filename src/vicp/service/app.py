"""The application: routes, errors, and what stands before them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from importlib.resources import files

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from vicp.service.api import answers, embed, galleries, history, identities, jobs, pairs, photos, system
from vicp.service.api.schemas import Problem
from vicp.service.metrics import CountRequests
from vicp.service.page import ask, individuals, past, review, start, teach
from vicp.service.problems import MEDIA_TYPE, add_error_handlers
from vicp.service.safety import Safety
from vicp.service.service import Service
from vicp.service.settings import ServiceSettings

_ERROR = {"description": "A problem (RFC 9457).", "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}


def make_app(settings: ServiceSettings) -> FastAPI:
    """Return the application; its galleries are opened in the background when it starts."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.open(then=_go_on)
        yield
        service.stop()

    app = FastAPI(
        title="VICP",
        description="Who is this, are these the same: galleries of individuals of any category.",
        version=version("vicp"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=lifespan,
        responses={"default": _ERROR},
    )
    app.state.service = service
    for module in (system, galleries, answers, embed, identities, photos, pairs, history, jobs):
        app.include_router(module.router)
    for page in (start, ask, review, individuals, teach, past):
        app.include_router(page.router)
    app.mount("/static", StaticFiles(directory=str(files("vicp.service").joinpath("static"))), name="static")
    add_error_handlers(app)
    app.add_middleware(Safety, settings=settings, sessions=service.sessions)
    app.add_middleware(CountRequests, metrics=service.metrics)
    return app


def _go_on(service: Service) -> None:
    """Add the photos that a server which was stopped had received."""
    from vicp.service.jobs.adding import go_on

    for gallery in service.galleries.values():
        if gallery.exists:
            go_on(service, gallery)
