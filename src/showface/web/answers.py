"""What the service answers, as the API's description has it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

Coordinates = tuple[float, float]
Box = tuple[float, float, float, float]
PixelBox = tuple[int, int, int, int]
Encoded = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]


class Refused(BaseModel):
    """Why not."""

    error: Annotated[str, Field(description="One word for programs.")]
    detail: Annotated[str, Field(description="One sentence for people.")]
    id: Annotated[str | None, Field(description="Of a fault of the server: what its log calls it.")] = None


class Health(BaseModel):
    status: str
    version: str
    detector: Annotated[bool, Field(description="Whether faces can be looked for.")]
    token: Annotated[bool, Field(description="Whether /v1 asks for a token.")]


class Sample(BaseModel):
    name: str
    image: Annotated[str, Field(description="Address of the picture.")]
    mask: Annotated[str, Field(description="Address of its mask.")]


class Samples(BaseModel):
    samples: list[Sample]


class Kept(BaseModel):
    id: str
    width: int
    height: int
    format: str
    bytes: int
    seconds_left: float


class Face(BaseModel):
    box: Annotated[Box, Field(description="x, y, width, height")]
    points: Annotated[list[Coordinates], Field(description="Eyes, nose, corners of the mouth; the right ones first.")]
    score: Annotated[float | None, Field(description="How sure the detector is; null: it did not look.")]


class Faces(BaseModel):
    width: int
    height: int
    detector: bool
    faces: list[Face]
    warnings: list[str]


class Region(BaseModel):
    face: int
    name: str
    pixels: int
    box: PixelBox
    mask: Annotated[Encoded, Field(description="1-bit PNG that lies at the box's corner.")]


class Regions(BaseModel):
    width: int
    height: int
    faces: int
    regions: list[Region]
    mask: Annotated[Encoded | None, Field(description="PNG of the picture's size with what was asked for.")]
    warnings: list[str]


class Inpainted(BaseModel):
    seconds: float
    faces: int
    hole_share: float
    outside_faces: float
    mirrored: Annotated[float, Field(description="The part of the hole that was taken from the other side of a face.")]
    mirror: Annotated[list[str], Field(description='For each completed square "taken", or why nothing was.')]
    fidelity: Annotated[float, Field(description="Of the result: 0 = natural, 1 = faithful.")]
    warnings: list[str]
    width: int
    height: int
    format: str
    content_type: str
    image: Annotated[Encoded, Field(description="The file.")]
    preview: Annotated[Encoded | None, Field(description="The same as an 8-bit PNG.")]


class ViewOfFace(BaseModel):
    name: str
    title: str
    image: Annotated[Encoded, Field(description="PNG")]


class Read(BaseModel):
    category: str
    colour: tuple[int, int, int]
    hidden: Annotated[float, Field(description="The part of it in the hole.")]
    weights: Annotated[list[float], Field(description="The share of every memory slot in the answer.")]


class Explained(BaseModel):
    views: list[ViewOfFace]
    mirror: Annotated[str, Field(description='"taken", or why nothing was taken from the other side of the face.')]
    mirrored: Annotated[float, Field(description="The part of the hole that was taken from there.")]
    memory: list[Read]
    warnings: list[str]


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an operation may refuse with, beside what the gate refuses everywhere."""
    return {status: {"model": Refused} for status in sorted({403, *statuses})}


def files(*types: str) -> dict[int | str, dict[str, Any]]:
    """A success whose answer is a file of one of these content types."""
    content = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
    return {200: {"content": dict.fromkeys(types, content)}}


GUARDED = refusals(401)
WORKING = refusals(400, 401, 404, 408, 413, 415, 422, 500, 503, 504)
