"""Pictures that are kept in memory for a while, so that their bytes have to be sent only once."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from showface.images import Held
from showface.web.refusals import Refusal
from showface.web.settings import Settings


@dataclass
class _Kept:
    content: bytes
    until: float  # by the clock


class Pictures:
    """The kept pictures, by ids that nobody can guess; used from one thread only."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # what was used last comes last

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes of all kept pictures."""
        return sum(len(kept.content) for kept in self._kept.values())

    def keep(self, content: bytes) -> str:
        """Keeps one more and returns its id; those that were not used for longest make room."""
        self.forget_old()
        room = self._settings.keep_bytes - len(content)
        while self._kept and (len(self._kept) >= self._settings.keep_count or self.size > room):
            self._kept.popitem(last=False)
        name = secrets.token_urlsafe(16)
        self._kept[name] = _Kept(content, self._until())
        return name

    def get(self, name: str) -> Held:
        """The picture with this id, kept for the whole time again."""
        self.forget_old()
        if name not in self._kept:
            raise Refusal(404, "not_found", "this picture is not kept, or no longer; send it again")
        self._kept.move_to_end(name)
        self._kept[name].until = self._until()
        return Held("image", self._kept[name].content)

    def forget(self, name: str) -> None:
        """Forgets the picture with this id, if there is one."""
        self._kept.pop(name, None)

    def forget_old(self) -> None:
        """Forgets what was not used for too long."""
        now = self._clock()
        for name in [name for name, kept in self._kept.items() if kept.until <= now]:
            del self._kept[name]

    async def forget_in_time(self) -> None:
        """Forgets old pictures as long as it runs, so that they go even if nobody asks for any."""
        while True:
            await asyncio.sleep(self._settings.keep_seconds / 10)
            self.forget_old()

    def _until(self) -> float:
        return self._clock() + self._settings.keep_seconds
