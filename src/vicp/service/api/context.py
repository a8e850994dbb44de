"""What routes take from a request: the service, the gallery of the address, and the version that a change expects."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import Depends, Header, Request

from vicp.service.api.schemas import Written
from vicp.service.problems import ProblemError
from vicp.service.service import Service

if TYPE_CHECKING:
    from vicp.gallery.gallery import Gallery
    from vicp.gallery.store.journal import LogEntry
    from vicp.service.served_gallery import ServedGallery

T = TypeVar("T")


def service_of(request: Request) -> Service:
    """Return the service that a request is for."""
    service: Service = request.app.state.service
    return service


ServiceParameter = Annotated[Service, Depends(service_of)]
IfMatch = Annotated[str | None, Header(description='The version that a change expects, such as "17".')]


def expected_version(given: str | None) -> int | None:
    """Return the version in a header `If-Match`; None where any will do.

    Raises:
        ProblemError: It is no version.
    """
    text = (given or "*").strip().removeprefix("W/").strip('"')
    if text == "*":
        return None
    if not text.isdecimal():
        raise ProblemError(422, f'If-Match {text[:40]}: expected a version such as "17", as ETag gives it')
    return int(text)


async def change(
    service: Service,
    gallery: "ServedGallery",
    if_match: str | None,
    edit: "Callable[[Gallery], T]",
    *,
    needs_model: bool = False,
) -> tuple[T, int]:
    """Return what a change returned, and the gallery's version after it; changes are made one after the other.

    Raises:
        ProblemError: The gallery is at another version than expected, or too much waits.
    """
    expected = expected_version(if_match)

    def make() -> tuple[T, int]:
        now = gallery.snapshot.head.number
        if expected is not None and expected != now:
            raise ProblemError(412, f"the gallery has changed: it is at version {now}, expected {expected}")
        result = edit(gallery.gallery if needs_model else gallery.editor)
        return result, gallery.snapshot.head.number

    return await service.writer.run(make)


async def edited(service: Service, name: str, if_match: str | None, edit: "Callable[[Gallery], LogEntry]") -> Written:
    """Return what a change of a gallery did, which has an entry in its log.

    Raises:
        ProblemError: As `change`.
    """
    entry, version = await change(service, service.gallery(name), if_match, edit)
    return written(name, entry.summary, version)


def written(gallery: str, summary: str, version: int, *, before: int | None = None) -> Written:
    """Return what a change did, from the version `before` where it may have changed nothing."""
    undo = None if before == version else f"/api/v1/galleries/{gallery}/undo"
    return Written(version=version, summary=summary, undo=undo)
