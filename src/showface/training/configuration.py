"""What a training run is: a recipe of networks and stages, all frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from showface.baselines.deepfillv2 import DeepFillV2Config
from showface.data.batches import DataConfig
from showface.errors import SettingError, unknown
from showface.losses.configuration import LossWeights, ObjectiveOptions
from showface.networks.discriminator import DiscriminatorConfig
from showface.networks.mdrnets import MDRNetsConfig
from showface.networks.projected_discriminator import ProjectedDiscriminatorConfig
from showface.networks.reconstruction import ReconstructionConfig

StageName = Literal["face_parser", "coarse", "alignment", "reconstruction", "mdrnets", "deepfillv2"]
Method = Literal["adamw", "muon"]
Schedule = Literal["constant", "cosine"]
Precision = Literal["bf16", "fp32"]


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """Method, decoupled weight decay, warm-up and schedule."""

    method: Method = "adamw"  # "muon": of matrices the step is orthogonalised (training/muon.py); the rest by AdamW
    lr: float = 2e-4  # peak learning rate
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    warmup: int = 0  # steps of linear warm-up
    schedule: Schedule = "constant"  # "cosine" falls to `final` of the peak at the last step
    final: float = 0.02  # share of the peak that "cosine" ends at
    drop_at: float = 1.0  # share of the steps after which the rate is multiplied by `drop`; 1 = never
    drop: float = 0.25
    clip: float = 0.0  # largest norm of the gradient; 0 = unlimited

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise SettingError(unknown("method", self.method, get_args(Method)))
        if self.schedule not in get_args(Schedule):
            raise SettingError(unknown("schedule", self.schedule, get_args(Schedule)))
        if not (self.lr > 0 and self.warmup >= 0 and self.clip >= 0 and self.weight_decay >= 0):
            raise SettingError(
                f"optimiser: expected lr above 0 and warmup, clip, weight_decay of at least 0, got {self}"
            )
        if not (0 < self.drop_at <= 1 and 0 < self.drop <= 1 and 0 <= self.final <= 1):
            raise SettingError(f"optimiser: expected drop_at and drop in (0, 1] and final in [0, 1], got {self}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise SettingError(f"optimiser: expected betas in [0, 1), got {self.betas}")


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One stage: data, length, optimisation, losses, and how often it reports."""

    name: StageName
    steps: int  # optimiser steps
    batch: int = 8  # pictures per step, of all processes together
    seed: int = 0
    start: str = ""  # weights (a folder or a bundled release) or a run with this stage to begin with; "" = random ones
    data: DataConfig = field(default_factory=DataConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    discriminator_optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    weights: LossWeights = field(default_factory=LossWeights)
    options: ObjectiveOptions = field(default_factory=ObjectiveOptions)
    joint: bool = False  # whether the last stage trains the coarse network on, end to end with the refinement
    auxiliary: int = 0  # pictures of a batch that the terms which need a network are computed on; 0 = all of them
    ema: float = 0.0  # decay of the averaged weights; 0 = no averaging
    precision: Precision = "bf16"  # "bf16": bfloat16 where safe (autocast) and the device has it; weights stay float32
    frozen_norm_from: float = 1.0  # share of the steps after which the encoder's batch norm is frozen; 1 = never
    workers: int = 0  # loading processes, of each process of the run
    accumulate: int = 1  # parts in which the pictures of a step pass, one after the other, where memory is short
    recompute: bool = False  # compute activations again for the gradient instead of keeping them (checkpointing)
    compile: str = ""  # backend of torch.compile, such as inductor; "" = none
    log_every: int = 20  # steps
    checkpoint_every: int = 200  # steps
    show_every: int = 400  # steps between contact sheets
    gradients_every: int = 5  # reports between two that tell the norm of each loss's gradient; 0 = none does

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("stage", self.name, get_args(StageName)),
            ("precision", self.precision, get_args(Precision)),
        ):
            if value not in known:
                raise SettingError(unknown(kind, value, known))
        if min(self.steps, self.batch, self.log_every, self.checkpoint_every, self.show_every) < 1 or (
            min(self.workers, self.gradients_every) < 0
        ):
            raise SettingError(
                f"stage {self.name}: expected steps, batch and intervals of at least 1, workers and gradients_every "
                "of at least 0"
            )
        if not 0 <= self.auxiliary <= self.batch:
            raise SettingError(
                f"stage {self.name}: expected auxiliary from 0 to batch = {self.batch}, got {self.auxiliary}"
            )
        if not 0 <= self.ema < 1 or not 0 < self.frozen_norm_from <= 1:
            raise SettingError(
                f"stage {self.name}: expected ema in [0, 1) and frozen_norm_from in (0, 1], "
                f"got {self.ema} and {self.frozen_norm_from}"
            )

    def reports_after(self, step: int) -> bool:
        """Whether the log gets a line after step number `step`, counted from 1."""
        return step == self.steps or step % self.log_every == 0

    def measures_gradients_in(self, step: int) -> bool:
        """Whether that line tells the norm of each loss's gradient."""
        every = self.log_every * self.gradients_every
        return bool(every) and step % every == 0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A complete run: networks and the stages in the order they are trained."""

    name: str
    networks: MDRNetsConfig = field(default_factory=MDRNetsConfig)  # ours; of no effect on the stage of a baseline
    baseline: DeepFillV2Config | None = None  # the network of a method to compare with
    reconstruction: ReconstructionConfig = field(default_factory=ReconstructionConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    projected: ProjectedDiscriminatorConfig = field(default_factory=ProjectedDiscriminatorConfig)
    stages: tuple[StageConfig, ...] = ()

    def stage(self, name: str) -> StageConfig:
        """The configuration of the stage called `name`."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise SettingError(unknown(f"stage of recipe {self.name}", name, [s.name for s in self.stages]))
