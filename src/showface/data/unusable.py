"""Pictures of a set that cannot be used: each is named once, and too many of them end the run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from showface.errors import DataError

SHOWN = 5  # names in the line that ends a run


@dataclass(frozen=True)
class Defect:
    """Why a picture, or its label map, could not be used; `reason` names the file that is to blame."""

    picture: Path
    reason: str


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=3)


@dataclass
class Unusable:
    """The defects found so far among `total` pictures; more than the share `limit` of them, in [0, 1], is too many."""

    total: int
    limit: float
    say: Callable[[str], None] = _warn  # told of every picture once
    named: set[Path] = field(default_factory=set)  # pictures it was told of before, by another stage of the run
    found: dict[Path, str] = field(default_factory=dict)  # picture -> reason, in the order they were met

    def too_many(self, count: int) -> bool:
        """Whether `count` unusable pictures are more than may be replaced."""
        return count > self.limit * self.total

    def note(self, defects: tuple[Defect, ...]) -> None:
        """Name what is new among `defects`; a `DataError` if there are too many by now."""
        for defect in defects:
            if defect.picture in self.found:
                continue
            self.found[defect.picture] = defect.reason
            if self.too_many(len(self.found)):
                raise DataError(too_many(len(self.found), self.total, self.limit, list(self.found.values())))
            if defect.picture not in self.named:
                self.named.add(defect.picture)
                self.say(f"{defect.reason}; another picture takes its place")


def too_many(count: int, total: int, limit: float, reasons: list[str]) -> str:
    """The line that ends a run."""
    more = f" and {count - SHOWN} more" if count > SHOWN else ""
    return (
        f"{count} of {total} pictures cannot be used, more than bad_limit = {limit:.1%} allows: "
        f"{'; '.join(reasons[:SHOWN])}{more}; remove them, or check what --data names"
    )
