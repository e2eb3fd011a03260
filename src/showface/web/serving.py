"""Runs the service on a socket of this machine until it is told to stop."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack

import uvicorn

from showface.errors import SettingError
from showface.pipeline import FaceInpainter
from showface.web.app import create_app
from showface.web.settings import Settings

CONNECTIONS = 512  # at once; more are told that the service is busy
IDLE_SECONDS = 15  # after which a connection without a request is closed
LAST_SECONDS = 10  # that requests have to end when the service is told to stop
HEAD_BYTES = 1 << 16  # of a request line and its headers


def serve(settings: Settings, *, inpaint: FaceInpainter | None = None, started: Callable[[str], None]) -> None:
    """Serves until a signal ends it. `started` gets the address as soon as it can be used."""
    with bound(settings.host, settings.port) as listening:
        server = server_of(settings, inpaint)
        listening.listen(CONNECTIONS)
        started(address_of(listening, settings.host))
        server.run(sockets=[listening])


def server_of(settings: Settings, inpaint: FaceInpainter | None) -> uvicorn.Server:
    """The server, with the networks loaded, that `run` gives sockets to. Of requests it logs nothing but its faults."""
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it would tell what bodies hold
    config = uvicorn.Config(
        create_app(settings, inpaint=inpaint), http="h11", ws="none", lifespan="on", log_config=None,
        access_log=False, server_header=False, proxy_headers=False, limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS, timeout_graceful_shutdown=LAST_SECONDS,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )  # fmt: skip
    return uvicorn.Server(config)


def bound(host: str, port: int) -> socket.socket:
    """A socket at this address; a `SettingError` that says what to do if there can be none."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with ExitStack() as failing:
            listening = failing.enter_context(socket.socket(family))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            failing.pop_all()
    except OSError as error:
        raise SettingError(_sentence(host, port, error)) from error
    return listening


def address_of(listening: socket.socket, host: str) -> str:
    """What to type into a browser."""
    port = listening.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is taken by another program; choose another with --port, or any free with --port 0"
        )
    if error.errno == errno.EACCES:
        return f"port {port} is reserved for the system; choose one above 1023 with --port"
    return f"cannot listen on {host}, port {port}: {error.strerror}"
