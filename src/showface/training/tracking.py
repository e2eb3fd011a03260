"""What a run tells: one JSON line per report, TensorBoard scalars, a progress bar or plain lines."""

from __future__ import annotations

import importlib
import importlib.util
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from showface.data.batches import Batch
from showface.errors import CheckpointError

LOG = "log.jsonl"  # of each stage, in its folder


class Board(Protocol):
    """The part of TensorBoard's writer that is used here."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Record one value."""

    def close(self) -> None:
        """Write what is left."""


def tensorboard_installed() -> bool:
    """Whether scalars can go to TensorBoard too (extra `train`); the JSON lines hold everything in any case."""
    return importlib.util.find_spec("tensorboard") is not None


class Tracker:
    """Records the scalars of one stage and shows its progress, from entering to leaving it.

    `done` of `steps` are behind it. A run that went on after a loss of power has told some steps twice in log.jsonl;
    the later line holds.
    """

    def __init__(self, folder: Path, *, stage: str, steps: int, done: int, console: Console) -> None:
        self.folder, self.console, self.stage = folder, console, stage
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), TextColumn("{task.fields[facts]}"), console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task(stage, total=steps, completed=done, facts="")
        self._board: Board | None = None

    def __enter__(self) -> Tracker:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lines = open_log(self.folder / LOG)
        if tensorboard_installed():
            writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
            self._board = writer(str(self.folder / "tensorboard"))
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        with written(self.folder, after=error):
            self._lines.close()
        if self._board is not None:
            with written(self.folder, after=error):
                self._board.close()

    def advance(self) -> None:
        """One step is done."""
        self._progress.advance(self._task)

    def report(self, step: int, scalars: dict[str, float]) -> None:
        """Write the scalars of `step` everywhere and show them beside the bar."""
        line = {"stage": self.stage, "step": step, "time": round(time.time(), 1)} | scalars
        with written(self.folder):
            self._lines.write(json.dumps(line) + "\n")
            self._lines.flush()
            if self._board is not None:
                for name, value in scalars.items():
                    self._board.add_scalar(f"{self.stage}/{name}", value, step)
        facts = "  ".join(f"{name} {value:.4g}" for name, value in scalars.items())
        self._progress.update(self._task, facts=facts)
        if not self.console.is_terminal:
            self.console.print(f"{self.stage} {step}  {facts}", highlight=False, soft_wrap=True)


def open_log(path: Path) -> TextIO:
    """The log, to be added to. A run that was killed may have left half a line, which is ended first."""
    whole = not path.is_file() or path.read_bytes()[-1:] in (b"", b"\n")
    stream = path.open("a", encoding="utf-8")
    if not whole:
        stream.write("\n")
    return stream


@contextmanager
def written(folder: Path, after: BaseException | None = None) -> Iterator[None]:
    """What cannot be written in `folder` ends the run with a `CheckpointError`, unless `after` ends it already."""
    try:
        yield
    except OSError as error:
        if after is None:
            raise CheckpointError(f"{folder}: the log cannot be written: {error.strerror or error}") from error


class Pace:
    """Pictures per second and the share of the time spent waiting for data, since they were last asked for."""

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._start, self._waited, self._pictures = time.perf_counter(), 0.0, 0

    def timed(self, stream: Iterator[Batch]) -> Iterator[Batch]:
        """The batches of `stream`; how long each is waited for is counted."""
        while True:
            asked = time.perf_counter()
            batch = next(stream, None)
            if batch is None:
                return
            self._waited += time.perf_counter() - asked
            self._pictures += len(batch.images)
            yield batch

    def measured(self) -> dict[str, float]:
        """The two scalars; the measuring starts anew."""
        seconds = time.perf_counter() - self._start
        found = {"images_per_second": self._pictures / seconds, "waiting": self._waited / seconds}
        self._restart()
        return found
