"""Numbers for whoever runs the service, as Prometheus reads them; no names, no addresses, no contents."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from showface.web.admission import Seats
from showface.web.pictures import Pictures

SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Measures:
    """Counts and times the requests of one service."""

    def __init__(self, seats: Seats, pictures: Pictures) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "showface_requests", "Requests answered", ("route", "status"), registry=registry
        )  # fmt: skip
        self._seconds = Histogram(
            "showface_request_seconds", "From arrival to the last byte", ("route",), buckets=SECONDS, registry=registry
        )
        gauges = {
            "showface_waiting_requests": ("Requests received, waiting or worked on", lambda: seats.taken),
            "showface_waiting_bytes": ("Bytes of their bodies", lambda: seats.held),
            "showface_kept_pictures": ("Pictures kept in memory", lambda: len(pictures)),
            "showface_kept_bytes": ("Bytes of them", lambda: pictures.size),
        }
        for name, (meaning, value) in gauges.items():
            Gauge(name, meaning, registry=registry).set_function(value)

    def text(self) -> bytes:
        """All numbers in Prometheus's text format."""
        return generate_latest(self._registry)

    def count(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        """One request was answered. Unknown addresses share one name, so that nobody can invent names here."""
        route = getattr(scope.get("route"), "path", "other")
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class Measured:
    """Counts and times every request (ASGI)."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app, self._measures = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = 499, time.perf_counter()  # 499: the caller had gone

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._measures.count(scope, status, time.perf_counter() - start)
