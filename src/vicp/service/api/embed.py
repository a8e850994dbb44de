"""The embeddings of photos."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request

from vicp.errors import DataError
from vicp.service.api.answers import by_name, received
from vicp.service.api.context import ServiceParameter
from vicp.service.api.schemas import Embeddings
from vicp.service.problems import ProblemError
from vicp.service.uploads import photo_form

if TYPE_CHECKING:
    from vicp.service.served_gallery import ServedGallery

router = APIRouter(prefix="/api/v1", tags=["answers"])


@router.post("/embed", openapi_extra=photo_form("gallery", "category"))
async def embed(service: ServiceParameter, request: Request) -> Embeddings:
    """Return the plain embeddings of photos, or those under the prompt of `category`; nothing is kept.

    `gallery` names the one whose model is used, and may be left out where one alone is served.
    """
    served_names = list(service.galleries)
    async with received(request, service, least=1) as form:
        name = form.fields.get("gallery") or (served_names[0] if len(served_names) == 1 else "")
        if not name:
            raise ProblemError(422, f"say in gallery whose model is meant: {', '.join(served_names)}")
        served = service.gallery(name)
        category = form.fields.get("category") or None
        paths = [str(photo.path) for photo in form.photos]
        try:
            found = await service.model.run(lambda: _embed(served, paths, category))
        except DataError as error:
            raise ProblemError(400, by_name(str(error), form.photos)) from error
        service.metrics.embedded.inc(len(paths))
    return found


def _embed(served: "ServedGallery", paths: list[str], category: str | None) -> Embeddings:
    from vicp.api import Model

    gallery = served.gallery
    prompt = None
    if category is not None:
        categories = gallery.categories()
        if category not in categories:
            raise ProblemError(404, f"no category {category[:40]!r}, expected one of {', '.join(categories)}")
        prompt = categories[category].prompt
    rows = Model(gallery.encoder).encode(paths, prompt=prompt)
    model = served.stats(served.snapshot).model
    return Embeddings(model=model, fingerprint=gallery.encoder.fingerprint, embeddings=rows.tolist())
