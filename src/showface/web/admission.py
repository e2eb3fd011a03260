"""How much may come in at once: seats for requests, bytes of one and of all of them, time to arrive (ASGI).

Whoever finds no seat is told so before a byte of his upload is read, so that memory stays bounded whatever arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from showface.web.refusals import Refusal
from showface.web.settings import MIB, Settings


class Seats:
    """Requests with a body that are being received, wait, or are worked on."""

    def __init__(self, settings: Settings, patience: Callable[[int], int]) -> None:
        """`patience` is after how many seconds one may come again when so many requests are here."""
        self.settings = settings
        self.total = settings.workers + settings.queue
        self.taken = 0
        self.held = 0  # bytes of their bodies
        self._patience = patience

    def busy(self, why: str) -> Refusal:
        """The refusal for want of room."""
        return Refusal(503, "busy", why, headers={"Retry-After": str(self._patience(self.taken))})

    def take(self) -> None:
        """One more request; refused if all seats are taken."""
        if self.taken >= self.total:
            raise self.busy(f"{self.taken} requests are waiting; come again later")
        self.taken += 1

    def hold(self, size: int) -> None:
        """So many more bytes; refused if that is too much together."""
        if self.held + size > self.settings.held_limit:
            raise self.busy("the pictures that wait fill the memory for them; come again later")
        self.held += size

    def leave(self, size: int) -> None:
        """A request that held `size` bytes is answered."""
        self.taken -= 1
        self.held -= size


class Admission:
    """Lets requests with a body in as long as there are seats, and their bodies within limits of size and time."""

    def __init__(self, app: ASGIApp, seats: Seats) -> None:
        self._app, self._seats = app, seats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS", "DELETE"):
            await self._app(scope, receive, send)
            return
        try:
            refuse_length(Headers(scope=scope).get("content-length", "0"), self._seats.settings.body_limit)
            self._seats.take()
        except Refusal as refusal:
            refusal.headers["Connection"] = "close"  # what is left of its body is not read
            await refusal.response()(scope, receive, send)
            return
        body = Body(receive, self._seats)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._seats.leave(body.size)


class Body:
    """The body of a request as it arrives, counted and timed."""

    def __init__(self, receive: Receive, seats: Seats) -> None:
        self.size = 0  # bytes so far
        self._receive, self._seats = receive, seats
        self._deadline = asyncio.get_running_loop().time() + seats.settings.body_seconds
        self._arrived = False

    async def receive(self) -> Message:
        """What ASGI's `receive` gives; raises `Refusal` once the body is too large or too slow."""
        if self._arrived:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            seconds = self._seats.settings.body_seconds
            raise _ended(Refusal(408, "slow", f"the request did not arrive within {seconds:g} seconds")) from error
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            self._arrived = not message.get("more_body", False)
        return message

    def _count(self, size: int) -> None:
        limit = self._seats.settings.body_limit
        if self.size + size > limit:
            raise _ended(_too_large(limit))
        try:
            self._seats.hold(size)
        except Refusal as refusal:
            raise _ended(refusal) from None
        self.size += size


def refuse_length(length: str, limit: int) -> None:
    """Raises `Refusal` if a request says itself that it is too large."""
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "too_large", f"more than the limit of {limit / MIB:g} MiB")


def _ended(refusal: Refusal) -> Refusal:
    refusal.headers["Connection"] = "close"
    return refusal
