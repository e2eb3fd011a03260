"""Writes results/release.json: what the bundled weights are, and what only whoever trained them knows.

    python benchmarks/release.py --run runs/compact --name r19 --hours 40 --seen coarse=400000 --seen face_parser=12800

With --run, the weights of a finished training take the place of those in the package first: parameters as float16, one
file for each box; steps of the stages that the run did not train are those of the weights before.
Hash, size, steps, parameters and operations are read from the weights each time; the rest stays as it is unless an
option says otherwise. The pictures and masks that were learnt from are changed in the file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from inference import operations
from record import RESULTS, as_text, rounded

from showface import weights
from showface.evaluation.report.files import versions
from showface.networks.mdrnets import MDRNets
from showface.networks.profiles import profile
from showface.weights import weights_folder, weights_hash

OUT = RESULTS / "release.json"


def measured(folder: Path) -> dict[str, Any]:
    """What the weights in `folder` tell about themselves."""
    description = weights.read_description(folder)
    network = weights.build(*weights.load(folder)).eval()
    return {
        "sha256": weights_hash(folder),
        "megabytes": sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 1e6,
        "steps": description["card"]["steps"],
        "parameters": parameters(network),
        "gmac": gmac(network),
    }


def bring(run: Path) -> None:
    """The finished weights of `run` in place of the bundled ones, in the profile compact as it stands now."""
    folder, before = weights_folder(run), weights.read_description(weights.bundled())["card"]
    found = weights.read_description(folder)["card"]
    steps = {name: count if (run / name).is_dir() else before["steps"][name] for name, count in found["steps"].items()}
    card = {**found, "steps": steps}
    weights.save(weights.bundled(), weights.build(profile("compact"), weights.load(folder)[1]), card=card)


def parameters(network: MDRNets) -> dict[str, int]:
    """Learnt numbers of each box, and of all."""
    boxes = {name: sum(one.numel() for one in box.parameters()) for name, box in network.named_children()}
    return {**boxes, "total": sum(boxes.values())}


def gmac(network: MDRNets) -> dict[str, float]:
    """10^9 multiply-accumulates for one face, of each box and of all."""
    found = operations(network)
    return {name: found[name] for name in [*dict(network.named_children()), "total"] if name in found}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--run", type=Path, help="a finished training, or a folder of weights")
    options.add_argument("--name", help="r19")
    options.add_argument("--hours", type=float, help="of training in all, on two processor threads")
    options.add_argument("--seen", action="append", default=[], metavar="STAGE=N", help="pictures that a stage saw")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    if chosen.run:
        bring(chosen.run)
    content = json.loads(OUT.read_text(encoding="utf-8"))
    told = {name: value for name in ("name", "hours") if (value := getattr(chosen, name))}
    seen = {stage: int(count) for stage, _, count in (word.partition("=") for word in chosen.seen)}
    content |= {**told, "pictures seen": content["pictures seen"] | seen, **rounded(measured(weights.bundled()))}
    content["provenance"] |= {"weights": content["sha256"], "versions": versions()}
    OUT.write_text(as_text(content) + "\n", encoding="utf-8")
    print(f"wrote {OUT}; now make tables")


if __name__ == "__main__":
    main()
