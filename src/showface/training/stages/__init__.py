"""The stages of training: face_parser, coarse, alignment, reconstruction, mdrnets, and one of each baseline's."""

from __future__ import annotations

from pathlib import Path

import torch

from showface.training.configuration import Recipe, StageConfig
from showface.training.stages.stage import Phase, Stage

__all__ = ["Phase", "Stage", "build_stage"]


def build_stage(recipe: Recipe, config: StageConfig, runs: tuple[Path, ...], device: torch.device) -> Stage:
    """The stage that `config` names, with its networks on `device`; earlier stages are read from the folders `runs`."""
    if config.name == "coarse":
        from showface.training.stages.coarse import CoarseStage

        return CoarseStage(recipe, config, runs, device)
    if config.name == "face_parser":
        from showface.training.stages.face_parser import FaceParserStage

        return FaceParserStage(recipe, config, runs, device)
    if config.name == "alignment":
        from showface.training.stages.alignment import AlignmentStage

        return AlignmentStage(recipe, config, runs, device)
    if config.name == "deepfillv2":
        from showface.training.stages.deepfillv2 import DeepFillV2Stage

        return DeepFillV2Stage(recipe, config, runs, device)
    if config.name == "reconstruction":
        from showface.training.stages.reconstruction import ReconstructionStage

        return ReconstructionStage(recipe, config, runs, device)
    from showface.training.stages.mdrnets import MDRNetsStage

    return MDRNetsStage(recipe, config, runs, device)
