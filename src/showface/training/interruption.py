"""Ctrl-C and `kill` end a run between two steps, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

from showface.errors import StoppedError

Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
STOPPING = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """While entered, the first SIGINT or SIGTERM is remembered instead of obeyed; a second one ends the process.

    Outside the main thread, where no signal arrives, it does nothing.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._remember) for number in STOPPING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.received = signal.Signals(number)
        for each in STOPPING:
            signal.signal(each, signal.SIG_DFL)

    def obey(self, where: str) -> None:
        """Raise `StoppedError` if a signal has come; `where` says how far the run got."""
        if self.received is not None:
            raise StoppedError(f"stopped by {self.received.name}, {where}; the same command goes on", self.received)
