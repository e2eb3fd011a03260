"""What `showface train finetune` needs beside a recipe: weights to begin with, and faces cut out of photographs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from showface.cli.data import face_cutter
from showface.cli.measuring import bar
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.data.prepare import JOURNAL, prepare
from showface.data.prepare_one import PrepareConfig
from showface.data.sets import FaceSet
from showface.errors import WeightsError
from showface.recipes.finetune import BATCH, finetune
from showface.training.configuration import Recipe
from showface.weights import holds_weights, load, named_release, weights_folder

NAME, DEFAULT = "finetune", "compact"
FACES = "faces"  # folder in a run for what was cut out of photographs
SIZE = 512  # pixels of it; training crops and reduces


def tuned_from(start: Path | None, faces: tuple[FaceSource, ...], masks: MaskSource) -> tuple[Recipe, Path]:
    """The recipe for the weights `start` and their folder.

    `start` is a bundled release's name, a folder of weights or a run; None is the compact release.
    """
    name = str(start or DEFAULT)
    folder = weights_folder(named_release(name))
    if not holds_weights(folder):
        raise WeightsError(f"{name}: expected the name of a bundled release, a folder of weights or a run, found none")
    return finetune(faces, masks, networks=load(folder)[0], start=str(folder)), folder


def cut_out(sources: tuple[FaceSource, ...], out: Path) -> tuple[FaceSource, ...]:
    """The same sources, with the faces found and aligned in `out`/faces where they are plain photographs.

    Published sets, sets with labels and what `showface data prepare` made are taken as they are. The same call goes on
    where it was stopped.
    """
    return tuple(
        _cut_out(source, out / FACES / str(number)) if _is_plain(source) else source
        for number, source in enumerate(sources)
    )


def _is_plain(source: FaceSource) -> bool:
    prepared = (Path(source.folder).parent / JOURNAL).is_file()
    return not (isinstance(source, FaceSet) or source.labels or prepared)


def _cut_out(source: FaceSource, out: Path) -> FaceSource:
    with bar("finding faces") as progress:
        done = prepare(
            source, out, PrepareConfig(size=SIZE, aligned=True), cut=face_cutter(SIZE), progress=progress
        )  # fmt: skip
    for fault in done.faults:
        click.echo(f"left out: {fault}", err=True)
    click.echo(f"{done.pictures} faces of {source.folder} in {out / 'images'}", err=True)
    repeat = source.repeat * -(-BATCH // (source.repeat * done.pictures))  # a few faces are seen more often
    return replace(source, folder=str(out / "images"), repeat=repeat)
