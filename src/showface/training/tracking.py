"""What a run tells: one JSON line per report, TensorBoard scalars, a progress bar or plain lines."""

from __future__ import annotations

import importlib
import importlib.util
import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Tracker:
    """Records scalars of one stage and shows its progress; a context manager."""

    def __init__(self, folder: Path, *, stage: str, steps: int, done: int, console: Console) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.console, self.stage = console, stage
        self._lines = open(folder / "log.jsonl", "a", encoding="utf-8")
        self._board = self._open_board(folder)
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), TextColumn("{task.fields[facts]}"), console=console, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task(stage, total=steps, completed=done, facts="")

    def _open_board(self, folder: Path) -> Any:
        """TensorBoard's writer, or None without the package (the JSON lines hold everything)."""
        if importlib.util.find_spec("tensorboard") is None:
            self.console.print("tensorboard is not installed (extra 'train'): scalars go to log.jsonl only")
            return None
        return importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(folder / "tensorboard"))

    def __enter__(self) -> Tracker:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._lines.close()
        if self._board is not None:
            self._board.close()

    def advance(self) -> None:
        """One step is done."""
        self._progress.advance(self._task)

    def report(self, step: int, scalars: dict[str, float]) -> None:
        """Write the scalars of `step` everywhere; the first few stand beside the bar."""
        self._lines.write(
            json.dumps({"stage": self.stage, "step": step, "time": round(time.time(), 1)} | scalars) + "\n"
        )
        self._lines.flush()
        if self._board is not None:
            for name, value in scalars.items():
                self._board.add_scalar(f"{self.stage}/{name}", value, step)
        facts = "  ".join(f"{name} {value:.4g}" for name, value in scalars.items())
        self._progress.update(self._task, facts=facts)
        if not self.console.is_terminal:
            self.console.print(f"{self.stage} {step}  {facts}", highlight=False, soft_wrap=True)
