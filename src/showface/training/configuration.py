"""What a training run is: a recipe of networks and stages, all frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from showface.data.batches import DataConfig
from showface.errors import SettingError, unknown
from showface.losses.objective import LossWeights, ObjectiveOptions
from showface.networks.discriminator import DiscriminatorConfig
from showface.networks.mdrnets import MDRNetsConfig
from showface.networks.reconstruction import ReconstructionConfig

StageName = Literal["face_parser", "coarse", "reconstruction", "mdrnets"]


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """Adam with decoupled weight decay, warm-up and schedule."""

    lr: float = 2e-4  # peak learning rate
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    warmup: int = 0  # steps of linear warm-up
    schedule: Literal["constant", "cosine"] = "constant"  # "cosine" falls to `final` of the peak at the last step
    final: float = 0.02  # share of the peak that "cosine" ends at
    drop_at: float = 1.0  # share of the steps after which the rate is multiplied by `drop`; 1 = never
    drop: float = 0.25
    clip: float = 0.0  # largest norm of the gradient; 0 = unlimited

    def __post_init__(self) -> None:
        if self.lr <= 0 or self.warmup < 0 or self.clip < 0 or not 0 < self.drop_at <= 1:
            raise SettingError(f"optimiser: lr must be positive, warmup and clip at least 0, drop_at in (0, 1]: {self}")


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One of the four stages: data, length, optimisation, losses, and how often it reports."""

    name: StageName
    steps: int  # optimiser steps
    batch: int = 8  # pictures per step
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    discriminator_optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    weights: LossWeights = field(default_factory=LossWeights)
    options: ObjectiveOptions = field(default_factory=ObjectiveOptions)
    auxiliary: int = 0  # pictures of a batch that the terms which need a network are computed on; 0 = all of them
    ema: float = 0.0  # decay of the averaged weights; 0 = no averaging
    precision: Literal["bf16", "fp32"] = "bf16"
    frozen_norm_from: float = 1.0  # share of the steps after which the encoder's batch norm is frozen; 1 = never
    workers: int = 0  # loading processes
    log_every: int = 20  # steps
    checkpoint_every: int = 200  # steps
    show_every: int = 400  # steps between contact sheets

    def __post_init__(self) -> None:
        known = ("face_parser", "coarse", "reconstruction", "mdrnets")
        if self.name not in known:
            raise SettingError(unknown("stage", self.name, known))
        if min(self.steps, self.batch, self.log_every, self.checkpoint_every, self.show_every) < 1:
            raise SettingError(f"stage {self.name}: steps, batch and intervals must be at least 1")
        if not 0 <= self.ema < 1:
            raise SettingError(f"stage {self.name}: ema must be in [0, 1), got {self.ema}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A complete run: networks and the stages in the order they are trained."""

    name: str
    networks: MDRNetsConfig
    reconstruction: ReconstructionConfig = field(default_factory=ReconstructionConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    stages: tuple[StageConfig, ...] = ()

    def stage(self, name: str) -> StageConfig:
        """The configuration of the stage called `name`."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise SettingError(unknown(f"stage of recipe {self.name}", name, [s.name for s in self.stages]))
