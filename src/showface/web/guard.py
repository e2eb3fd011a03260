"""Who may come in, and what every answer carries: the outer gate of the service (ASGI).

A page elsewhere must not be able to use a service on this machine: requests for other host names (DNS rebinding), from
other origins, or of types that forms of other pages can send are refused before anything of their body is read.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from showface.web.refusals import Refusal
from showface.web.settings import Settings

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self' blob: "
    "data:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"  # of answers that are no page
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
GUARDED = ("/v1/", "/metrics")  # what a token opens


class Guard:
    """Refuses foreign hosts, origins, types and callers without token; sets the headers that protect browsers."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._guarded(scope, receive, _with_headers(scope["path"], send))
        else:  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            refuse_strangers(scope["method"], scope["path"], Headers(scope=scope), self._settings)
        except Refusal as refusal:
            refusal.headers["Connection"] = "close"  # what is left of its body is not read
            await refusal.response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def refuse_strangers(method: str, path: str, headers: Headers, settings: Settings) -> None:
    """Raises `Refusal` if a request's headers are not those of a caller of this service."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or _name(hosts[0]) not in settings.names:
        raise Refusal(403, "host", "this service is not called that; name it with --allow-host if it is")
    for origin in headers.getlist("origin"):
        place = urlsplit(origin).netloc.lower()
        if place != hosts[0].lower() and _name(place) not in {name.lower() for name in settings.allow_hosts}:
            raise Refusal(403, "origin", "pages of other origins may not use this service")
    if settings.token is not None and path.startswith(GUARDED):
        scheme, _, given = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), settings.token.encode())
        if scheme.lower() != "bearer" or not right:
            challenge = {"WWW-Authenticate": 'Bearer realm="showface"'}
            raise Refusal(401, "token", "expected the header Authorization: Bearer TOKEN", headers=challenge)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method in ("POST", "PUT", "PATCH") and kind != "multipart/form-data":
        raise Refusal(415, "type", f"expected multipart/form-data, found {kind or 'no type'}")


def _name(netloc: str) -> str:
    """The host of `host`, `host:port` or `[address]:port`, in lower case."""
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0].lower()
    return netloc.partition(":")[0].lower()


def policies(path: str) -> dict[str, str]:
    """The headers of an answer under `path` that protect the browser that gets it."""
    data = path.startswith("/v1/")
    return SAFE | {
        "Content-Security-Policy": DATA_POLICY if data else PAGE_POLICY,
        "Cache-Control": "no-store" if data else "no-cache",
    }


def _with_headers(path: str, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(policies(path))
        await send(message)

    return sending
