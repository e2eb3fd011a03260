"""Which completed pictures a report shows, by a rule that leaves no choice: the best, the median and the worst.

In every bucket the pictures are ordered by one metric of one method; the other methods are shown on the same pictures
under the same masks, side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from showface.errors import SettingError, unknown
from showface.evaluation.measuring.measures import MEASURES
from showface.evaluation.measuring.runner import Measurement

RANKS = ("best", "median", "worst")
OURS = "full"  # the method whose values order the pictures, where it is measured
USUAL = "psnr"  # the metric that orders them, where it is measured


@dataclass(frozen=True)
class Choice:
    """One picture to show: the pair of face and mask that is `rank` in its bucket by `metric` of `method`."""

    bucket: str
    rank: str
    face: str
    mask: str
    method: str
    metric: str
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
    """The best, median and worst picture of each bucket for `method` (None = `ordering_method`), by PSNR.

    Where PSNR was not measured, the first metric that was takes its place. Equal values are ordered by the names of
    face and mask; of an even number the better of the two middle pictures is the median; no picture is shown twice in
    a bucket. Nothing is chosen where no single picture was measured.
    """
    methods = list(dict.fromkeys(one.method for one in measurements))
    chosen = ordering_method(methods) if method is None else method
    if chosen not in methods:
        raise SettingError(unknown("method", chosen, methods))
    metric = ordering_metric(one for one in measurements if one.method == chosen)
    choices: list[Choice] = []
    for bucket in dict.fromkeys(one.bucket for one in measurements) if metric else ():
        rows = [one for one in measurements if (one.method, one.bucket) == (chosen, bucket)]
        choices += [
            Choice(bucket, rank, one.face, one.mask, chosen, metric, one.values[metric])
            for rank, one in _ranked(rows, metric).items()
        ]
    return choices


def ordering_method(methods: Iterable[str]) -> str:
    """Ours where it is measured, else the last of `methods`."""
    names = list(methods)
    return OURS if OURS in names else names[-1]


def ordering_metric(measurements: Iterable[Measurement]) -> str:
    """PSNR, or the first metric of those measured; "" if there is none."""
    names = list(dict.fromkeys(name for one in measurements for name in one.values))
    return USUAL if USUAL in names else next(iter(names), "")


def _ranked(measurements: Sequence[Measurement], metric: str) -> dict[str, Measurement]:
    """The measurements that are shown, by their rank; those whose value is not defined are left out."""
    sign = -1 if MEASURES[metric].higher else 1
    defined = [one for one in measurements if not math.isnan(one.values.get(metric, math.nan))]
    rows = sorted(defined, key=lambda one: (sign * one.values[metric], one.face, one.mask))
    places: dict[int, str] = {}
    for rank, place in zip(("best", "worst", "median"), (0, len(rows) - 1, (len(rows) - 1) // 2), strict=True):
        if rows:
            places.setdefault(place, rank)
    by_rank = {rank: rows[place] for place, rank in places.items()}
    return {rank: by_rank[rank] for rank in RANKS if rank in by_rank}


def rule(choice: Choice) -> str:
    """The sentence that says how the pictures were chosen."""
    metric = MEASURES[choice.metric].heading.rstrip(" ↑↓")
    return (
        f"Of every bucket the best, the median and the worst picture by the {metric} of {choice.method}; all methods "
        "on the same pictures under the same masks, known pixels put back. Holes are white. Nothing was picked by hand."
    )
