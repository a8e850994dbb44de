"""How a program of this folder ends: a user's mistake is one line and exit status 2."""

import sys
from collections.abc import Callable

from vicp.errors import VICPError


def run(main: Callable[[], None]) -> None:
    try:
        main()
    except VICPError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
