"""Worker processes of a `DataLoader` that die: noticed where their batch is waited for, and told in one line."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import TypeVar

from torch.utils.data import DataLoader

from showface.errors import WorkerError

LoadedT = TypeVar("LoadedT")


def alive(loader: DataLoader[LoadedT]) -> Iterator[LoadedT]:
    """What `loader` gives; the death of a worker is noticed here, where its batch is waited for.

    PyTorch's own handler would raise in the midst of whatever the main thread does, an update for example.
    """
    before = signal.getsignal(signal.SIGCHLD) if hasattr(signal, "SIGCHLD") else None
    iterator = iter(loader)
    if before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, before)
    while True:
        try:
            loaded = next(iterator, None)
        except (RuntimeError, OSError, EOFError) as error:
            if not (loader.num_workers and _is_of_a_lost_worker(error)):
                raise
            how = (str(error) or type(error).__name__).splitlines()[0]
            raise WorkerError(
                f"a process that loads pictures was killed ({how}); if memory ran out, use fewer"
                " workers; the same command goes on from the last checkpoint"
            ) from error
        if loaded is None:
            return
        yield loaded


def _is_of_a_lost_worker(error: Exception) -> bool:
    """Whether a worker died: while it was waited for, or while it handed over a batch that it had announced.

    What a worker raises itself arrives as "Caught ... in DataLoader worker process ...".
    """
    if isinstance(error, RuntimeError):
        return "DataLoader worker (pid" in str(error)
    return "Caught " not in str(error)


def leave_signals_to_the_run(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the run finishes its step and then ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
