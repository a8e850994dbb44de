"""Templates of the page; every name is escaped."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from vicp.decisions.sentences import percent
from vicp.phrases import counted
from vicp.service.page import words


@lru_cache(maxsize=1)
def templates() -> Environment:
    """Return the templates, each read once."""
    environment = Environment(
        loader=PackageLoader("vicp.service", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "headline": words.headline,
        "number": words.number,
        "when": words.when,
        "done": words.done,
        "taken": words.taken,
        "percent": lambda probability: percent(probability).replace(" ", "\N{NO-BREAK SPACE}"),
        "part": lambda text: quote(str(text), safe=""),
    }
    environment.globals["counted"] = counted
    return environment


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page, or a part of one."""
    text = templates().get_template(template).render(request=request, path=request.url.path, **values)
    return HTMLResponse(text, status)


def is_part(request: Request) -> bool:
    """Return whether a script of the page asked, which wants a part of it."""
    return "hx-request" in request.headers


def see(address: str) -> Response:
    """Return that the browser shall open another address."""
    return RedirectResponse(address, 303)


def error_page(request: Request, status: int, detail: str, headers: Mapping[str, str] | None) -> Response:
    """Return an error as a page; while the galleries are being opened, one that looks again by itself."""
    template = "opening.html" if status == 503 and "Retry-After" in (headers or {}) else "error.html"
    answer = render(request, template, status=status, detail=detail, gallery=None)
    answer.headers.update(dict(headers or {}))
    return answer
