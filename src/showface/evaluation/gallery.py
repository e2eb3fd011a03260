"""Which completed pictures a report shows, by a rule that nobody can bend: the best, the median and the worst.

In every bucket the pictures are ordered by one metric of one method; the other methods are shown on the same pictures,
so that they stand side by side under the same masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from showface.errors import SettingError, unknown
from showface.evaluation.runner import Measurement

RANKS = ("best", "median", "worst")
OURS = "full"  # the method whose values order the pictures, where it is measured
ORDERED_BY = "psnr"  # measured in every evaluation; higher is better


@dataclass(frozen=True)
class Choice:
    """One picture to show: the pair of face and mask that is `rank` in its bucket for `method`, with its value."""

    bucket: str
    rank: str
    face: str
    mask: str
    method: str
    value: float


@dataclass(frozen=True)
class Shown:
    """A choice with its pixels, RGB in 0..255: the truth, the hole (True) and what each method made of it."""

    choice: Choice
    truth: UInt8[Tensor, "3 h w"]
    mask: Bool[Tensor, "1 h w"]
    completed: Mapping[str, UInt8[Tensor, "3 h w"]]

    def pictures(self) -> dict[str, UInt8[Tensor, "3 h w"]]:
        """From left to right: masked (the hole white), each method, truth."""
        masked = torch.where(self.mask, torch.full_like(self.truth, 255), self.truth)
        return {"masked": masked, **self.completed, "truth": self.truth}


def choose(measurements: Sequence[Measurement], *, method: str | None = None) -> list[Choice]:
    """The best, median and worst picture of each bucket by the PSNR of `method` (None = `ordering_method`).

    Equal values are ordered by the names of face and mask. Of an even number the upper of the two middle pictures is
    the median. A bucket with fewer than three pictures shows no picture twice.
    """
    methods = list(dict.fromkeys(one.method for one in measurements))
    chosen = ordering_method(methods) if method is None else method
    if chosen not in methods:
        raise SettingError(unknown("method", chosen, methods))
    choices: list[Choice] = []
    for bucket in dict.fromkeys(one.bucket for one in measurements):
        rows = [one for one in measurements if (one.method, one.bucket) == (chosen, bucket)]
        rows.sort(key=lambda one: (-one.values[ORDERED_BY], one.face, one.mask))
        places = dict(zip((0, (len(rows) - 1) // 2, len(rows) - 1), RANKS, strict=True))
        if len(rows) == 1:
            places = {0: RANKS[0]}
        choices += [
            Choice(bucket, rank, rows[i].face, rows[i].mask, chosen, rows[i].values[ORDERED_BY])
            for i, rank in sorted(places.items())
        ]
    return choices


def ordering_method(methods: Iterable[str]) -> str:
    """Ours where it is measured, else the last of `methods`."""
    names = list(methods)
    return OURS if OURS in names else names[-1]


def rule(choices: Sequence[Choice]) -> str:
    """The sentence that says how the pictures were chosen."""
    return (
        f"Of every bucket the pictures with the highest, the median and the lowest PSNR of {choices[0].method}; all "
        "methods on the same pictures under the same masks, composited with the known pixels. Holes are white."
    )
