"""What a run tells: one JSON line per report, TensorBoard scalars, a progress bar or plain lines.

`page` beside it draws the same lines as a page.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from showface.data.batches import Batch
from showface.errors import CheckpointError

LOG = "log.jsonl"  # of each stage, in its folder
PACE = ("images_per_second", "waiting")
NOTHING_LEARNT = (
    "{stage}: warning: the gradient is exactly 0 at step {step:,}, nothing is learnt; a gate or an activation may have"
    " saturated: stop, and try a smaller lr or other weights to start with"
)
MAIN = ("total", "hole", "parsing", "discriminator_total", "gradient")  # what a terminal shows of the losses


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
    the later line holds. Of several processes only one `writes`.
    """

    def __init__(
        self, folder: Path, *, stage: str, steps: int, done: int, console: Console, writes: bool = True
    ) -> None:
        self.folder, self.console, self.stage, self.steps, self.writes = folder, console, stage, steps, writes
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"),
            console=console, auto_refresh=False,
        )  # fmt: skip
        self._task = self._progress.add_task(stage, total=steps, completed=done, pace="")
        self._losses = Text(no_wrap=True, overflow="ellipsis")
        self._live = Live(Group(self._progress, self._losses), console=console) if console.is_terminal else None
        self._board: Board | None = None
        self._started, self._began_at, self._warned = time.monotonic(), done, False

    def __enter__(self) -> Tracker:
        if not self.writes:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lines = open_log(self.folder / LOG)
        if tensorboard_installed():
            writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
            self._board = writer(str(self.folder / "tensorboard"))
        if self._live is not None:
            self._live.start()
        self._started = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.writes:
            return
        if self._live is not None:
            self._live.stop()
        with written(self.folder, after=error):
            self._lines.close()
        if self._board is not None:
            with written(self.folder, after=error):
                self._board.close()

    def advance(self) -> None:
        """One step is done."""
        self._progress.advance(self._task)

    def report(self, step: int, scalars: dict[str, float], tables: Mapping[str, list[Any]] | None = None) -> None:
        """Write the scalars of `step` everywhere and show them below the bar; `tables` go to the JSON lines only.

        The first time that nothing is learnt, it says so.
        """
        if not self.writes:
            return
        if learns_nothing(scalars) and not self._warned:
            self._warned = True
            said = NOTHING_LEARNT.format(stage=self.stage, step=step)
            self.console.print(said, soft_wrap=True, markup=False, highlight=False)
        left = self.seconds_left(step)
        known = {"stage": self.stage, "step": step, "time": round(time.time(), 1), "seconds_left": round(left, 1)}
        line = known | scalars | dict(tables or {})
        with written(self.folder):
            self._lines.write(json.dumps(line) + "\n")
            self._lines.flush()
            if self._board is not None:
                for name, value in scalars.items():
                    self._board.add_scalar(f"{self.stage}/{name}", value, step)
        scalars = {name.removeprefix(f"{self.stage}_"): value for name, value in scalars.items()}
        pace, losses = f"{in_short(scalars)}, {clock(left)} left", in_words(scalars, MAIN)
        self._progress.update(self._task, pace=pace)
        self._losses.plain = losses
        if self._live is None:
            words = f"{self.stage} {step}/{self.steps}  {pace}  {in_words(scalars)}"
            self.console.print(words, highlight=False, soft_wrap=True, markup=False)

    def seconds_left(self, step: int) -> float:
        """How long the stage will take from `step` on, at the pace since it was entered."""
        done = max(1, step - self._began_at)
        return (time.monotonic() - self._started) * (self.steps - step) / done


def learns_nothing(scalars: Mapping[str, float]) -> bool:
    """Whether no gradient at all reaches what is trained; a discriminator may be content for a while."""
    names = [name for name in scalars if name.endswith("gradient") and not name.startswith("discriminator")]
    return any(scalars[name] == 0 for name in names)


def in_short(scalars: Mapping[str, float]) -> str:
    """How fast the run is, and what share of the time it waits for data."""
    return f"{scalars.get('images_per_second', 0.0):.3g} images/s, {scalars.get('waiting', 0.0):.0%} waiting"


def in_words(scalars: Mapping[str, float], only: tuple[str, ...] = ()) -> str:
    """Losses with their names, without the pace and the gradients of single terms; those of `only` that are there."""
    told = {name: v for name, v in scalars.items() if name not in PACE and not name.startswith("gradient_of_")}
    return "  ".join(f"{name} {told[name]:.4g}" for name in only or told if name in told)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: 0:07, 12:03, 3:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


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

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes  # each of them learns from as many pictures
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
            self._pictures += len(batch.images) * self._processes
            yield batch

    def measured(self) -> dict[str, float]:
        """The two scalars; the measuring starts anew."""
        seconds = time.perf_counter() - self._start
        found = {"images_per_second": self._pictures / seconds, "waiting": self._waited / seconds}
        self._restart()
        return found
