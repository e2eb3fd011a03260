"""How many pictures a second each stage of a recipe learns from, loading and augmenting included.

    python benchmarks/training.py [--recipe compact] [--threads 2] [--steps 24]

Runs the recipe itself for a few steps on the bundled sample faces (with made-up labels) and reads the run's own log;
the first report of each stage, in which everything is slower, does not count.
"""

from __future__ import annotations

import io
import json
import shutil
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from record import machine, parser, show, write
from rich.console import Console

from showface import recipes
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.training.configuration import Recipe
from showface.training.run import train
from showface.weights import bundled

SAMPLES = bundled().parent / "samples" / "faces"


def labelled_faces(folder: Path) -> FaceSource:
    """The sample faces, repeated to fill batches, each with a label map of three stripes."""
    shutil.copytree(SAMPLES, folder / "images")
    (folder / "labels").mkdir()
    stripes = np.repeat(np.arange(3, dtype=np.uint8), (86, 85, 85))[:, None].repeat(256, axis=1)
    for face in (folder / "images").iterdir():
        Image.fromarray(stripes).save(folder / "labels" / f"{face.stem}.png")
    return FaceSource(folder=str(folder / "images"), labels=str(folder / "labels"), repeat=100)


def shortened(recipe: Recipe, steps: int) -> Recipe:
    """The same stages for `steps` steps, with four reports and nothing written on the way."""
    stages = tuple(
        replace(stage, steps=steps, log_every=max(1, steps // 4), checkpoint_every=10**6, show_every=10**6)
        for stage in recipe.stages
    )
    return replace(recipe, stages=stages)


def main() -> None:
    options = parser(__doc__ or "", "training")
    options.add_argument("--recipe", default="compact")
    options.add_argument("--steps", type=int, default=24)
    options.add_argument("--device", default="cpu")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    facts = machine(chosen.threads)
    with tempfile.TemporaryDirectory() as folder:
        faces = labelled_faces(Path(folder) / "faces")
        recipe = shortened(recipes.recipe(chosen.recipe, (faces,), MaskSource(drawn=1.0)), chosen.steps)
        out = Path(folder) / "run"
        train(recipe, out, device=torch.device(chosen.device), console=Console(file=io.StringIO()))
        speeds = {stage.name: speed(out / stage.name / "log.jsonl") for stage in recipe.stages}
    rows = [[stage.name, str(stage.batch), f"{speeds[stage.name]:.1f}"] for stage in recipe.stages]
    print(f"recipe {chosen.recipe}, {chosen.threads} threads of {facts['processor']}\n")
    show(["stage", "batch", "pictures/s"], rows)
    write(chosen.out, {"recipe": chosen.recipe, "pictures_per_second": speeds, "machine": facts})


def speed(log: Path) -> float:
    """The median of all reports but the first."""
    reports = [json.loads(line)["images_per_second"] for line in log.read_text(encoding="utf-8").splitlines()]
    return statistics.median(reports[1:])


if __name__ == "__main__":
    main()
