"""The application: gate, admission, addresses, and how errors become answers."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

import showface
from showface.errors import ShowFaceError
from showface.pipeline import FaceInpainter
from showface.web.admission import Admission
from showface.web.guard import Guard, policies
from showface.web.measures import Measured
from showface.web.pages import page_routes
from showface.web.refusals import Refusal, refusal_of, refusal_of_http
from showface.web.routes import router
from showface.web.service import Service
from showface.web.settings import Settings

ABOUT = "Completes the hidden part of a face in a photograph. Nothing is kept on disk, nothing is sent anywhere."


def create_app(settings: Settings | None = None, *, inpaint: FaceInpainter | None = None) -> FastAPI:
    """The service as an ASGI application; `inpaint` is by default made from what `settings` name.

    Nothing is fetched while it runs: without the face detector in the cache folder, faces are not looked for.
    """
    settings = settings or Settings()
    if inpaint is None:
        inpaint = FaceInpainter.from_pretrained(
            settings.weights, device=settings.device, detector="cached", precision=settings.precision
        )
    service = Service(settings, inpaint)
    app = FastAPI(
        title="showface", version=showface.__version__, description=ABOUT, lifespan=service.open,
        docs_url=None, redoc_url=None, redirect_slashes=False, routes=[*page_routes()],
    )  # fmt: skip
    app.include_router(router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(ShowFaceError, _failed)
    app.add_exception_handler(HTTPException, _refused_by_starlette)
    app.add_exception_handler(ClientDisconnect, _nobody_there)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(Admission, seats=service.seats)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Measured, measures=service.measures)  # the last added is the outermost
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.response()


async def _refused_by_starlette(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusal_of_http(error).response()


async def _nobody_there(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


async def _failed(request: Request, error: Exception) -> Response:
    answer = refusal_of(error).response()
    answer.headers.update(policies(request.url.path))  # this answer may not pass the gate
    return answer
