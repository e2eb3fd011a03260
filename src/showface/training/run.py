"""A whole run: the stages of a recipe one after the other in one folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console

from showface.training.configuration import Recipe
from showface.training.loop import train_stage


def train(recipe: Recipe, out: Path, *, stages: tuple[str, ...] = (), device: torch.device, console: Console) -> None:
    """Train `stages` of `recipe` (all if empty) in `out`; the same call goes on where an earlier one stopped."""
    chosen = [recipe.stage(name) for name in stages] or list(recipe.stages)
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1), encoding="utf-8")
    for config in chosen:
        train_stage(recipe, config, out, device=device, console=console)
