"""The measures by name: how each is written, which way is better, and what it needs (method section 9).

Those of single pictures are means over pictures with a bootstrap interval; FID and KID compare two sets of pictures.
The default is what needs no file of others, so that the same command gives the same columns everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxtyping import Float, UInt8
from torch import Tensor

from showface.errors import SettingError, unknown
from showface.metrics.l1 import l1
from showface.metrics.psnr import psnr
from showface.metrics.ssim import ssim

PictureMetric = Callable[[UInt8[Tensor, "b 3 h w"], UInt8[Tensor, "b 3 h w"]], Float[Tensor, " b"]]
"""From completed pictures and their truths, RGB in 0..255, to one value each."""


@dataclass(frozen=True)
class Measure:
    """One column of the table."""

    name: str
    heading: str
    digits: int  # after the point, as printed
    higher: bool  # whether more is better
    of_sets: bool = False  # one figure of a whole bucket, from Inception features


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("l1", "L1 (%) ↓", 2, higher=False),
        Measure("psnr", "PSNR (dB) ↑", 2, higher=True),
        Measure("ssim", "SSIM ↑", 4, higher=True),
        Measure("lpips", "LPIPS (alex) ↓", 4, higher=False),
        Measure("lpips_vgg", "LPIPS (vgg) ↓", 4, higher=False),
        Measure("fid", "FID ↓", 2, higher=False, of_sets=True),
        Measure("kid", "KID × 1000 ↓", 2, higher=False, of_sets=True),
        Measure("identity", "identity ↑", 3, higher=True),
    )
}
DEFAULT = ("l1", "psnr", "ssim")
PLAIN: dict[str, PictureMetric] = {"l1": l1, "psnr": psnr, "ssim": ssim}  # these need nothing


def chosen_measures(words: str) -> list[Measure]:
    """The measures of a list with commas, in the order of `MEASURES`; "all" is every one."""
    names = [name.strip() for name in words.split(",") if name.strip()]
    wanted = list(MEASURES) if names == ["all"] else names
    for name in wanted:
        if name not in MEASURES:
            raise SettingError(unknown("metric", name, MEASURES))
    if not wanted:
        raise SettingError(f"expected metrics, got none; known: {', '.join(MEASURES)}")
    return [measure for name, measure in MEASURES.items() if name in wanted]


def picture_metrics(measures: Sequence[Measure]) -> dict[str, PictureMetric]:
    """What computes those of `measures` that are of single pictures."""
    return {measure.name: PLAIN[measure.name] for measure in measures if not measure.of_sets}
