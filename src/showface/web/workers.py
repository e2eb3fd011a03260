"""The workers: threads that hold one network between them and do one request each at a time.

Torch computes outside Python's lock, so that the service answers meanwhile. A request whose caller has gone, or that
took too long, is taken out of the queue, or stopped before the next box of the network.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TextIO, TypeVar

import torch
from starlette.requests import ClientDisconnect, Request
from torch import nn

from showface.pipeline import FaceInpainter
from showface.web.refusals import Refusal, refusal_of
from showface.web.settings import Settings

Result = TypeVar("Result")


class Stopped(Exception):
    """The work of a request that nobody waits for any more; never seen by anyone."""


class _Job(threading.local):
    """What the request that this thread works on has been told, and whether it still counts."""

    said: list[str] | None = None
    stopped: threading.Event | None = None


@dataclass(frozen=True)
class Done(Generic[Result]):
    """What a request's work gave, what was warned about, how long it took."""

    result: Result
    warnings: tuple[str, ...]
    seconds: float


class Workers:
    """Do the requests' work in threads while entered, `settings.workers` at once, in the order of their coming."""

    def __init__(self, inpaint: FaceInpainter, settings: Settings) -> None:
        self.usual = 1.0  # seconds that a request takes, of late
        self._settings, self._job, self._inpaint = settings, _Job(), inpaint
        self._boxes, self._hooking = set[nn.Module](), threading.Lock()

    def __enter__(self) -> Workers:
        share = max(1, (self._settings.threads or torch.get_num_threads()) // self._settings.workers)
        self._pool = ThreadPoolExecutor(
            self._settings.workers, "showface", initializer=torch.set_num_threads, initargs=(share,)
        )
        self._open = ExitStack()
        self._open.enter_context(self._warnings_to_their_jobs())
        self._hook()
        return self

    def _hook(self) -> None:
        """Before each box of the networks a request may end; the lean form may have been made anew."""
        with self._hooking:
            for box in {*self._inpaint.network.children(), *self._inpaint.lean.children()} - self._boxes:
                self._open.callback(box.register_forward_pre_hook(lambda *_: self._go_on()).remove)
                self._boxes.add(box)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._open.close()
        self._boxes.clear()

    def patience(self, waiting: int) -> int:
        """After how many whole seconds `waiting` requests will likely be done."""
        return max(1, math.ceil(self.usual * waiting / self._settings.workers))

    async def run(self, request: Request, work: Callable[[], Result]) -> Done[Result]:
        """Does `work` in a worker; `Refusal` if it fails or takes too long, `ClientDisconnect` if nobody waits."""
        stopped = threading.Event()
        job = self._pool.submit(self._perform, work, stopped)
        try:
            return await self._outcome(request, job)
        finally:
            stopped.set()
            job.cancel()

    async def _outcome(self, request: Request, job: Future[Done[Result]]) -> Done[Result]:
        outcome, gone = asyncio.wrap_future(job), asyncio.ensure_future(_gone(request))
        either: set[asyncio.Future[Any]] = {outcome, gone}
        outcome.add_done_callback(lambda it: it.cancelled() or it.exception())  # nobody may be there to ask
        try:
            first = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait(either, timeout=self._settings.seconds, return_when=first)
        finally:
            gone.cancel()
        if outcome in done:
            error = outcome.exception()
            if error is not None:
                raise refusal_of(error) from error
            return outcome.result()
        if gone in done:
            raise ClientDisconnect
        raise Refusal(504, "slow", f"not done within {self._settings.seconds:g} seconds; try a smaller picture")

    def _perform(self, work: Callable[[], Result], stopped: threading.Event) -> Done[Result]:
        """In a worker: the work with its warnings and its time."""
        job = self._job
        job.said, job.stopped = [], stopped
        start = time.perf_counter()
        try:
            self._go_on()
            self._hook()
            result = work()
            seconds = time.perf_counter() - start
            self.usual += 0.1 * (seconds - self.usual)
            return Done(result, tuple(dict.fromkeys(job.said)), seconds)
        finally:
            job.said = job.stopped = None

    def _go_on(self) -> None:
        """Stops the work of this thread if nobody waits for it; called between the boxes of the network."""
        if self._job.stopped is not None and self._job.stopped.is_set():
            raise Stopped

    @contextmanager
    def _warnings_to_their_jobs(self) -> Iterator[None]:
        """Warnings for people go to the answer of the request whose work caused them; the others go their way."""
        with warnings.catch_warnings(action="always", category=UserWarning):
            elsewhere = warnings.showwarning

            def show(
                message: Warning | str, category: type[Warning], filename: str, lineno: int,
                file: TextIO | None = None, line: str | None = None,
            ) -> None:  # fmt: skip
                if self._job.said is not None and issubclass(category, UserWarning):
                    self._job.said.append(" ".join(str(message).split()))
                else:
                    elsewhere(message, category, filename, lineno, file, line)

            warnings.showwarning = show
            yield


async def _gone(request: Request) -> None:
    """Returns when the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
