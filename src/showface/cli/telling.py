"""How the progress of many pictures looks: a bar on a terminal, a line for each picture elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from showface.images import shown


class Teller:
    """Tells what becomes of each of `total` pictures, while entered. Bar and complaints go to the error stream."""

    def __init__(self, total: int) -> None:
        console = Console(stderr=True)
        self._total, self._count, self._bar_is_shown = total, 0, console.is_terminal
        self._progress = Progress(
            TextColumn("completing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[name]}", markup=False), console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=total, name="")

    def __enter__(self) -> Teller:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def completed(self, out: Path) -> None:
        """One picture is completed, and `out` is there."""
        self._step(out)
        if not self._bar_is_shown:
            click.echo(f"{self._count}/{self._total} {shown(out)}")

    def failed(self, image: Path, error: str) -> None:
        """One picture could not be completed."""
        self._step(image)
        self.complain(f"{self._count}/{self._total} {shown(image.name)} failed: {error}")

    def complain(self, sentence: str) -> None:
        """Something that a person should read, above the bar."""
        if self._bar_is_shown:
            self._progress.console.print(sentence, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(sentence, err=True)

    def _step(self, path: Path) -> None:
        self._count += 1
        self._progress.update(self._task, advance=1, name=shown(path.name))
