"""Run the service until it is stopped."""

import socket
from collections.abc import Callable
from contextlib import closing

import uvicorn

from vicp.errors import ConfigError
from vicp.service.allocator import return_freed_memory
from vicp.service.app import make_app
from vicp.service.settings import ServiceSettings


def serve(settings: ServiceSettings, *, announce: Callable[[str], None]) -> None:
    """Serve galleries until Ctrl-C or SIGTERM; what is being changed then is finished first.

    Args:
        settings: How.
        announce: Takes the address to open, as soon as it answers.

    Raises:
        ConfigError: The address cannot be used.
    """
    return_freed_memory()
    with closing(_listen(settings)) as listening:
        app = make_app(settings)
        port = listening.getsockname()[1]
        path = "/" if settings.token is None else f"/enter?key={app.state.service.sessions.one_time}"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=10)
        announce(f"http://{host}:{port}{path}")
        uvicorn.Server(config).run(sockets=[listening])


def _listen(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)
        raise ConfigError(
            f"{settings.host}:{settings.port}: cannot be listened on ({reason}): try another --port"
        ) from error
    listening.listen(128)
    return listening
