"""Errors as RFC 9457 problems for programs and as a page for people: one line that says what to do."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from vicp.errors import ConfigError, DataError, LockedError, VICPError

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "2"
PROBLEM_TYPES = {
    400: "bad-photo",
    401: "not-let-in",
    403: "refused",
    404: "not-found",
    405: "wrong-method",
    409: "conflict",
    412: "changed-meanwhile",
    413: "too-large",
    415: "wrong-media-type",
    422: "invalid",
    423: "locked",
    429: "busy",
    500: "fault",
    503: "not-ready",
}
"""Status → the last word of a problem's `type`; docs/errors.md has a paragraph for each."""


class ProblemError(Exception):
    """An answer that is an error.

    Args:
        status: The HTTP status.
        detail: What is wrong and what to do, in one line.
        headers: Of the answer.
    """

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


class NotReadyError(ProblemError):
    """The galleries are still being opened."""

    def __init__(self) -> None:
        super().__init__(503, "the galleries are being opened: come again", headers={"Retry-After": RETRY_SECONDS})


class BusyError(ProblemError):
    """Too much waits already."""

    def __init__(self) -> None:
        super().__init__(429, "too many requests wait already: come again", headers={"Retry-After": RETRY_SECONDS})


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> Response:
    """Return an error as a problem or, where a person opened a page, as a page."""
    if not request.url.path.startswith("/api/") and _wants_page(request):
        from vicp.service.page.render import error_page

        return error_page(request, status, detail, headers)
    body: dict[str, Any] = {
        "type": problem_type(status),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def problem_type(status: int) -> str:
    """Return the `type` of a problem; RFC 9457 has `about:blank` where it says no more than the status."""
    return f"urn:vicp:problem:{PROBLEM_TYPES[status]}" if status in PROBLEM_TYPES else "about:blank"


def status_of(error: VICPError) -> int:
    """Return the HTTP status of an error of the library."""
    if isinstance(error, LockedError):
        return 423
    if isinstance(error, ConfigError):
        return 422
    return 400 if isinstance(error, DataError) else 409


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error, also those of the framework, as a problem."""

    @app.exception_handler(ProblemError)
    def of_service(request: Request, error: ProblemError) -> Response:
        return problem(request, error.status, error.detail, headers=error.headers)

    @app.exception_handler(VICPError)
    def of_library(request: Request, error: VICPError) -> Response:
        headers = {"Retry-After": RETRY_SECONDS} if isinstance(error, LockedError) else None
        return problem(request, status_of(error), " ".join(str(error).split()), headers=headers)

    @app.exception_handler(RequestValidationError)
    def of_validation(request: Request, error: RequestValidationError) -> Response:
        errors = [
            {"pointer": "/" + "/".join(str(part) for part in each["loc"]), "detail": str(each["msg"])}
            for each in error.errors()
        ]
        listed = "; ".join(f"{each['pointer']}: {each['detail']}" for each in errors[:5])
        return problem(request, 422, listed, errors=errors)

    @app.exception_handler(HTTPException)
    def of_framework(request: Request, error: HTTPException) -> Response:
        return problem(request, error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    def of_ours(request: Request, error: Exception) -> Response:
        return problem(request, 500, "a fault of this program: its console says where")


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and "hx-request" not in request.headers
