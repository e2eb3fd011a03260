"""One process of a run of several; started by test_ranks.py through torchrun.

Arguments: recipe as JSON, run folder, task, earlier run. Tasks: "train"; "die" or "stop" after two steps of process 1.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from torch import distributed

from showface.configurations import from_plain
from showface.errors import ShowFaceError
from showface.training import loop
from showface.training.configuration import Recipe
from showface.training.run import train
from showface.training.update import average

SIGNALS = {"die": signal.SIGKILL, "stop": signal.SIGTERM}


def signalled(task: str) -> Callable[[object, float], None]:
    """The running averages; process 1 gets a signal after the second step."""

    def averaging(state: object, decay: float) -> None:
        average(state, decay)  # type: ignore[arg-type]
        if state.step == 2 and os.environ["RANK"] == "1":  # type: ignore[attr-defined]
            os.kill(os.getpid(), SIGNALS[task])

    return averaging


def tell() -> None:
    """Called as the last thing before Python ends: whether this process has parted from the others by then."""
    print("still together" if distributed.is_initialized() else "parted", flush=True)


def main(recipe: Path, out: Path, task: str, earlier: Path) -> int:
    """Train; the exit code is that of the command line."""
    torch.set_num_threads(1)
    atexit.register(tell)  # the first one registered is the last one called
    if task in SIGNALS:
        loop.average = signalled(task)
    resolved = from_plain(Recipe, json.loads(recipe.read_text()))
    try:
        train(
            resolved, out, stages=(resolved.stages[-1].name,) if task in SIGNALS else (), device=torch.device("cpu"),
            console=Console(width=200), earlier=earlier if earlier.is_dir() else None,
        )  # fmt: skip
    except ShowFaceError as error:
        print(f"process {os.environ['RANK']} ends: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
