"""Finished weights, used otherwise than they were trained: what the memory and the mining are worth to them.

    python -m studies.variants --out variants [--weights WEIGHTS]
    showface evaluate --methods coarse,full,mean=variants/mean,... --against full --data ... --masks ... --out ...

Nothing is trained: `variants` holds the weights once for each row, with another configuration.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from showface import weights
from showface.networks.mdrnets import MDRNetsConfig


def variants(trained: MDRNetsConfig) -> dict[str, MDRNetsConfig]:
    """The rows: name and configuration."""
    memory = trained.memory
    return {
        "as_printed": replace(trained, memory=replace(memory, temperature=1.0, temperature_unit="cosine")),
        "no_mining": replace(trained, use_mask_region=False),
        "no_memory": replace(trained, use_memory=False, use_mask_region=False),  # the coarse face's own style
    }


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--weights", type=Path, default=weights.bundled())
    options.add_argument("--out", type=Path, required=True)
    chosen = options.parse_args()
    trained, state = weights.load(chosen.weights)
    for name, configuration in variants(trained).items():
        weights.save(chosen.out / name, weights.build(configuration, state), card={"variant": name})
        print(f"{name}={chosen.out / name}")


if __name__ == "__main__":
    main()
