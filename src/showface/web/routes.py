"""The addresses of the API. Each reads its fields, has a worker do the task, and tells what came out."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import showface
from showface.images import Held
from showface.web import answers, forms, tasks
from showface.web.pages import file_of, sample_files
from showface.web.refusals import Refusal
from showface.web.service import Service, service_of
from showface.web.workers import Done

router = APIRouter()
CONTENT_TYPES = {
    "PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "TIFF": "image/tiff", "BMP": "image/bmp",
    "HEIC": "image/heic",
}  # fmt: skip
SAMPLE = answers.files("image/webp", "image/png") | answers.refusals(401, 404)
VIEWS = (
    ("aligned", "aligned face"), ("visible", "what is visible"), ("coarse", "coarse"),
    ("semantic_map", "semantic map"), ("completed", "completed face"),
)  # fmt: skip


@router.get("/healthz", responses=answers.refusals())
async def health(request: Request) -> answers.Health:
    """Whether the service is there, and what it can do."""
    service = service_of(request)
    token = service.settings.token is not None
    return answers.Health(status="ok", version=showface.__version__, detector=service.detector, token=token)


@router.get("/metrics", response_class=Response, responses=answers.files("text/plain") | answers.GUARDED)
async def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    return Response(service_of(request).measures.text(), media_type="text/plain; version=1.0.0; charset=utf-8")


@router.get("/v1/samples", responses=answers.GUARDED)
async def samples() -> answers.Samples:
    """The generated faces to try, of no real person."""
    names = sorted({name.partition(".")[0] for name in sample_files()})
    places = [answers.Sample(name=it, image=f"/v1/samples/{it}.image", mask=f"/v1/samples/{it}.mask") for it in names]
    return answers.Samples(samples=places)


@router.get(
    "/v1/samples/{name}",
    response_class=Response,
    responses=answers.files("image/webp", "image/png") | answers.refusals(401, 404),
)
async def sample(name: str) -> Response:
    """One of them: NAME.image or NAME.mask."""
    return file_of(sample_files(), name)


@router.post("/v1/pictures", responses=answers.WORKING, openapi_extra=forms.body_of(forms.NewPicture))
async def keep(request: Request) -> answers.Kept:
    """Keeps a picture in memory for a while, so that it has to be sent only once."""
    service = service_of(request)
    fields = await forms.read(request, forms.NewPicture)
    if fields.image is None:
        raise Refusal(422, "invalid", "image: expected a file")
    asked = tasks.Picture(image=Held("image", fields.image), pixel_limit=service.settings.pixel_limit)
    photo = (await service.workers.run(request, asked.decoded)).result
    return answers.Kept(
        id=service.pictures.keep(fields.image), width=photo.width, height=photo.height, format=photo.format,
        bytes=len(fields.image), seconds_left=service.settings.keep_seconds,
    )  # fmt: skip


@router.get(
    "/v1/pictures/{id}/view",
    response_class=Response,
    responses=answers.files("image/png") | answers.WORKING,
)
async def view(request: Request, id: str) -> Response:
    """A kept picture, upright, as an 8-bit PNG."""
    service = service_of(request)
    asked = tasks.Picture(image=service.pictures.get(id), pixel_limit=service.settings.pixel_limit)
    done = await service.workers.run(request, lambda: tasks.shown(asked.decoded()))
    return Response(done.result, media_type="image/png")


@router.delete("/v1/pictures/{id}", status_code=204, responses=answers.GUARDED)
async def forget(request: Request, id: str) -> None:
    """Forgets a kept picture; one that is not there is no mistake."""
    service_of(request).pictures.forget(id)


@router.post("/v1/faces", responses=answers.WORKING, openapi_extra=forms.body_of(forms.PictureFields))
async def faces(request: Request) -> answers.Faces:
    """The faces of a picture, the most important first."""
    service = service_of(request)
    fields = await forms.read(request, forms.PictureFields)
    asked = tasks.Picture(**_picture(service, fields))
    done = await service.workers.run(request, partial(tasks.faces, service.inpaint, asked))
    photo, found = done.result
    return answers.Faces(
        width=photo.width, height=photo.height, detector=service.detector,
        faces=[answers.Face(box=face.box, points=face.points, score=face.score) for face in found],
        warnings=list(done.warnings),
    )  # fmt: skip


@router.post("/v1/regions", responses=answers.WORKING, openapi_extra=forms.body_of(forms.RegionFields))
async def regions(request: Request) -> answers.Regions:
    """The parts of its faces: which there are, how large they are, and a mask of each."""
    service = service_of(request)
    fields = await forms.read(request, forms.RegionFields)
    asked = tasks.Picture(**_picture(service, fields))
    done = await service.workers.run(request, partial(tasks.regions, service.inpaint, asked, fields.regions))
    found = done.result
    parts = [
        answers.Region(face=part.face, name=part.name, pixels=part.pixels, box=part.box, mask=_text(part.mask))
        for part in found.regions
    ]
    return answers.Regions(
        width=found.photo.width, height=found.photo.height, faces=found.faces, regions=parts,
        mask=None if found.mask is None else _text(found.mask), warnings=list(done.warnings),
    )  # fmt: skip


@router.post(
    "/v1/inpaint",
    response_model=answers.Inpainted,
    responses=answers.files(*CONTENT_TYPES.values()) | answers.WORKING,
    openapi_extra=forms.body_of(forms.InpaintFields),
)
async def inpaint(request: Request) -> Response:
    """The completed picture; with `Accept: application/json` what was done as well, and the picture in base64."""
    service = service_of(request)
    fields = await forms.read(request, forms.InpaintFields)
    written = tasks.Written(
        format=fields.format, quality=fields.quality, strip_metadata=fields.strip_metadata, preview=fields.preview
    )
    asked = _hole(service, fields)
    done = await service.workers.run(request, partial(tasks.complete, service.inpaint, asked, written))
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(_facts(done).model_dump())
    form = done.result.format
    name = f"completed.{'jpg' if form == 'JPEG' else form.lower()}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(done.result.content, media_type=CONTENT_TYPES[form], headers=headers)


@router.post("/v1/explain", responses=answers.WORKING, openapi_extra=forms.body_of(forms.HoleFields))
async def explain(request: Request) -> answers.Explained:
    """What every box of the network made of the face, and what it read from the memory."""
    service = service_of(request)
    asked = _hole(service, await forms.read(request, forms.HoleFields))
    done = await service.workers.run(request, partial(tasks.explained, service.inpaint, asked))
    found, sources = done.result, done.result.sources()
    pictures = [(name, title, getattr(found, name)) for name, title in VIEWS]
    pictures += [("other_side", "from the other side", found.other_side.picture)]
    pictures += [("attention", "one patch of the hole, and its sources", sources)] if sources else []
    return answers.Explained(
        views=[answers.ViewOfFace(name=it, title=title, image=_text(tasks.png(face))) for it, title, face in pictures],
        mirror=found.other_side.found,
        mirrored=found.other_side.share,
        memory=[
            answers.Read(category=read.name, colour=read.colour, hidden=read.hidden, weights=read.weights.tolist())
            for read in found.reads
        ],
        warnings=list(done.warnings),
    )


def _facts(done: Done[tasks.Completed]) -> answers.Inpainted:
    result = done.result
    restored = result.restored
    return answers.Inpainted(
        seconds=round(done.seconds, 4), faces=restored.faces, hole_share=restored.hole_share,
        outside_faces=restored.outside_faces, mirrored=restored.mirrored, mirror=list(restored.mirror),
        fidelity=restored.fidelity,
        warnings=list(done.warnings), width=restored.photo.width, height=restored.photo.height,
        format=result.format, content_type=CONTENT_TYPES[result.format],
        image=_text(result.content), preview=None if result.preview is None else _text(result.preview),
    )  # fmt: skip


def _picture(service: Service, fields: forms.PictureFields) -> dict[str, Any]:
    """The picture that a request is about, sent with it or kept before, as arguments of `tasks.Picture`."""
    if (fields.image is None) == (fields.picture is None):
        raise Refusal(422, "invalid", "expected either image, a file, or picture, the id of a kept one")
    image = Held("image", fields.image) if fields.image is not None else service.pictures.get(str(fields.picture))
    return {"image": image, "pixel_limit": service.settings.pixel_limit, "face_box": fields.face_box}


def _hole(service: Service, fields: forms.HoleFields) -> tasks.Hole:
    """The same, and what is to be filled in."""
    if fields.mask is None and not fields.regions and not fields.boxes:
        raise Refusal(422, "invalid", "expected at least one of mask, regions and boxes")
    mask = None if fields.mask is None else Held("mask", fields.mask)
    return tasks.Hole(
        **_picture(service, fields), mask=mask, options=fields.options(), mirror=fields.mirror, fidelity=fields.fidelity
    )


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
