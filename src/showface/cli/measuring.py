"""What the two evaluating commands share: from words on the command line to faces, methods and parsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from showface import assets, weights
from showface.data.faces import Face, FaceSource, list_faces
from showface.data.sources import face_sources
from showface.errors import DataError, SettingError, unknown
from showface.evaluation.methods import BASELINES, NETWORKS, network_methods
from showface.evaluation.parsing import SemanticMap
from showface.evaluation.report import weights_folder, weights_hash
from showface.evaluation.runner import Method
from showface.networks.face_parser import BiSeNetParser
from showface.pipeline import FaceInpainter

Facts = dict[str, object]


def one_source(data: str) -> FaceSource:
    """The single folder of faces that --data names; of a published set its test side."""
    sources = face_sources(data, split="test")
    if len(sources) != 1:
        raise DataError(f"{data}: expected one folder of faces, found a list of {len(sources)}; evaluate them singly")
    return sources[0]


def pictures_of(data: str) -> tuple[list[Path], Path]:
    """The pictures of --data, and where they lie."""
    source = one_source(data)
    return source.pictures()[: source.limit or None], Path(source.folder)


def labelled_faces(data: str) -> tuple[list[Face], Path]:
    """The faces of --data with their labels, and where they lie."""
    source = one_source(data)
    if not source.labels:
        raise DataError(f"{data}: expected folders images/ and labels/ in it; a parser is measured against labels")
    return list_faces(source), Path(source.folder)


def inpainter_of(source: str | None, device: str) -> tuple[FaceInpainter, Facts]:
    """The network in `source` (None = the bundled one) and what identifies its weights."""
    path = weights.bundled() if source is None else weights_folder(Path(source))
    if source is not None and not path.exists():  # a hub id, or a mistake that from_pretrained explains
        return FaceInpainter.from_pretrained(source, device=device), {"source": source}
    inpainter = FaceInpainter.from_pretrained(path, device=device)
    return inpainter, {"source": path.name if source is None else source, "sha256": weights_hash(path)}


def chosen_methods(names: str, source: str | None, device: str) -> tuple[dict[str, Method], Facts | None]:
    """The methods of a list with commas; weights are loaded only if one of them needs some."""
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in (*BASELINES, *NETWORKS):
            raise SettingError(unknown("method", name, (*BASELINES, *NETWORKS)))
    if not chosen:
        raise SettingError(f"expected methods, got none; known: {', '.join((*BASELINES, *NETWORKS))}")
    known, facts = dict(BASELINES), None
    if set(chosen) & set(NETWORKS):
        inpainter, facts = inpainter_of(source, device)
        known |= network_methods(inpainter)
    return {name: known[name] for name in chosen}, facts


def parsers_of(inpainter: FaceInpainter, *, bisenet: bool) -> dict[str, SemanticMap]:
    """The network's own parser and, if asked for, the published BiSeNet with merged classes."""
    device = inpainter.device
    own = inpainter.network.parser
    parsers: dict[str, SemanticMap] = {"ours": lambda images, size: own.semantic_map(images.to(device), size)}
    if bisenet:
        published = BiSeNetParser(class_map=inpainter.network.config.class_map)
        published.load(assets.path("bisenet"))
        published.to(device)
        parsers["BiSeNet"] = lambda images, size: published.semantic_map(images.to(device), size)
    return parsers


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields what to tell it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
