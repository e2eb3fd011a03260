"""What the two evaluating commands share: from words on the command line to faces, methods and parsers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from showface import assets, weights
from showface.data.faces import Face, FaceSource, list_faces
from showface.data.sources import face_sources
from showface.errors import DataError, SettingError, unknown
from showface.evaluation.categories.maps import SemanticMap, category_map
from showface.evaluation.comparison import Comparison
from showface.evaluation.groups.traits import Traits, traits_of_faces
from showface.evaluation.occlusions.rows import (
    Eyes,
    chosen_kinds,
    chosen_occlusions,
    eyes_of,
    kind_rows,
    occlusion_rows,
)
from showface.evaluation.protocol.frozen import frozen_protocol
from showface.evaluation.protocol.pairs import Pair, Protocol, ProtocolConfig, make_protocol
from showface.evaluation.report.paired import differences_as_markdown
from showface.evaluation.report.tables import as_markdown
from showface.networks.bisenet import BiSeNetParser
from showface.pipeline import FaceInpainter
from showface.weights import weights_folder, weights_hash

PATIENCE = 15.0  # seconds between two lines where there is no terminal
AT_ONCE = 1e-4  # seconds a picture that is only recalled takes at most
Facts = dict[str, object]


def one_source(data: str) -> FaceSource:
    """The single folder of faces that --data names; of a published set its test side."""
    sources = face_sources(data, split="test")
    if len(sources) != 1:
        raise DataError(f"{data}: expected one folder of faces, found a list of {len(sources)}; evaluate them singly")
    return sources[0]


def chosen_protocol(
    data: str, masks: str | None, *, size: int, seed: int, limit: int, bucket_by: str, rows: str = "",
    frozen: Path | None = None, device: str = "cpu",
) -> Protocol:  # fmt: skip
    """The table of --data under --masks and with further --rows, or the one that an earlier report left."""
    source = one_source(data)
    pictures, folder = source.pictures()[: source.limit or None], Path(source.folder)
    config = ProtocolConfig(
        faces=folder, masks=None if masks is None else Path(masks), size=size, seed=seed, limit=limit,
        bucket_by="number" if bucket_by == "number" else "share",
    )  # fmt: skip
    more: dict[str, list[Pair]] = {}
    if rows:
        categories = category_map(_with_labels(source), lambda: bundled_parser(device))
        names = chosen_occlusions(rows)
        with bar("drawing what hides") as progress:
            more = occlusion_rows(
                names, pictures[: limit or None], root=folder, size=size, seed=seed, categories=categories,
                progress=progress,
            )  # fmt: skip
    if frozen is not None:
        return frozen_protocol(frozen, config, more=more)
    return make_protocol(config, pictures, more=more)


@dataclass(frozen=True)
class Occluded:
    """The faces of --data with whole parts hidden, and what has to be known to measure them."""

    protocol: Protocol
    parser: SemanticMap
    eyes: Eyes


def chosen_occlusion_protocol(
    data: str, kinds: str, *, size: int, seed: int, limit: int, frozen: Path | None = None, device: str = "cpu"
) -> Occluded:
    """The table of --data under --occlusions, or the one that an earlier report left.

    Where the parts are is told by label maps, for faces without one by the parser that comes with the package.
    """
    names, source = chosen_kinds(kinds), one_source(data)
    pictures, folder = source.pictures()[: source.limit or None][: limit or None], Path(source.folder)
    parser = bundled_parser(device)
    categories = category_map(_with_labels(source), lambda: parser)
    with bar("hiding parts") as progress:
        rows = kind_rows(
            names, pictures, root=folder, size=size, seed=seed, categories=categories, progress=progress
        )  # fmt: skip
    config = ProtocolConfig(faces=folder, masks=None, size=size, seed=seed, limit=limit)
    protocol = (
        make_protocol(config, pictures, more=rows) if frozen is None else frozen_protocol(frozen, config, more=rows)
    )
    return Occluded(protocol, parser, eyes_of(categories, size))


def chosen_traits(data: str, protocol: Protocol, *, device: str = "cpu") -> Mapping[str, Traits]:
    """What the faces of --data show: by their label maps, without one by the parser that comes with the package."""
    faces = [face for face in _with_labels(one_source(data)) if face.label is not None]
    categories = category_map(faces, lambda: bundled_parser(device))
    with bar("looking at the faces") as progress:
        return traits_of_faces(protocol, categories, [face.picture for face in faces], progress=progress)


def _with_labels(source: FaceSource) -> list[Face]:
    return list_faces(source) if source.labels else []


def bundled_parser(device: str) -> SemanticMap:
    """The parser of the weights that come with the package: what it sees does not depend on what is measured."""
    return parsers_of(FaceInpainter.from_pretrained(device=device), bisenet=False)["ours"]


def refuse_unknown_opponent(name: str, methods: Sequence[str]) -> None:
    """--against names one of the methods, or nothing."""
    if name and name not in methods:
        raise SettingError(unknown("method to compare with", name, methods))


def told(comparison: Comparison, against: str) -> str:
    """The table for the terminal; below it the differences from the method `against`, if there is one."""
    table = as_markdown(comparison.table)
    return f"{table}\n{differences_as_markdown(comparison.measurements, against)}" if against else table


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


def parsers_of(inpainter: FaceInpainter, *, bisenet: bool) -> dict[str, SemanticMap]:
    """The network's own parser and, if asked for, the published BiSeNet with merged classes."""
    device = inpainter.device
    own = inpainter.network.parser
    parsers: dict[str, SemanticMap] = {"ours": lambda images, size: own.semantic_map(images.to(device), size)}
    if bisenet:
        published = BiSeNetParser()
        published.load(assets.path("bisenet"))
        published.to(device)
        parsers["BiSeNet"] = lambda images, size: published.semantic_map(images.to(device), size)
    return parsers


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress with pictures per second: a bar on a terminal, a line now and then elsewhere; yields what to tell it."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"),
               TimeRemainingColumn())  # fmt: skip
    speed, spoken = Speed(), time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None, speed="")

        def tell(done: int, total: int) -> None:
            nonlocal spoken
            rate = f"{speed.of(done):.1f} pictures/s"
            progress.update(task, completed=done, total=total, speed=rate)
            if not console.is_terminal and (time.monotonic() - spoken > PATIENCE or done == total):
                spoken = time.monotonic()
                click.echo(f"{what}: {done} of {total}, {rate}", err=True)

        yield tell


class Speed:
    """Pictures per second since work began. What comes in no time was there already and does not count."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._seen, self._counted, self._seconds = 0, 0, 0.0

    def of(self, done: int) -> float:
        """The speed, now that `done` pictures are dealt with."""
        now = time.monotonic()
        if now - self._last > AT_ONCE * (done - self._seen):
            self._counted += done - self._seen
            self._seconds += now - self._last
        self._last, self._seen = now, done
        return self._counted / self._seconds if self._seconds else 0.0
