"""Checkpoints by hub name: the cache first, and the hub only where it answers at once."""

import os
import socket
import threading
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from huggingface_hub import constants

T = TypeVar("T", covariant=True)

_SECONDS = 4.0  # for the hub to answer
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


class Load(Protocol[T]):
    """Loads something of a checkpoint, from the cache alone if it is asked to."""

    def __call__(self, *, local_files_only: bool) -> T:
        """Return it."""
        ...


def load_local_first(load: Load[T], source: str) -> T:
    """Return what is loaded from a folder or the cache and, where it is in neither, from the hub.

    Args:
        load: Raises OSError where there is nothing.
        source: A folder or a hub name.

    Raises:
        OSError: It is nowhere, or the hub does not answer; transformers has no narrower one for either.
    """
    if Path(source).exists() or constants.HF_HUB_OFFLINE:
        return load(local_files_only=True)
    try:
        return load(local_files_only=True)
    except (OSError, ValueError) as error:
        if source.startswith((".", "/", "~")) or source.count("/") > 1:
            raise OSError(f"there is no folder {source}") from error
        if not _answers():
            raise OSError("it is no folder here, not in the cache, and the hub cannot be reached") from error
    return load(local_files_only=False)


@cache
def _answers() -> bool:
    """Return whether the hub can be reached; asked once, and with a proxy taken for granted."""
    if any(os.environ.get(name) for name in _PROXIES):
        return True
    url = urlsplit(constants.ENDPOINT)
    address = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    found: list[bool] = []

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=_SECONDS).close()
            found.append(True)
        except OSError:
            return

    asking = threading.Thread(target=connect, daemon=True)  # looking up the name alone may take half a minute
    asking.start()
    asking.join(_SECONDS)
    return bool(found)
