"""Completing one 256 px face in every way there is, in one run: time, share of the processor's peak, what is lost.

    python benchmarks/speed.py [--runs 3] [--threads 2] [--without bfloat16 compiled onnx migan] [--give-back]

All complete the bundled generated faces under their masks, in turn, picture by picture, each twice in a row, of which
the second is timed: a way that is used has its weights at hand. Times are medians, MI-GAN's with bringing the picture
to its 512 px and back. Freed memory is kept, as in showface's commands, unless `--give-back` says otherwise (`showface
inpaint`, timed as well, keeps it anyway). The peak is the best of some large 3 x 3 convolutions in the same run. ONNX
and MI-GAN need the extra onnx; MI-GAN is fetched if it is not there. PSNR is that of the whole 8-bit picture,
completed. Where bfloat16 is only emulated it is measured for its loss alone.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
import torch.nn.functional as F
from record import machine, parser, show, write
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from showface import FaceInpainter
from showface.allocator import keep_freed_memory
from showface.errors import ShowFaceError
from showface.evaluation.measuring.levels import as_levels, as_signal
from showface.evaluation.methods.classical import telea
from showface.evaluation.methods.onnx_files import migan
from showface.export import Completion, Numbers, session_of, stored, traced
from showface.images import read_image
from showface.lean.mdrnets import lean as lean_form
from showface.lean.precision import computes_bf16
from showface.masks import read_mask
from showface.metrics.psnr import psnr
from showface.networks.mdrnets import MDRNets
from showface.weights import bundled

SAMPLES = bundled().parent / "samples"
BFLOAT16 = "lean, bfloat16"
Way = Callable[[Tensor, Tensor], Tensor]  # uint8 (1, 3, h, w) and bool (1, 1, h, w), True = hole, to uint8


def pictures() -> list[tuple[Tensor, Tensor]]:
    """The bundled faces and their masks."""
    found = []
    for face in sorted((SAMPLES / "faces").iterdir()):
        image = torch.from_numpy(np.asarray(read_image(face)).copy()).permute(2, 0, 1)[None]
        mask = torch.from_numpy(read_mask(SAMPLES / "masks" / f"{face.stem}.png"))[None, None]
        found.append((image, mask))
    return found


def of_network(network: Callable[[Tensor, Tensor], Tensor]) -> Way:
    """A network of signals as a way for levels."""

    @torch.inference_mode()
    def way(image: Tensor, mask: Tensor) -> Tensor:
        return as_levels(network(as_signal(image), mask.float()))

    return way


def of_session(session: Any) -> Way:
    """An exported file; what is hidden is 0, as of any ONNX method."""

    def network(image: Tensor, mask: Tensor) -> Tensor:
        arrays = {"image": (image * (1 - mask)).numpy(), "mask": mask.numpy()}
        return torch.from_numpy(session.run(None, arrays)[0])

    return of_network(network)


def in_bfloat16(network: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """As `precision="bfloat16"`, also where the processor only emulates it."""

    def rounded(image: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return network(image, mask)

    return rounded


def ways(inpaint: FaceInpainter, without: list[str]) -> Iterator[tuple[str, Way]]:
    """What is compared, by name; what this machine cannot do says why, and is left out."""
    lean = Completion(inpaint.lean)
    yield "as trained", of_network(Completion(inpaint.network))
    yield "lean", of_network(lean)
    rounded = Completion(lean_form(inpaint.network, torch.bfloat16))  # of `precision="bfloat16"`
    if "bfloat16" not in without:
        yield BFLOAT16, of_network(in_bfloat16(rounded))
    if "compiled" not in without:
        yield "compiled", of_network(torch.compile(lean))
        if "bfloat16" not in without and computes_bf16("cpu"):
            yield "compiled, bfloat16", of_network(in_bfloat16(torch.compile(rounded)))
    if "onnx" not in without:
        yield from exported(inpaint.network)
    if "migan" not in without:
        yield "MI-GAN", when_called(migan)
    yield "Telea", telea


def exported(network: MDRNets) -> Iterator[tuple[str, Way]]:
    """What `showface export onnx` writes, with weights stored in each of its ways."""

    @cache
    def content() -> bytes:
        return bytes(traced(network, 256).SerializeToString())

    def session(numbers: Numbers) -> Way:
        model = content()  # which says what to install where ONNX is missing
        import onnx

        return of_session(session_of(stored(onnx.load_from_string(model), numbers).SerializeToString()))

    for numbers in get_args(Numbers):
        yield f"ONNX {numbers}", when_called(partial(session, numbers))


def when_called(make: Callable[[], Way]) -> Way:
    """What `make` gives, made at the first call: what this machine cannot do fails there."""
    made = cache(make)
    return lambda image, mask: made()(image, mask)


def first_calls(found: Iterator[tuple[str, Way]], image: Tensor, mask: Tensor) -> dict[str, tuple[Way, float]]:
    """Every way after its first call, and the seconds that this took: compiling, for one."""
    ready = {}
    for name, way in found:
        start = time.perf_counter()
        try:
            way(image, mask)
        except (ShowFaceError, RuntimeError) as error:  # no compiler, no MI-GAN
            print(f"left out: {name}: {' '.join(str(error).split())[:200]}", file=sys.stderr)
            continue
        ready[name] = (way, time.perf_counter() - start)
    return ready


def measured(ready: dict[str, tuple[Way, float]], runs: int) -> tuple[dict[str, list[float]], dict[str, list[Tensor]]]:
    """Seconds of each completion, the ways in turn, twice each, and what came out for each picture."""
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    made: dict[str, list[Tensor]] = {name: [] for name in ready}
    for run in range(runs):
        for image, mask in pictures():
            for name, (way, _) in ready.items():
                if run and name == BFLOAT16 and not computes_bf16("cpu"):
                    continue
                way(image, mask)  # whose weights and threads the way before has pushed aside
                start = time.perf_counter()
                result = way(image, mask)
                seconds[name].append(time.perf_counter() - start)
                if run == 0:
                    made[name].append(torch.where(mask, result, image))
    return seconds, made


def operations(network: MDRNets) -> float:
    """Floating-point operations of one of `pictures`, on average."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for image, mask in pictures():
            network(as_signal(image), mask.float())
    return counter.get_total_flops() / len(pictures())


