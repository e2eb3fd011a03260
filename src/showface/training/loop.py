"""The one training loop; every stage runs through it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn
from torch.optim import AdamW

from showface.data.batches import Batch, FaceSamples, batches
from showface.errors import NonFiniteError
from showface.training.configuration import OptimiserConfig, Recipe, StageConfig
from showface.training.contact_sheet import write_sheet
from showface.training.stages import Phase, Stage, build_stage
from showface.training.state import TrainState, resume, save_checkpoint, write_tensors


def train_stage(recipe: Recipe, config: StageConfig, out: Path, *, device: torch.device, console: Console) -> None:
    """Train one stage in `out/<stage>`, from its newest checkpoint if it has one; does nothing when it is finished."""
    from showface.training.tracking import Tracker

    folder, final = out / config.name, out / config.name / "network.safetensors"
    if final.exists():
        console.print(f"{config.name}: finished before, {final} is kept")
        return
    # ---- networks, optimisers, state
    torch.manual_seed(config.seed)
    stage = build_stage(recipe, config, out, device)
    phases = stage.phases()
    modules = {phase.name: phase.network for phase in phases}
    averaged = {phase.name for phase in phases if phase.averaged and config.ema}
    optimisers = {phase.name: make_optimiser(phase.network, phase.optimiser) for phase in phases}
    state = TrainState.start(modules, dict(optimisers), averaged=averaged)
    facts = {"configuration": {"recipe": recipe.name} | stage.identity()}
    if resume(folder, state, facts, console.print):
        console.print(f"{config.name}: continues at step {state.step} of {config.steps}")
    # ---- data
    samples = FaceSamples(config.data, seed=config.seed)
    console.print(f"{config.name}: {len(samples):,} pictures an epoch, {config.steps:,} steps of {config.batch}")
    stream = batches(samples, batch=config.batch, first=state.step, last=config.steps, workers=config.workers)
    shown = show_batch(samples, device)
    with Tracker(folder, stage=config.name, steps=config.steps, done=state.step, console=console) as tracker:
        clock, waited = time.perf_counter(), 0.0
        terms: dict[str, float] = {}
        for batch, wait in timed(stream):
            waited += wait
            # ---- one update of every phase
            stage.before_step(state.step)
            here = batch.to(device)
            report = state.step % config.log_every == config.log_every - 1 or state.step + 1 == config.steps
            for phase in phases:
                losses = run_phase(phase, here, state, config)
                if report:
                    terms |= {name: float(value) for name, value in losses.items()}
            state.step += 1
            average(state, config.ema)
            tracker.advance()
            # ---- what was learnt so far
            if report:
                seconds = time.perf_counter() - clock
                count = (state.step - 1) % config.log_every + 1
                tracker.report(
                    state.step,
                    {"images_per_second": config.batch * count / seconds, "waiting": waited / seconds} | terms
                    | stage.diagnostics(),
                )  # fmt: skip
                clock, waited = time.perf_counter(), 0.0
            if state.step % config.show_every == 0 or state.step == config.steps:
                write_sheet(folder / f"sheet-{state.step:08d}.jpg", stage.show(shown, state.averages))
            if state.step % config.checkpoint_every == 0 or state.step == config.steps:
                save_checkpoint(folder, state, facts)
    # ---- the result, averaged weights if there are any
    result = stage.result(state.averages or state.networks)
    write_tensors(final, {k: v.detach().contiguous().clone() for k, v in result.state_dict().items()}, facts)
    console.print(f"{config.name}: done, {final}")


def timed(stream: Iterator[Batch]) -> Iterator[tuple[Batch, float]]:
    """Each batch with the seconds it was waited for."""
    while True:
        start = time.perf_counter()
        batch = next(stream, None)
        if batch is None:
            return
        yield batch, time.perf_counter() - start


def show_batch(samples: FaceSamples, device: torch.device, count: int = 6) -> Batch:
    """The same few pictures for every contact sheet of a run."""
    first = next(batches(samples, batch=count, first=0, last=1))
    return first.to(device)


def make_optimiser(network: nn.Module, config: OptimiserConfig) -> AdamW:
    """Adam with decoupled weight decay on all parameters of a phase's network; vectors and scalars do not decay."""
    learning = list(network.parameters())
    groups = [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return AdamW([g for g in groups if g["params"]], lr=config.lr, betas=config.betas)


def learning_rate(config: OptimiserConfig, step: int, steps: int) -> float:
    """The rate of step number `step` (from 0) of `steps`."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = step / steps
    rate = config.lr * (config.drop if done >= config.drop_at else 1.0)
    if config.schedule == "cosine":
        through = (step - config.warmup) / max(1, steps - config.warmup)
        rate *= config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * through))
    return rate


def run_phase(phase: Phase, batch: Batch, state: TrainState, config: StageConfig) -> dict[str, Tensor]:
    """Losses, gradient, update of one phase; stops before the update if anything is not finite."""
    optimiser, where = state.optimisers[phase.name], batch.images.device.type
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(phase.optimiser, state.step, config.steps)
    phase.network.requires_grad_(True)
    with torch.autocast(where, torch.bfloat16, enabled=config.precision == "bf16"):
        losses = phase.losses(batch)
    refuse_non_finite({name: value.detach() for name, value in losses.items()}, state.step, phase.name)
    optimiser.zero_grad(set_to_none=True)
    losses["total"].backward()
    limit = phase.optimiser.clip or math.inf
    norm = nn.utils.clip_grad_norm_(phase.network.parameters(), limit)
    refuse_non_finite({"gradient": norm}, state.step, phase.name)
    optimiser.step()
    phase.network.requires_grad_(False)
    label = "" if phase.name == "generator" else f"{phase.name}_"
    return {f"{label}{name}": value.detach() for name, value in (losses | {"gradient": norm}).items()}


def refuse_non_finite(values: dict[str, Tensor], step: int, phase: str) -> None:
    """Stop with the names of all values that are NaN or infinite; the last checkpoint stays good."""
    bad = [name for name, value in values.items() if not torch.isfinite(value).all()]
    if bad:
        raise NonFiniteError(f"step {step}, {phase}: not finite: {', '.join(bad)}; stopped before the update")


@torch.no_grad()
def average(state: TrainState, decay: float) -> None:
    """Move the running averages; early on they follow faster. Buffers are copied."""
    decay = min(decay, (1 + state.step) / (10 + state.step))
    for name, mean in state.averages.items():
        network = state.networks[name]
        pairs = list(zip(mean.parameters(), network.parameters(), strict=True))
        torch._foreach_lerp_([m for m, _ in pairs], [p.detach() for _, p in pairs], 1 - decay)
        for kept, buffer in zip(mean.buffers(), network.buffers(), strict=True):
            kept.copy_(buffer)
