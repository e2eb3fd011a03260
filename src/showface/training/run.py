"""A whole run: the stages of a recipe one after the other in one folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import torch
from rich.console import Console

from showface.errors import CheckpointError, SettingError, ShowFaceError, unknown
from showface.training.configuration import Recipe, StageConfig
from showface.training.distributed.ranks import Ranks, joined, reached
from showface.training.interruption import StopSignals
from showface.training.lock import locked
from showface.training.loop import train_stage
from showface.training.preflight import list_sets, record_pictures
from showface.training.stages.face_parser import parser_of
from showface.training.stages.stage import BOXES
from showface.training.state import is_finished
from showface.training.watching.report import RunReport
from showface.training.watching.tracking import tensorboard_installed
from showface.weights import boxes_in, holds_weights, remove_parts


def train(
    recipe: Recipe,
    out: Path,
    *,
    stages: tuple[str, ...] = (),
    earlier: Path | None = None,
    held_out: Sequence[Path] = (),
    device: torch.device,
    console: Console,
) -> None:
    """Train `stages` of `recipe` (all if empty) in `out`; the same call goes on where an earlier one stopped.

    `earlier` is a run folder whose finished stages are used instead of being trained again, all but the recipe's last.
    Pictures in `held_out` are kept for testing: a run that would learn from one is refused.
    """
    with joined(device) as ranks:
        if ranks.first and not tensorboard_installed():
            console.print("tensorboard is not installed (extra 'train'): scalars go to log.jsonl only")
        _train(recipe, out, stages, earlier, held_out, ranks, console)


def _train(
    recipe: Recipe, out: Path, stages: tuple[str, ...], earlier: Path | None, held_out: Sequence[Path], ranks: Ranks,
    console: Console,
) -> None:  # fmt: skip
    """`train` in one of its processes."""
    wanted = stages_to_train(recipe, stages, earlier)
    for config in wanted:
        if config.name == "face_parser" and not is_finished(out, config.name):
            parser_of(recipe, config)  # refuses faces without labels now, not after the stages before it
    listed = list_sets([config for config in wanted if not is_finished(out, config.name)])
    with locked(out) if ranks.first else nullcontext(), StopSignals() as stop:
        if ranks.first:
            remove_parts(out)
            record_pictures([face for faces in listed.values() for face in faces], out, earlier, held_out)
        named: set[Path] = set()
        page = reported(RunReport(out, recipe, wanted), needed=bool(listed)) if ranks.first else nullcontext()
        with page as report, reached(ranks.index):
            for config in wanted:
                train_stage(
                    recipe, config, out, ranks=ranks, console=console, earlier=earlier, stop=stop, named=named,
                    report=report,
                )  # fmt: skip
                if ranks.share(stop):
                    stop.obey(f"after stage {config.name}")


@contextmanager
def reported(report: RunReport, *, needed: bool) -> Iterator[RunReport]:
    """The page of a run tells how it ended, unless there was nothing to do; an error keeps its own message."""
    try:
        yield report
    except ShowFaceError as error:
        with suppress(CheckpointError):
            report.close(str(error))
        raise
    if needed:
        report.close("")


def stages_to_train(recipe: Recipe, stages: tuple[str, ...], earlier: Path | None) -> list[StageConfig]:
    """The stages named, or all of the recipe but those that `earlier` has; its last stage is always among them."""
    if earlier is not None and not earlier.is_dir():
        raise CheckpointError(f"{earlier}: expected the folder of an earlier run, found none")
    if stages:
        return [recipe.stage(name) for name in stages]
    taken = [] if earlier is None else [stage for stage in recipe.stages[:-1] if has_result(earlier, stage.name)]
    return [stage for stage in recipe.stages if stage not in taken]


def has_result(folder: Path, name: str) -> bool:
    """Whether `folder`, a run or a folder of weights, holds what stage `name` makes."""
    if is_finished(folder, name):
        return True
    return name in BOXES and holds_weights(folder) and BOXES[name].rstrip(".") in boxes_in(folder)


def chosen_device(name: str) -> torch.device:
    """The device called `name`; a GPU that is not there is refused, only "auto" makes do without."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingError(unknown("device", name, ("auto", "cpu", "cuda"))) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingError(f"device {name}: no such GPU here; use auto or cpu")
    return device
