"""Pictures that are kept: for how long, how many, how much."""

from __future__ import annotations

import asyncio

import pytest

from showface.web.pictures import Pictures
from showface.web.refusals import Refusal
from showface.web.settings import Settings


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def kept(**settings: object) -> tuple[Pictures, Clock]:
    clock = Clock()
    return Pictures(Settings(**settings), clock=clock), clock


def test_what_was_not_used_for_too_long_is_gone_and_use_counts_anew() -> None:
    pictures, clock = kept(keep_seconds=10.0)
    one, other = pictures.keep(b"one"), pictures.keep(b"other")
    clock.now = 8
    assert pictures.get(one).content == b"one"
    clock.now = 12
    assert pictures.get(one).content == b"one"
    with pytest.raises(Refusal, match="no longer"):
        pictures.get(other)
    assert len(pictures) == 1 and pictures.size == 3


def test_the_one_that_was_unused_for_longest_makes_room() -> None:
    pictures, _ = kept(keep_count=2)
    one, two = pictures.keep(b"1"), pictures.keep(b"2")
    pictures.get(one)
    three = pictures.keep(b"3")
    assert pictures.get(one).content == b"1" and pictures.get(three).content == b"3"
    with pytest.raises(Refusal):
        pictures.get(two)


def test_all_together_never_hold_more_than_may_be_kept() -> None:
    pictures, _ = kept(keep_bytes=100, body_limit=100)
    for size in (60, 30, 50, 100, 1):
        pictures.keep(bytes(size))
        assert pictures.size <= 100
    assert len(pictures) == 1 and pictures.size == 1


def test_names_cannot_be_guessed() -> None:
    pictures, _ = kept(keep_count=50)
    names = {pictures.keep(b"") for _ in range(50)}
    assert len(names) == 50 and all(len(name) >= 20 for name in names)


def test_old_ones_go_even_if_nobody_asks() -> None:
    async def wait(pictures: Pictures, clock: Clock) -> None:
        forgetting = asyncio.create_task(pictures.forget_in_time())
        clock.now = 1
        while len(pictures):
            await asyncio.sleep(0.005)
        forgetting.cancel()

    pictures, clock = kept(keep_seconds=0.05)
    pictures.keep(b"1")
    asyncio.run(asyncio.wait_for(wait(pictures, clock), 60))
