"""Speed of evaluation: pictures a second of every metric, and the seconds that FID and KID take of 2,000 features.

    python benchmarks/evaluation.py [--threads 2] [--batch 8] [--runs 5] [--count 2000]

Pictures are noise of 256 x 256, for the cost does not depend on what is shown. "Known truth" is the second method and
all after it, whose truths' features are kept. The processor's seconds tell the cost also where other programs run
beside. The networks are fetched once; identity is left out where its extra is not installed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from record import machine, parser, show, write
from torch import Tensor

from showface.errors import MissingExtraError
from showface.features.cache import FeatureCache
from showface.features.face_embedding import FaceEmbedding
from showface.features.inception import LENGTH, InceptionFeatures
from showface.features.lpips import LPIPSNetwork
from showface.metrics.fid import frechet_distance
from showface.metrics.identity import identity
from showface.metrics.kid import kernel_distance
from showface.metrics.l1 import l1
from showface.metrics.lpips import lpips
from showface.metrics.psnr import psnr
from showface.metrics.ssim import ssim

SIDE = 256
Metric = Callable[[Tensor, Tensor], object]


def metrics() -> dict[str, tuple[Metric, Metric | None]]:
    """By name: the metric, and the same where the truths' features are known (None: there are no features)."""
    found: dict[str, tuple[Metric, Metric | None]] = {"L1": (l1, None), "PSNR": (psnr, None), "SSIM": (ssim, None)}
    for trunk in ("alex", "vgg"):
        found[f"LPIPS ({trunk})"] = with_and_without_cache(lpips, LPIPSNetwork.pretrained(trunk))
    inception = InceptionFeatures.pretrained()
    found["FID and KID, features"] = (
        (lambda picture, truth: (inception(picture), inception(truth))),
        (lambda picture, truth: inception(picture)),
    )
    try:
        found["identity"] = with_and_without_cache(identity, FaceEmbedding())
    except MissingExtraError as missing:
        print(f"identity: {missing}\n")
    return found


def with_and_without_cache(metric: Callable[..., object], network: Callable[[Tensor], Tensor]) -> tuple[Metric, Metric]:
    known = partial(metric, network=network, truth_network=FeatureCache(network))
    return partial(metric, network=network), known


def timed(work: Callable[[], object], runs: int) -> dict[str, float]:
    """Medians of the seconds on the clock and of the processor's, after one run that does not count."""
    clock, processor = [], []
    for _ in range(runs + 1):
        start, start_processor = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - start_processor)
    return {"seconds": statistics.median(clock[1:]), "processor_seconds": statistics.median(processor[1:])}


def per_picture(batch: int, runs: int) -> dict[str, dict[str, float]]:
    """What a batch takes of every metric, in pictures."""
    picture, truth = torch.randint(0, 256, (2, batch, 3, SIDE, SIDE), dtype=torch.uint8)
    found = {}
    for name, (metric, known) in metrics().items():
        fresh = timed(partial(metric, picture, truth), runs)
        found[name] = {
            "pictures_per_second": batch / fresh["seconds"],
            "processor_ms_per_picture": 1000 * fresh["processor_seconds"] / batch,
        }
        if known is not None:
            again = timed(partial(known, picture, truth), runs)
            found[name]["pictures_per_second_known_truth"] = batch / again["seconds"]
    return found


def of_sets(count: int, runs: int) -> dict[str, dict[str, float]]:
    """What the distances of two sets of features take, once they are computed."""
    rng = np.random.default_rng(0)
    truth = rng.random((count, LENGTH))
    completed = truth + 0.1 * rng.normal(size=truth.shape)
    return {
        "FID": timed(lambda: frechet_distance(completed, truth), runs),
        "KID": timed(lambda: kernel_distance(completed, truth), runs),
    }


def main() -> None:
    options = parser(__doc__ or "", "evaluation")
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--count", type=int, default=2000, help="pictures of which FID and KID are taken")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    facts = machine(chosen.threads)
    print(f"{SIDE} px, batches of {chosen.batch}, {chosen.threads} threads of {facts['processor']}\n")

    pictures = per_picture(chosen.batch, chosen.runs)
    show(
        ["metric", "pictures/s", "pictures/s, known truth", "processor, ms a picture"],
        [
            [
                name,
                f"{row['pictures_per_second']:.1f}",
                f"{row['pictures_per_second_known_truth']:.1f}" if "pictures_per_second_known_truth" in row else "",
                f"{row['processor_ms_per_picture']:.0f}",
            ]
            for name, row in pictures.items()
        ],
    )
    print()
    sets = of_sets(chosen.count, 1)
    heading = [f"of {chosen.count} pictures", "seconds", "processor, seconds"]
    show(heading, [[n, f"{r['seconds']:.1f}", f"{r['processor_seconds']:.1f}"] for n, r in sets.items()])
    write(chosen.out, {"side": SIDE, "batch": chosen.batch, "count": chosen.count, "pictures": pictures, "sets": sets,
                       "machine": facts})  # fmt: skip


if __name__ == "__main__":
    main()
