"""What all requests share: settings, the networks, the workers, kept pictures, numbers for the operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request

from showface.photo.find_faces import face_finder
from showface.pipeline import FaceInpainter
from showface.web.admission import Seats
from showface.web.measures import Measures
from showface.web.pictures import Pictures
from showface.web.settings import Settings
from showface.web.workers import Workers


class Service:
    """One for each application. What is here is used from the event loop's thread; the workers get what they need."""

    def __init__(self, settings: Settings, inpaint: FaceInpainter) -> None:
        self.settings, self.inpaint = settings, inpaint
        self.workers = Workers(inpaint, settings)
        self.seats = Seats(settings, self.workers.patience)
        self.pictures = Pictures(settings)
        self.measures = Measures(self.seats, self.pictures)

    @property
    def detector(self) -> bool:
        """Whether faces can be looked for; nothing is fetched while the service runs."""
        return self.inpaint.detector != "off" and face_finder(fetch=False) is not None

    @asynccontextmanager
    async def open(self, app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        """While entered there are workers, and old pictures are forgotten in time."""
        with self.workers:
            forgetting = asyncio.create_task(self.pictures.forget_in_time())
            yield {"service": self}
            forgetting.cancel()
            with suppress(asyncio.CancelledError):
                await forgetting


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    found: Service = request.state.service
    return found
