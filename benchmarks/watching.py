"""What it costs to watch a run: the gradient of each loss, and the page.

    python benchmarks/watching.py [--recipe compact] [--pairs 6]

Steps of the recipe's last stage are timed in pairs, with and without the gradients of single losses, on the bundled
sample faces; all networks are untrained, which changes no cost. The page is that of a run of 2,000 reports.
"""

from __future__ import annotations

import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from record import machine, parser, show, write
from rich.console import Console
from untrained import last_stage

from showface.data.batches import Batch
from showface.training.configuration import Recipe, StageConfig
from showface.training.stages.mdrnets import MDRNetsStage
from showface.training.state import TrainState
from showface.training.update import make_optimiser, run_phase
from showface.training.watching.contact_sheet import write_sheet
from showface.training.watching.report import PAGE, RunReport
from showface.training.watching.tracking import Tracker

REPORTS = 2000
CPU = torch.device("cpu")


def step_seconds(stage: MDRNetsStage, config: StageConfig, batch: Batch, pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of whole steps without and with the gradients of single losses, in turn."""
    phases = stage.phases()
    optimisers = {phase.name: make_optimiser(phase.network, phase.optimiser) for phase in phases}
    state = TrainState.start({phase.name: phase.network for phase in phases}, optimisers, averaged=set())
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * pairs + 2):
        began = time.perf_counter()
        for phase in phases:
            run_phase(phase, batch, state, config, each_gradient=number % 2 == 1)
        if number >= 2:  # the first of each warm up
            found[number % 2].append(time.perf_counter() - began)
    return found


def page_seconds(recipe: Recipe, config: StageConfig, out: Path) -> tuple[float, float, int]:
    """Seconds of writing the page of a long run for the first time and again, and its size in bytes."""
    folder = out / config.name
    terms = ("total", "valid", "hole", "perceptual", "style", "adversarial", "semantic", "intra", "inter", "gradient")
    memory = recipe.networks.memory
    with Tracker(folder, stage=config.name, steps=REPORTS * 20, done=0, console=Console(file=io.StringIO())) as tracker:
        tracker._board = None
        for number in range(1, REPORTS + 1):
            scalars = {name: 1.0 / number for name in terms} | {"images_per_second": 10.0, "waiting": 0.1}
            usage = [[number] * memory.slots] * memory.categories
            tracker.report(number * 20, scalars, {"slot_usage": usage, "sharpness": [0.5] * memory.categories})
    for number in range(8):
        write_sheet(folder / f"sheet-{number:08d}.jpg", [torch.rand(6, 3, 256, 256) for _ in range(5)])
    report, seconds = RunReport(out, recipe, [config]), []
    for _ in range(4):
        began = time.perf_counter()
        report.close("")
        seconds.append(time.perf_counter() - began)
    return seconds[0], statistics.median(seconds[1:]), (out / PAGE).stat().st_size


def main() -> None:
    options = parser(__doc__ or "", "watching")
    options.add_argument("--recipe", default="compact")
    options.add_argument("--pairs", type=int, default=6)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    facts = machine(chosen.threads)
    recipe, stage, batch = last_stage(chosen.recipe, CPU)
    config = stage.config
    without, with_them = step_seconds(stage, config, batch, chosen.pairs)
    once = statistics.median(b / a - 1 for a, b in zip(without, with_them, strict=True))
    every = config.log_every * config.gradients_every
    with tempfile.TemporaryDirectory() as folder:
        first, again, size = page_seconds(recipe, config, Path(folder))
    results = {
        "step_seconds": statistics.median(without), "gradients_cost_of_a_step": once,
        "gradients_cost_of_a_run": once / every,
        "page_first_seconds": first, "page_seconds": again, "page_bytes": size,
    }  # fmt: skip
    print(
        f"recipe {chosen.recipe}, last stage, batch {config.batch}, {chosen.threads} threads of {facts['processor']}\n"
    )
    rows = [
        ["a step", f"{results['step_seconds']:.2f} s"],
        ["gradients of single losses, in a step that measures them", f"+{once:.0%}"],
        [f"the same over a run, one step in {every}", f"+{once / every:.2%}"],
        ["the page after 2,000 reports, first time", f"{first:.2f} s"],
        ["the page after 2,000 reports, again", f"{again:.2f} s"],
        ["its size", f"{size / 1e6:.2f} MB"],
    ]
    show(["what", "cost"], rows)
    write(chosen.out, json.loads(json.dumps({"recipe": chosen.recipe} | results | {"machine": facts})))


if __name__ == "__main__":
    main()
