"""Pages of a long list: an opaque cursor says after which row the next one begins."""

import base64
import json
from typing import Annotated

from fastapi import Query, Request, Response

from vicp.service.problems import ProblemError

Limit = Annotated[int, Query(ge=1, le=200, description="Rows of one answer.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="Where to go on, from `next` of the answer before.")]


def encode_cursor(*after: str | int) -> str:
    """Return the cursor of a row by what the list is sorted by.

    >>> decode_cursor(encode_cursor("cat", "Tom"), 2)
    ['cat', 'Tom']
    """
    return base64.urlsafe_b64encode(json.dumps(after).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, size: int) -> list[str]:
    """Return what a cursor holds, as texts.

    Raises:
        ProblemError: It is none of ours.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) != size:
        raise _foreign()
    return [str(value) for value in values]


def decode_number(cursor: str) -> int:
    """Return the number that a cursor holds.

    Raises:
        ProblemError: It is none of ours.
    """
    (last,) = decode_cursor(cursor, 1)
    if not last.isdecimal():
        raise _foreign()
    return int(last)


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Name the next page in a header, as RFC 8288 has it."""
    if cursor is not None:
        address = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{address.path}?{address.query}>; rel="next"'


def _foreign() -> ProblemError:
    return ProblemError(422, "this cursor is none of the service's: leave it out to begin at the first row")