def peak() -> float:
    """Operations a second of the quickest of some large convolutions."""
    best = 0.0
    for width, side in ((128, 64), (256, 64), (192, 96), (128, 128)):
        x = torch.randn(1, width, side, side).contiguous(memory_format=torch.channels_last)
        kernel = torch.randn(width, width, 3, 3).contiguous(memory_format=torch.channels_last)
        for _ in range(6):
            start = time.perf_counter()
            F.conv2d(x, kernel, padding=1)
            best = max(best, 2 * 9 * (width * side) ** 2 / (time.perf_counter() - start))
    return best


def start_to_finish(runs: int) -> float:
    """Seconds of `showface inpaint` on one small face, median."""
    face = sorted((SAMPLES / "faces").iterdir())[0]
    mask = SAMPLES / "masks" / f"{face.stem}.png"
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        words = ["inpaint", str(face), "--mask", str(mask), "--out", str(Path(folder) / "out.png"), "--overwrite"]
        for _ in range(runs):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "showface.cli", *words, "--device", "cpu"], check=True, capture_output=True
            )
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def losses(made: dict[str, list[Tensor]]) -> dict[str, dict[str, float]]:
    """PSNR against the truth, and how far from the trained network's: in dB, and at most in levels of 255."""
    truths, exact = [image for image, _ in pictures()], made["as trained"]

    def mean_psnr(results: list[Tensor]) -> float:
        return statistics.mean(float(psnr(one, truth)) for one, truth in zip(results, truths, strict=True))

    rows = {}
    for name, results in made.items():
        gaps = [float((one.int() - other.int()).abs().max()) for one, other in zip(results, exact, strict=True)]
        value = mean_psnr(results)
        rows[name] = {"psnr": value, "psnr_lost": mean_psnr(exact) - value, "levels": max(gaps)}
    return rows


def main() -> None:
    options = parser(__doc__ or "", "speed")
    options.add_argument("--runs", type=int, default=3, help="times through the ten pictures (default: 3)")
    options.add_argument("--without", nargs="*", default=[], choices=["bfloat16", "compiled", "onnx", "migan"])
    options.add_argument("--give-back", action="store_true", help="freed memory goes back to the system")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    if not chosen.give_back:
        keep_freed_memory()
    facts, inpaint = machine(chosen.threads), FaceInpainter.from_pretrained(device="cpu")
    ready = first_calls(ways(inpaint, chosen.without), *pictures()[0])
    top = peak()
    seconds, made = measured(ready, chosen.runs)
    top = max(top, peak())
    lost, command = losses(made), start_to_finish(7)
    work = {
        name: operations(Completion(net)) for name, net in (("as trained", inpaint.network), ("lean", inpaint.lean))
    }
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    shares = {name: work[name] / statistics.mean(seconds[name]) / top for name in work}
    show(
        ["way", "ms", "fastest", "x lean", "share of peak", "first call (s)", "PSNR (dB)", "levels off"],
        [
            [
                name, f"{1000 * medians[name]:.0f}", f"{1000 * min(seconds[name]):.0f}",
                f"{medians[name] / medians['lean']:.2f}", f"{shares[name]:.0%}" if name in shares else "",
                f"{ready[name][1]:.1f}", f"{lost[name]['psnr']:.3f}",
                f"{lost[name]['levels']:.0f}" if name not in ("MI-GAN", "Telea") else "",
            ]
            for name in ready
        ],
    )  # fmt: skip
    print(f"\npeak of convolutions {top / 1e9:.0f} GFLOP/s; lean {work['lean'] / 1e9:.1f} GFLOP a face on average")
    print(f"showface inpaint, start to finish: {command:.2f} s")
    write(
        chosen.out,
        {
            "milliseconds": {name: 1000 * value for name, value in medians.items()},
            "fastest": {name: 1000 * min(times) for name, times in seconds.items()},
            "first_call_seconds": {name: taken for name, (_, taken) in ready.items()},
            "losses": lost,
            "gflop": {name: value / 1e9 for name, value in work.items()},
            "share_of_peak": shares,
            "peak_gflops": top / 1e9,
            "inpaint_seconds": command,
            "machine": facts,
        },
    )


if __name__ == "__main__":
    main()
