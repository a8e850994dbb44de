"""The settings of `vicp serve`, and what they may be together."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from vicp.errors import ConfigError

_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Limits:
    """What a request may hold.

    Attributes:
        photo_bytes: Of one photo.
        photos: Of one request.
        body_bytes: Of one request, all its photos together.
        queue: Questions and changes that wait for their turn; more are told to come again.
        page: Rows of one answer.
    """

    photo_bytes: int = 50_000_000
    photos: int = 500
    body_bytes: int = 2_000_000_000
    queue: int = 64
    page: int = 200


@dataclass(frozen=True)
class ServiceSettings:
    """How galleries are served.

    Attributes:
        galleries: Folders, or places in object storage; a folder that is not there yet is made in the page.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        token: What a request must carry; None only on the loopback address.
        allowed_hosts: Further names under which the service may be called.
        photo_root: The folder of this machine that a request may name photos in; None for none.
        model: What a gallery that is made in the page embeds its photos with.
        author: Who makes changes, for the log; the login name if None.
        limits: What a request may hold.
    """

    galleries: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8377
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    photo_root: Path | None = None
    model: str = "mini"
    author: str | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.galleries:
            raise ConfigError("no gallery to serve: name a folder; one that is not there yet is made in the page")
        if self.token is None and not is_loopback(self.host):
            raise ConfigError(
                f"--host {self.host} can be reached from other machines: give --token, a secret of at least "
                f"{_SHORTEST_TOKEN} characters, or leave --host out"
            )
        if self.token is not None and len(self.token) < _SHORTEST_TOKEN:
            raise ConfigError(f"--token has {len(self.token)} characters, expected at least {_SHORTEST_TOKEN}")
        if self.photo_root is not None and not is_loopback(self.host):
            raise ConfigError("--photo-root is for this machine alone: leave --host out")
        if self.photo_root is not None and not self.photo_root.is_dir():
            raise ConfigError(f"--photo-root {self.photo_root}: no such folder")

    def allows_host(self, host: str) -> bool:
        """Return whether a request may call the service by this name, the port left out.

        An address in figures is always its own; a name that somebody else's server could point here is not.
        """
        if host in {"localhost", self.host, *self.allowed_hosts} or _is_address(host, loopback=True):
            return True
        return not is_loopback(self.host) and _is_address(host, loopback=False)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    return host == "localhost" or _is_address(host, loopback=True)


def _is_address(host: str, *, loopback: bool) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback if loopback else True
