"""The one training loop; every stage runs through it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from showface.configurations import to_plain
from showface.data.batches import Batch, FaceSamples, batches
from showface.data.unusable import Unusable
from showface.errors import NonFiniteError, WorkerError
from showface.training.configuration import Recipe, StageConfig
from showface.training.distributed.ranks import Ranks, kept_alike, refuse_other_start, refuse_uneven
from showface.training.interruption import StopSignals
from showface.training.stages import Stage, build_stage
from showface.training.state import (
    RESULT,
    Json,
    TrainState,
    is_finished,
    machine,
    resume,
    save_checkpoint,
    write_tensors,
)
from showface.training.update import average, make_optimiser, run_phase
from showface.training.watching.contact_sheet import SHOWN, write_sheet
from showface.training.watching.report import RunReport
from showface.training.watching.tracking import Pace, Tracker
from showface.weights import write_whole


def train_stage(
    recipe: Recipe,
    config: StageConfig,
    out: Path,
    *,
    ranks: Ranks,
    console: Console,
    earlier: Path | None = None,
    stop: StopSignals | None = None,
    named: set[Path] | None = None,
    report: RunReport | None = None,
) -> None:
    """Train one stage in `out/<stage>`, from its newest checkpoint if it has one; does nothing when it is finished.

    Results of the stages before it are read from `out`, or else from the run folder `earlier`. After a signal to `stop`
    the step is finished, a checkpoint saved and `StoppedError` raised. Pictures that cannot be used are named unless
    they are among `named`. The page of the run, `report`, is kept up to date. All processes of `ranks` learn from their
    parts of each batch, the first one writes.
    """
    name_picture = partial(console.print, soft_wrap=True, markup=False, highlight=False)
    console, device = console if ranks.first else Console(quiet=True), ranks.device
    say = partial(console.print, soft_wrap=True, markup=False, highlight=False)
    refuse_uneven(config, ranks.count)
    ranks.wait()  # for what the first one wrote of the stage before
    if is_finished(out, config.name):
        say(f"{config.name}: finished before, {out / config.name / RESULT} is kept")
        return
    stop, folder = stop or StopSignals(), out / config.name
    # ---- networks, optimisers, state
    torch.manual_seed(config.seed)
    stage = build_stage(recipe, config, (out,) if earlier is None else (out, earlier), device)
    phases = stage.phases()
    state = TrainState.start(
        {phase.name: phase.network for phase in phases},
        {phase.name: make_optimiser(phase.network, phase.optimiser) for phase in phases},
        averaged={phase.name for phase in phases if phase.averaged and config.ema},
    )
    facts = {"configuration": stage.identity(), "machine": machine(device, ranks.count, config.accumulate)}
    resumed = resume(folder, state, facts, filled=stage.filled, say=say)
    refuse_other_start(ranks, state)
    if ranks.first:
        write_recipe(out, recipe)
    # ---- data
    samples = FaceSamples(config.data, seed=config.seed)
    unusable = replace(samples.unusable(), say=name_picture, named=set() if named is None else named)
    stream = batches(
        samples, batch=config.batch, first=state.step, last=config.steps, workers=config.workers, unusable=unusable,
        part=ranks.part,
    )  # fmt: skip
    shown = show_batch(samples, device, unusable)
    say(
        f"{config.name}: {config.steps:,} steps of {config.batch}, {len(samples):,} pictures an epoch"
        + (f", continues at step {state.step:,}" if resumed else "")
    )
    with Tracker(
        folder, stage=config.name, steps=config.steps, done=state.step, console=console, writes=ranks.first
    ) as tracker:
        pace = Pace(ranks.count)
        for batch in pace.timed(ranks.in_step(until_stopped(stream, stop))):
            # ---- one update of every phase
            stage.before_step(state.step)
            here = batch.to(device)
            apart = config.measures_gradients_in(state.step + 1)
            terms: dict[str, Tensor] = {}
            for phase in phases:
                try:
                    terms |= run_phase(phase, here, state, config, each_gradient=apart)
                except NonFiniteError as error:
                    if not ranks.first:  # all see the same; one tells
                        raise
                    raise NonFiniteError(stopped_before_update(error, folder, samples, state.step, config)) from error
            state.step += 1
            average(state, config.ema)
            tracker.advance()
            stopping = ranks.share(stop)
            # ---- what was learnt so far
            last = state.step == config.steps
            if config.reports_after(state.step):
                losses = {name: float(value) for name, value in terms.items()}
                tracker.report(state.step, pace.measured() | losses | stage.diagnostics(), stage.tables())
            if last or state.step % config.checkpoint_every == 0 or stopping:
                save_together(folder, state, facts, ranks, say)
            if ranks.first and (last or state.step % config.show_every == 0):
                write_sheet(folder / f"sheet-{state.step:08d}.jpg", stage.show(shown, state.averages))
            if report is not None:
                report.refresh()
            if stopping and not last:
                stop.obey(saved_at(state.step, config))
        if state.step < config.steps:  # the loading processes got the signal before this one did
            ranks.share(stop)
            save_together(folder, state, facts, ranks, say)
            stop.obey(saved_at(state.step, config))
    if ranks.first:
        finish(stage, state, out, facts)
    say(f"{config.name}: done, {folder / RESULT}")


def save_together(folder: Path, state: TrainState, facts: Json, ranks: Ranks, say: Callable[[str], None]) -> None:
    """A checkpoint, written by the first process once it is sure that all of them hold the same state."""
    if not kept_alike(ranks, state):
        say(f"the processes drifted apart before step {state.step:,}: all go on with the state of the first")
    if ranks.first:
        save_checkpoint(folder, state, facts)


def until_stopped(stream: Iterator[Batch], stop: StopSignals) -> Iterator[Batch]:
    """The batches of `stream`, which ends early where a signal to the whole process group ended its processes, too."""
    try:
        yield from stream
    except WorkerError:
        if stop.received is None:
            raise


def saved_at(step: int, config: StageConfig) -> str:
    """How far a run got that was stopped."""
    return f"{config.name}: checkpoint saved at step {step:,} of {config.steps:,}"


def finish(stage: Stage, state: TrainState, out: Path, facts: Json) -> None:
    """Write the stage's result, averaged weights if there are any; what later stages read comes last."""
    result = stage.result(state.networks | state.averages)
    stage.deliver(result, out)
    write_tensors(out / stage.config.name / RESULT, result.state_dict(), facts | {"step": state.step})


def show_batch(samples: FaceSamples, device: torch.device, unusable: Unusable, count: int = SHOWN) -> Batch:
    """The same few pictures for every contact sheet of a run."""
    first = next(batches(samples, batch=count, first=0, last=1, unusable=unusable))
    return first.to(device)


def write_recipe(out: Path, recipe: Recipe) -> None:
    """Keep the complete configuration of a run beside its results, for people."""
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "recipe.json", (json.dumps(to_plain(recipe), indent=1) + "\n").encode())


def stopped_before_update(
    error: NonFiniteError, folder: Path, samples: FaceSamples, step: int, config: StageConfig
) -> str:
    """The line that ends a run whose numbers broke; the pictures it broke on are listed in a file."""
    numbers = range(step * config.batch, (step + 1) * config.batch)
    pictures = folder / f"non-finite-{step:08d}.txt"
    write_whole(pictures, "".join(f"{samples.usable(number)[0].face.picture}\n" for number in numbers).encode())
    return f"{config.name}: {error} at step {step:,}; stopped before the update, the pictures are listed in {pictures}"
