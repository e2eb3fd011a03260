"""One row of the table: a method with what it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from showface.evaluation.measuring.runner import AnyMethod


@dataclass(frozen=True)
class Contender:
    """One row of the table."""

    name: str
    method: AnyMethod
    identity: str  # what its pictures depend on: a hash of weights or files, a package's version
    source: str  # where it comes from, for people
    records: tuple[Path, ...] = field(default=())  # lists of the pictures it was trained on


def records(chosen: Sequence[Contender]) -> list[Path]:
    """The lists of training pictures that the methods bring along."""
    return list(dict.fromkeys(record for one in chosen for record in one.records))
