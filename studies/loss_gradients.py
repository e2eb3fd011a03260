"""How strongly each loss pulls at the output: gradient norms with respect to the raw completion (method.md §8).

    python -m studies.loss_gradients RECIPE --data FACES --masks MASKS --run RUN [--set mdrnets.weights.style=1 ...]

The run's coarse, face_parser and reconstruction stages must be finished; the generator is that of the newest
checkpoint of its mdrnets stage, or untrained. Every weight that is 0 in the recipe is not measured.
By method.md §8 the semantic and InCo2 terms should each pull 5 to 20 % as hard as the reconstruction (valid and hole).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import torch

from showface import recipes
from showface.data.batches import FaceSamples, batches
from showface.data.mask_sets import MaskSource
from showface.data.sources import face_sources
from showface.lean.precision import bf16_autocast
from showface.training.settings import with_settings
from showface.training.stages.mdrnets import MDRNetsStage
from showface.training.state import TrainState, checkpoints
from showface.weights import read_tensors


def gradient_norms(stage: MDRNetsStage, count: int) -> dict[str, float]:
    """The mean norm of each weighted term's gradient over `count` batches."""
    norms: dict[str, list[float]] = defaultdict(list)
    samples = FaceSamples(stage.config.data, seed=7)
    for batch in batches(samples, batch=stage.config.batch, first=0, last=count):
        stage.refined.requires_grad_(True)
        with bf16_autocast(stage.device):
            losses = stage.generator_losses(batch.to(stage.device))
        inputs = stage.judged[batch.part]
        for name, loss in losses.items():
            gradient = torch.autograd.grad(loss, inputs.raw, retain_graph=True, allow_unused=True)[0]
            norms[name].append(0.0 if gradient is None else float(gradient.norm()))
    return {name: sum(values) / len(values) for name, values in norms.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--data", required=True)
    parser.add_argument("--masks", default="")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--from", dest="earlier", type=Path, help="a run whose earlier stages are used")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()

    masks = MaskSource(folder=args.masks, drawn=0.2 if args.masks else 1.0)
    recipe = with_settings(recipes.recipe(args.recipe, tuple(face_sources(args.data)), masks), tuple(args.settings))
    config = replace(recipe.stage("mdrnets"), batch=4, auxiliary=0)
    torch.manual_seed(config.seed)
    stage = MDRNetsStage(recipe, config, (args.run,), torch.device("cpu"))
    found = checkpoints(args.run / "mdrnets")
    if found:
        tensors, facts = read_tensors(found[-1])
        modules = {phase.name: phase.network for phase in stage.phases()}
        optimisers: dict[str, torch.optim.Optimizer] = {}
        TrainState(modules, optimisers, {}).restore(tensors, int(facts["step"]))
    norms = gradient_norms(stage, args.batches)
    reconstruction = (norms["valid"] ** 2 + norms["hole"] ** 2) ** 0.5
    for name, norm in norms.items():
        print(f"{name:<12} {norm:.5f}  {norm / reconstruction:8.1%} of reconstruction")
    if args.out:
        args.out.write_text(json.dumps(norms, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
