"""Where a step of a recipe's last stage goes: time of each loss, arithmetic, share of the machine's rate, memory.

    python benchmarks/training_cost.py [--recipe compact] [--runs 5] [--device cpu]

All networks are untrained, which changes no cost. "Rate" is the arithmetic of a whole step (torch's own count of
convolutions and matrix products, forward and backward) by its time; beside it that of a product of two 2048 x 2048
matrices in float32, measured in the same run.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace

import torch
from record import machine, parser, show, write
from torch.utils.flop_counter import FlopCounterMode
from untrained import Untrained, last_stage

from showface.data.batches import Batch
from showface.losses.configuration import LossWeights
from showface.training.stages import Phase
from showface.training.state import TrainState
from showface.training.update import make_optimiser, run_phase

NONE = dict.fromkeys(asdict(LossWeights()), 0.0)
SIDE = 2048


def seconds(work: Callable[[], object], runs: int, device: torch.device) -> float:
    """Median time of `work`, the device's queue included; the first run warms up."""
    found = []
    for _ in range(runs + 1):
        synchronise(device)
        began = time.perf_counter()
        work()
        synchronise(device)
        found.append(time.perf_counter() - began)
    return statistics.median(found[1:])


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory(device: torch.device) -> float:
    """MiB: of the GPU's own memory, or of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux


def loss_seconds(stage: Untrained, batch: Batch, runs: int, device: torch.device) -> dict[str, float]:
    """Forward and backward pass of each loss that has a weight, down to the completion."""
    with torch.no_grad():
        stage.generator_losses(batch)
    judged = stage.judged.pop(batch.part)
    stage.judged[batch.part] = judged

    def pass_of(name: str, weight: float) -> None:
        leaves = {field: getattr(judged, field).detach().requires_grad_(True) for field in ("raw", "completed")}
        stage._terms(replace(judged, **leaves), LossWeights(**(NONE | {name: weight})))["total"].backward()

    weights = {name: weight for name, weight in asdict(stage.config.weights).items() if weight}
    return {name: seconds(lambda n=name, w=weight: pass_of(n, w), runs, device) for name, weight in weights.items()}


def main() -> None:
    options = parser(__doc__ or "", "training_cost")
    options.add_argument("--recipe", default="compact")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--device", default="cpu")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    device, facts = torch.device(chosen.device), machine(chosen.threads)
    stage, batch = last_stage(chosen.recipe, device)[1:]
    config = stage.config
    phases = stage.phases()
    optimisers = {phase.name: make_optimiser(phase.network, phase.optimiser) for phase in phases}
    state = TrainState.start({phase.name: phase.network for phase in phases}, optimisers, averaged=set())

    def step(parts: tuple[Phase, ...] = phases) -> None:
        for phase in parts:
            run_phase(phase, batch, state, config)

    with FlopCounterMode(display=False) as counter:
        step()
    whole = seconds(step, chosen.runs, device)
    generator = seconds(lambda: step(phases[:1]), chosen.runs, device)
    losses = loss_seconds(stage, batch, chosen.runs, device)
    a = torch.randn(SIDE, SIDE, device=device)
    product = 2 * SIDE**3 / seconds(lambda: a @ a, chosen.runs, device)
    reached, peak = counter.get_total_flops() / whole, peak_memory(device)

    print(
        f"recipe {chosen.recipe}, {config.name}, batch {config.batch}, {chosen.threads} threads of {facts['processor']}"
    )
    rows = [
        ["a step", f"{whole:.2f} s", "100 %"],
        ["generator phase", f"{generator:.2f} s", f"{generator / whole:.0%}"],
    ]
    rows += [[f"loss {name}", f"{spent:.3f} s", f"{spent / whole:.1%}"] for name, spent in losses.items()]
    show(["part", "time", "share of the step"], rows)
    print(f"\n{config.batch / whole:.2f} pictures/s, loading aside; peak memory {peak:.0f} MiB")
    print(f"{reached / 1e9:.0f} GFLOP/s of {product / 1e9:.0f} of a matrix product: {reached / product:.0%}")
    write(
        chosen.out,
        {
            "recipe": chosen.recipe, "stage": config.name, "step_seconds": whole, "generator_seconds": generator,
            "loss_seconds": losses, "flop_per_second": reached, "matrix_product_flop_per_second": product,
            "peak_memory_mib": peak, "machine": facts,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
