"""What stands before every route: who may call, by which name, from which page, with how large a body."""

import hmac
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vicp.service.problems import ProblemError, problem
from vicp.service.settings import ServiceSettings

COOKIE = "vicp_session"
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_OPEN_PATHS = ("/health/", "/static/", "/enter")  # of a service with a token


class Sessions:
    """Who has shown the token in a browser: a secret of its own in each cookie.

    Args:
        token: What a request must carry; None where anybody may call.
    """

    def __init__(self, token: str | None) -> None:
        self.token = token
        self.one_time = secrets.token_urlsafe(24)
        self._open: set[str] = set()

    def enter(self, given: str) -> str | None:
        """Return a new session for the token, or for the one-time key of the first address; None for another text."""
        if self.token is not None and hmac.compare_digest(given.encode(), self.token.encode()):
            pass
        elif hmac.compare_digest(given.encode(), self.one_time.encode()):
            self.one_time = secrets.token_urlsafe(24)
        else:
            return None
        session = secrets.token_urlsafe(24)
        self._open.add(session)
        return session

    def admits(self, request: Request) -> bool:
        """Return whether a request carries the token or a session."""
        if self.token is None:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), self.token.encode()):
            return True
        return request.cookies.get(COOKIE, "") in self._open


class Safety:
    """Refuse what must not reach a route, and add the headers that keep a page to itself.

    Args:
        app: What is protected.
        settings: Of the service.
        sessions: Who has shown the token.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings, sessions: Sessions) -> None:
        self._app, self._settings, self._sessions = app, settings, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(request)
            body = _LimitedBody(receive, self._settings.limits.body_bytes, request.headers)
        except ProblemError as error:
            answer = problem(request, error.status, error.detail, headers=error.headers)
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, body, send_with_headers)

    def _check(self, request: Request) -> None:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if not self._settings.allows_host(host):
            raise ProblemError(403, "this name is not one of the service's: start it with --allowed-host NAME")
        if request.method not in _SAFE_METHODS and not _is_of_this_page(request):
            raise ProblemError(403, "a request from another site")
        if not request.url.path.startswith(_OPEN_PATHS) and not self._sessions.admits(request):
            detail = "no access: open /enter and give the token, or send the header Authorization: Bearer TOKEN"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})


class _LimitedBody:
    """The body of a request, which ends in an error where it is larger than allowed."""

    def __init__(self, receive: Receive, limit: int, headers: Headers) -> None:
        self._receive, self._limit, self._size = receive, limit, 0
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            raise _too_large(limit)

    async def __call__(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            raise _too_large(self._limit)
        return message


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, f"more than {limit / 1e6:,.0f} MB in one request: send the photos in several")


def _is_of_this_page(request: Request) -> bool:
    """Return whether a browser says that our own page sent this; other programs say nothing and may."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
