"""How the service says no: a status, `{"error", "detail"}`, and nothing that a caller has no business to know."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from showface.errors import ImageError, InputError, MaskError, MissingExtraError, SettingError, ShowFaceError

_log = logging.getLogger(__name__)

KINDS: dict[type[InputError], str] = {ImageError: "image", MaskError: "mask", SettingError: "setting"}
BY_STATUS = {404: "not_found", 405: "method"}


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(
        self, status: int, error: str, detail: str, *, headers: Mapping[str, str] | None = None, id: str | None = None
    ) -> None:
        """`error` is a word for programs, `detail` a sentence for people, `id` what the log calls a fault of ours."""
        super().__init__(detail)
        self.status, self.error, self.headers, self.id = status, error, dict(headers or {}), id

    def response(self) -> JSONResponse:
        body = {"error": self.error, "detail": " ".join(str(self).split())}
        return JSONResponse(body | ({"id": self.id} if self.id else {}), self.status, self.headers)


def refusal_of(error: BaseException) -> Refusal:
    """What a caller is told of an error that ended the work: his own mistake, or one of ours by its number only."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, InputError):
        return Refusal(
            400, next((kind for known, kind in KINDS.items() if isinstance(error, known)), "input"), str(error)
        )
    if isinstance(error, MissingExtraError):
        return Refusal(415, "type", str(error))
    number = secrets.token_hex(4)
    _log.error("error %s", number, exc_info=error)
    what = "the picture could not be completed" if isinstance(error, ShowFaceError) else "something went wrong here"
    return Refusal(500, "internal", f"{what}; the log of the service says more under {number}", id=number)


def refusal_of_http(error: HTTPException) -> Refusal:
    """Starlette's own refusals (no such address, no such method) in our form."""
    return Refusal(error.status_code, BY_STATUS.get(error.status_code, "invalid"), error.detail, headers=error.headers)
