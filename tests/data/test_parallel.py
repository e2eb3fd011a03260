from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from showface.data.parallel import AHEAD, each


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_item_is_done_once(workers: int) -> None:
    assert sorted(each(lambda n: n * n, range(40), workers=workers)) == [(n, n * n) for n in range(40)]


def test_several_work_at_once() -> None:
    """Each waits for another: alone they would never end."""
    meeting = threading.Barrier(3)
    done = list(each(lambda n: meeting.wait(timeout=60), range(6), workers=3))
    assert len(done) == 6


def test_few_items_are_taken_ahead() -> None:
    taken: list[int] = []

    def counted() -> Iterator[int]:
        for n in range(100):
            taken.append(n)
            yield n

    results = each(lambda n: n, counted(), workers=2)
    next(results)
    assert len(taken) <= 2 * AHEAD * 2
    results.close()


def test_an_error_ends_it() -> None:
    def work(n: int) -> int:
        if n == 3:
            raise ValueError("three")
        return n

    with pytest.raises(ValueError, match="three"):
        list(each(work, range(10), workers=2))
