"""Doing the jobs: in this process, or in several that each hold the networks.

Every picture is completed for itself, so how many work at once changes nothing about the results. Only a
few jobs are handed out ahead, so that memory does not grow with their number.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

import torch

from showface.allocator import keep_freed_memory
from showface.errors import ShowFaceError
from showface.jobs.one_picture import Outcome, Wishes, attempt
from showface.jobs.plan import Job
from showface.pipeline import FaceInpainter


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a process needs to start."""

    weights: str | None = None  # as `FaceInpainter.from_pretrained` takes it
    device: str = "auto"
    precision: str = "float32"
    threads: int | None = None  # torch's; None = as it is

    def start(self) -> FaceInpainter:
        """Loads the networks."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        return FaceInpainter.from_pretrained(self.weights, device=self.device, precision=self.precision)


def outcomes(
    jobs: Iterable[Job], wishes: Wishes, engine: Engine, *, workers: int = 1
) -> Generator[tuple[Job, Outcome], None, None]:
    """Does `jobs` and tells the outcome of each as soon as it is known; with several workers in no fixed order.

    Whoever takes an outcome has to `publish` it. If the iterator is closed early, what was begun is withdrawn.
    """
    if workers == 1:
        inpaint = engine.start()
        for job in jobs:
            yield job, attempt(inpaint, job, wishes)
        return
    yield from _by_several(iter(jobs), wishes, engine, workers)


def _by_several(jobs: Iterator[Job], wishes: Wishes, engine: Engine, workers: int) -> Iterator[tuple[Job, Outcome]]:
    engine.start()  # what is wrong with the weights or the device is said once, and here
    share = max(1, torch.get_num_threads() // workers)
    started = (replace(engine, threads=share), wishes)
    running: dict[Future[Outcome], Job] = {}
    # spawned, because a fork of a process with threads may hang
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=started) as pool:
        try:
            while True:
                for job in jobs:
                    running[pool.submit(_do, job)] = job
                    if len(running) == 2 * workers:
                        break
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
        except BrokenProcessPool as error:
            raise ShowFaceError(
                "a worker ended unexpectedly, perhaps for want of memory; the same command goes on if it has a "
                "--report; fewer --workers need less memory"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
            for future in running:
                if future.done() and not future.cancelled() and future.exception() is None:
                    future.result().withdraw()


_worker: dict[str, tuple[FaceInpainter, Wishes]] = {}  # what a worker process holds


def _begin(engine: Engine, wishes: Wishes) -> None:
    """Makes this process a worker: it ends when its parent does, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _worker["it"] = (engine.start(), wishes)


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _do(job: Job) -> Outcome:
    inpaint, wishes = _worker["it"]
    return attempt(inpaint, job, wishes)
