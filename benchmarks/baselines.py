"""Cost of the baselines that we train: time, operations and parameters for one face.

    python benchmarks/baselines.py [--size 256] [--threads 2] [--runs 10]

Their published layouts with random weights, which do not change the cost. Training paces are in each run's log.
"""

from __future__ import annotations

import statistics
import time

import torch
from record import machine, parser, show, write
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from showface.baselines.table import BASELINES


def timed(network: nn.Module, image: Tensor, mask: Tensor, runs: int) -> list[float]:
    """Seconds of each of `runs` completions, after one that does not count."""
    seconds = []
    with torch.no_grad():
        for _ in range(runs + 1):
            start = time.perf_counter()
            network(image, mask)
            seconds.append(time.perf_counter() - start)
    return seconds[1:]


def main() -> None:
    options = parser(__doc__ or "", "baselines")
    options.add_argument("--size", type=int, default=256, help="side of the face in pixels (default: 256)")
    options.add_argument("--runs", type=int, default=10)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    facts, size = machine(chosen.threads), chosen.size
    image, mask = torch.rand(1, 3, size, size) * 2 - 1, torch.zeros(1, 1, size, size)
    mask[..., size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = 1
    costs: dict[str, dict[str, float]] = {}
    for name, row in BASELINES.items():
        network = row.network(row.config()).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(image, mask)
        costs[name] = {
            "milliseconds": statistics.median(timed(network, image, mask, chosen.runs)) * 1000,
            "gmac": counter.get_total_flops() / 2e9,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
        }
    print(f"one {size} px face, {chosen.threads} threads of {facts['processor']}\n")
    show(
        ["baseline", "time", "GMAC", "M parameters"],
        [
            [name, f"{cost['milliseconds']:.0f} ms", f"{cost['gmac']:.2f}", f"{cost['parameters'] / 1e6:.2f}"]
            for name, cost in costs.items()
        ],
    )
    write(chosen.out, {"size": size, "baselines": costs, "machine": facts})


if __name__ == "__main__":
    main()
