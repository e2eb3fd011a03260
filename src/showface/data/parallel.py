"""The same work on many pictures at once.

Threads, because decoding, resizing, hashing and encoding leave the interpreter free; nothing has to be sent anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
AHEAD = 2  # items that each worker has waiting, so that memory does not grow with their number


def each(
    work: Callable[[ItemT], ResultT], items: Iterable[ItemT], *, workers: int
) -> Generator[tuple[ItemT, ResultT], None, None]:
    """`work` done on every item by `workers` at once; told as they are done, in no fixed order unless workers = 1.

    An error of `work` ends all of it; what was begun is finished first.
    """
    waiting = iter(items)
    if workers == 1:
        yield from ((item, work(item)) for item in waiting)
        return
    with ThreadPoolExecutor(workers) as pool:
        running: dict[Future[ResultT], ItemT] = {}
        try:
            while True:
                free = AHEAD * workers - len(running)
                running |= {pool.submit(work, item): item for item in islice(waiting, free)}
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)
