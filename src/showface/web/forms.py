"""The fields of a request: what each is called, may hold and means, and how they are read without touching a disk."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from showface.errors import unknown
from showface.photo.fidelity import FIDELITY
from showface.photo.mask_options import MaskOptions
from showface.web.refusals import Refusal

FILES = ("image", "mask")
LONGEST_FIELD = 1 << 16  # bytes of a field that is no file


def _from_json(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise ValueError("expected JSON") from error


def _words(text: object) -> object:
    return tuple(dict.fromkeys(filter(None, map(str.strip, text.split(","))))) if isinstance(text, str) else text


def _as_text(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example]})


Pixel = Annotated[int, Field(ge=0, le=1_000_000)]
Extent = Annotated[int, Field(ge=1, le=1_000_000)]
Rectangle = tuple[Pixel, Pixel, Extent, Extent]
Upload = Annotated[bytes | None, WithJsonSchema({"type": "string", "contentMediaType": "application/octet-stream"})]
Names = Annotated[tuple[str, ...], BeforeValidator(_words), _as_text("eyes,mouth")]
Boxes = Annotated[tuple[Rectangle, ...], BeforeValidator(_from_json), _as_text("[[10, 20, 30, 40]]")]
OneBox = Annotated[Rectangle | None, BeforeValidator(_from_json), _as_text("[60, 50, 138, 184]")]


class Fields(BaseModel):
    """What every request has in common: other fields than those named are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NewPicture(Fields):
    """`POST /v1/pictures`."""

    image: Annotated[Upload, Field(description="A picture file: PNG, JPEG, WEBP, TIFF, BMP, or HEIC.")] = None


class PictureFields(Fields):
    """`POST /v1/faces`; and what all that look at a picture share."""

    image: Annotated[Upload, Field(description="A picture file; or give `picture`.")] = None
    picture: Annotated[str | None, Field(description="The id of a kept picture, in place of `image`.")] = None
    face_box: Annotated[
        OneBox, Field(description="JSON [x, y, width, height], brow to chin: the face is here, look for none.")
    ] = None


class RegionFields(PictureFields):
    """`POST /v1/regions`."""

    regions: Annotated[Names, Field(description="Parts of the face, with commas, to be joined to one mask.")] = ()


class HoleFields(RegionFields):
    """`POST /v1/explain`; and what all that fill in share."""

    mask: Annotated[Upload, Field(description="A picture of the picture's size: white = fill in.")] = None
    boxes: Annotated[Boxes, Field(description="JSON [[x, y, width, height], ...] to fill in.")] = ()
    grow: Annotated[int, Field(ge=0, le=1000, description="Pixels by which all of it is grown.")] = 0
    invert_mask: Annotated[bool, Field(description="Fill in what is black in the mask instead.")] = False
    resize_mask: Annotated[bool, Field(description="Bring a mask of another size to the picture's.")] = False
    mirror: Annotated[
        Literal["auto", "off"],
        Field(description="auto: what is hidden whole is taken from the other side of the face, where both agree."),
    ] = "auto"
    fidelity: Annotated[
        float,
        Field(ge=0, le=1, allow_inf_nan=False, description="0: natural; 1: faithful; between them both are mixed."),
    ] = FIDELITY

    def options(self) -> MaskOptions:
        """The same for those who find the hole."""
        return MaskOptions(
            invert=self.invert_mask, resize=self.resize_mask, boxes=self.boxes, regions=self.regions, grow=self.grow
        )


class InpaintFields(HoleFields):
    """`POST /v1/inpaint`."""

    format: Annotated[
        Literal["png", "jpeg", "webp", "tiff", "bmp", "heic"] | None, Field(description="Default: that of the input.")
    ] = None
    quality: Annotated[int | None, Field(ge=1, le=100, description="For JPEG, WEBP and HEIC.")] = None
    strip_metadata: Annotated[bool, Field(description="Leave out all that is no pixel.")] = False
    preview: Annotated[bool, Field(description="Add the result as an 8-bit PNG to the JSON answer.")] = False


Kind = TypeVar("Kind", bound=Fields)


def body_of(fields: type[Fields]) -> dict[str, Any]:
    """The part of the API's description that says what a request's body is."""
    schema = fields.model_json_schema()
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


class _InMemory(MultiPartParser):
    spool_max_size = 0  # files never move to a disk; how large they may be the admission has said


async def read(request: Request, fields: type[Kind]) -> Kind:
    """The fields of a request; raises `Refusal` for those that are missing, unknown, or of another form."""
    parts = await _parts(request.headers, request.stream())
    found: dict[str, str | bytes] = {}
    try:
        for name, value in parts.multi_items():
            if name in found:
                raise _invalid(name, "is there twice")
            if name not in fields.model_fields:
                raise Refusal(422, "invalid", unknown("field", name[:40], fields.model_fields))
            content = _content(name, value)
            if content is not None:
                found[name] = content
    finally:
        await parts.close()
    try:
        return fields.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise _invalid(".".join(map(str, first["loc"])), first["msg"]) from None


async def _parts(headers: Headers, stream: AsyncGenerator[bytes, None]) -> FormData:
    parser = _InMemory(headers, stream, max_files=4, max_fields=24, max_part_size=LONGEST_FIELD)
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise Refusal(422, "invalid", error.message) from error


def _content(name: str, value: str | UploadFile) -> str | bytes | None:
    """What a part holds; None if it was left empty. What a caller calls a file is of no interest to anyone."""
    if isinstance(value, str):
        if value and name in FILES:
            raise _invalid(name, "expected a file, found text; addresses are not fetched")
        return value or None
    if name not in FILES:
        raise _invalid(name, "expected text, found a file")
    return None if not value.filename and not value.size else value.file.read()


def _invalid(name: str, why: str) -> Refusal:
    return Refusal(422, "invalid", f"{name}: {why}")
