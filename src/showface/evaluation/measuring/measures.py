"""The measures by name: how each is written, which way is better, and what it needs (method.md §9).

Those of single pictures are means over pictures with a bootstrap interval; FID and KID compare two sets of pictures.
The default is what needs no file of others, so that the same command gives the same columns everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from showface import assets
from showface.errors import DataError, SettingError, unknown
from showface.evaluation.measuring.feature_store import FeatureStore
from showface.features.cache import FeatureCache
from showface.features.face_embedding import FaceEmbedding
from showface.features.inception import InceptionFeatures
from showface.features.lpips import LPIPSNetwork
from showface.metrics.fid import frechet_distance
from showface.metrics.identity import identity
from showface.metrics.kid import kernel_distance
from showface.metrics.l1 import l1
from showface.metrics.lpips import lpips
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


@dataclass(frozen=True)
class Distance:
    """A measure of two sets, its standard error over pictures, and what has to be said beside it."""

    value: float
    standard_error: float
    caveat: str


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
LEAST = 3  # pictures of a set
KID_UNIT = 1000  # it is so small that everyone prints a thousand times of it
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


def picture_metrics(measures: Sequence[Measure], *, batch: int = 8, device: str = "cpu") -> dict[str, PictureMetric]:
    """What computes those of `measures` that are of single pictures; networks are fetched and loaded here.

    The truth's features are held for as long as its batch is measured, for one method after the other.
    """
    wanted = [measure.name for measure in measures if not measure.of_sets]
    return {name: PLAIN[name] if name in PLAIN else _learnt(name, batch, device) for name in wanted}


def _learnt(name: str, batch: int, device: str) -> PictureMetric:
    if name == "identity":
        embedding = FaceEmbedding()  # always on the CPU
        return partial(identity, network=embedding, truth_network=FeatureCache(embedding))
    network = LPIPSNetwork.pretrained("vgg" if name == "lpips_vgg" else "alex").to(device)
    return partial(lpips, network=network, truth_network=FeatureCache(network, capacity=batch))


# ---------------------------------------------------------------------------------------------- sets


def feature_store(own: Path, *, device: str = "cpu") -> FeatureStore:
    """Inception features: of the faces in the cache folder, of completed pictures in `own`."""
    pinned = assets.ASSETS["inception"].sha256[:12]
    network = InceptionFeatures.pretrained().to(device)
    return FeatureStore(network, own=own, shared=assets.cache_folder() / "features" / f"inception-{pinned}")


def refuse_small_sets(measures: Sequence[Measure], counts: Mapping[str, int]) -> None:
    """FID and KID need a few pictures in every bucket; better said before hours of work."""
    names = [measure.name for measure in measures if measure.of_sets]
    small = [f"{bucket} has {count}" for bucket, count in counts.items() if count < LEAST]
    if names and small:
        raise DataError(f"{' and '.join(names)}: at least {LEAST} pictures a bucket are needed, {', '.join(small)}")


def distances(
    measures: Sequence[Measure], completed: Float64[np.ndarray, "n d"], truths: Float64[np.ndarray, "n d"]
) -> dict[str, Distance]:
    """Those of `measures` that are of sets; row i of both belongs to one face."""
    names, found = {measure.name for measure in measures}, {}
    if "fid" in names:
        fid = frechet_distance(completed, truths)
        found["fid"] = Distance(fid.value, fid.standard_error, fid.caveat or "")
    if "kid" in names:
        kid = kernel_distance(completed, truths)
        found["kid"] = Distance(KID_UNIT * kid.value, KID_UNIT * kid.standard_error, "")
    return found
