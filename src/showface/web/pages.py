"""What a browser is given: the editor, the page about the API, and the generated faces to try."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from showface.web.refusals import Refusal

STATIC = Path(__file__).parent / "static"
SAMPLES = Path(__file__).parents[1] / "release" / "samples"
TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml",
    ".png": "image/png", ".webp": "image/webp", ".ico": "image/x-icon", ".txt": "text/plain; charset=utf-8",
}  # fmt: skip


def static_files() -> dict[str, Path]:
    """The files of the editor by the rest of their addresses; nothing else can be asked for."""
    files = (path for path in STATIC.rglob("*") if path.is_file() and path.suffix in TYPES)
    return {path.relative_to(STATIC).as_posix(): path for path in files}


def sample_files() -> dict[str, Path]:
    """The generated faces and their masks by the last part of their addresses."""
    faces = {f"{path.stem}.image": path for path in (SAMPLES / "faces").glob("*.webp")}
    masks = {f"{path.stem}.mask": path for path in (SAMPLES / "masks").glob("*.png")}
    return dict(sorted((faces | masks).items()))


def file_of(files: dict[str, Path], name: str) -> Response:
    """One of `files` with its type; 404 for any other name, which is looked up and never made a path."""
    if name not in files:
        raise Refusal(404, "not_found", "there is nothing of this name")
    return Response(files[name].read_bytes(), media_type=TYPES[files[name].suffix])


def page_routes() -> list[Route]:
    """The addresses of pages and of what belongs to them."""
    files = static_files()

    async def editor(request: Request) -> Response:
        return file_of(files, "index.html")

    async def documentation(request: Request) -> Response:
        return file_of(files, "docs.html")

    async def static(request: Request) -> Response:
        return file_of(files, request.path_params["name"])

    return [Route("/", editor), Route("/docs", documentation), Route("/static/{name:path}", static)]
