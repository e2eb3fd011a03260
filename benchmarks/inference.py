"""Cost of completing one 256 px face: time, operations, parameters and memory, by box of Figure 2.

    python benchmarks/inference.py [--profile compact] [--threads 2] [--runs 30]

Weights do not change the cost, so random ones serve. Times are medians; the memory is the highest that the whole
process held (Python and torch included) while it completed single faces.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections import defaultdict

import torch
from record import machine, parser, show, write
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from showface.networks.mdrnets import MDRNets
from showface.networks.profiles import profile
from showface.pipeline import SIDE, FaceInpainter

REST = "pooling, memory, pasting"


class BoxClock:
    """Adds up the time inside each direct child of a network."""

    def __init__(self, network: nn.Module) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._started: dict[str, float] = {}
        for name, box in network.named_children():
            box.register_forward_pre_hook(lambda *_, name=name: self._start(name))
            box.register_forward_hook(lambda *_, name=name: self._stop(name))

    def _start(self, name: str) -> None:
        self._started[name] = time.perf_counter()

    def _stop(self, name: str) -> None:
        self.seconds[name] += time.perf_counter() - self._started[name]


def face_and_mask() -> tuple[Tensor, Tensor]:
    """Noise in [-1, 1] with a hole of a quarter; the cost does not depend on what is shown."""
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[..., SIDE // 4 : 3 * SIDE // 4, SIDE // 4 : 3 * SIDE // 4] = 1
    return torch.rand(1, 3, SIDE, SIDE) * 2 - 1, mask


def timed(inpainter: FaceInpainter, runs: int) -> list[float]:
    """Seconds of each of `runs` completions, after three that do not count."""
    image, mask = face_and_mask()
    seconds = []
    for _ in range(runs + 3):
        start = time.perf_counter()
        inpainter.complete(image, mask)
        seconds.append(time.perf_counter() - start)
    return seconds[3:]


def operations(network: MDRNets) -> dict[str, float]:
    """Multiply-accumulates in units of 10^9: of each box, and of all under "total"."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*face_and_mask())
    counts = {name.removeprefix("MDRNets."): sum(c.values()) for name, c in counter.get_flop_counts().items()}
    return {name: count / 2e9 for name, count in counts.items() if "." not in name} | {
        "total": counter.get_total_flops() / 2e9
    }


def main() -> None:
    options = parser(__doc__ or "", "inference")
    options.add_argument("--profile", default="compact", help="paper, base or compact (default: compact)")
    options.add_argument("--runs", type=int, default=30)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    inpainter = FaceInpainter(MDRNets(profile(chosen.profile)), device="cpu")
    network, facts = inpainter.network, machine(chosen.threads)

    seconds = timed(inpainter, chosen.runs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB on Linux
    clock = BoxClock(inpainter.lean)
    whole = sum(timed(inpainter, chosen.runs)) * (chosen.runs + 3) / chosen.runs
    shares = {name: spent / whole for name, spent in clock.seconds.items()}
    macs = operations(network)
    sizes = {name: sum(p.numel() for p in box.parameters()) for name, box in network.named_children()}

    rows = [
        [name, f"{100 * shares.get(name, 0):.0f} %", f"{macs.get(name, 0):.2f}", f"{size / 1e6:.2f}"]
        for name, size in sizes.items()
    ]
    rows.append([REST, f"{100 * (1 - sum(shares.values())):.0f} %", "", ""])
    median = statistics.median(seconds) * 1000
    rows.append(["**all**", f"**{median:.0f} ms**", f"**{macs['total']:.2f}**", f"**{sum(sizes.values()) / 1e6:.2f}**"])
    print(f"{chosen.profile}, one {SIDE} px face, {chosen.threads} threads of {facts['processor']}\n")
    show(["box", "time", "GMAC", "M parameters"], rows)
    print(f"\nfastest {min(seconds) * 1000:.0f} ms; peak memory of the process {peak:.0f} MiB")
    write(
        chosen.out,
        {
            "profile": chosen.profile,
            "milliseconds": {"median": median, "fastest": min(seconds) * 1000, "runs": chosen.runs},
            "share_of_time": shares,
            "gmac": macs,
            "parameters": sizes | {"total": sum(sizes.values())},
            "peak_memory_mib": peak,
            "machine": facts,
        },
    )


if __name__ == "__main__":
    main()
