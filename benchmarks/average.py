"""Weights of one layout averaged with given shares, as the bundled ones are (history/releases.json).

    python benchmarks/average.py --out runs/z ninth=0.3 runs/x/around=0.4 runs/y/around=0.3

All networks are averaged but the face parser and the memory, which are those of the first. `--coarse RUN` puts the
coarse network that RUN trained in the place of the average's.
"""

import argparse
from pathlib import Path

from showface import weights
from showface.errors import ShowFaceError
from showface.training.state import read_tensors

KEPT = ("parser.", "memory.")


def part(text: str) -> tuple[str, float]:
    folder, _, share = text.rpartition("=")
    return folder, float(share)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parts", nargs="+", type=part, metavar="FOLDER=SHARE", help="the shares add up to 1")
    options.add_argument("--coarse", type=Path, help="the folder of a run")
    options.add_argument("--out", type=Path, required=True)
    chosen = options.parse_args()
    shares = [share for _, share in chosen.parts]
    if abs(sum(shares) - 1) > 1e-6:
        options.error(f"the shares add up to {sum(shares):g}, not to 1")
    loaded = [weights.load(folder) for folder, _ in chosen.parts]
    config, first = loaded[0]
    if any(other != config for other, _ in loaded):
        options.error("the weights differ in layout")
    states = [state for _, state in loaded]
    average = {
        name: value
        if name.startswith(KEPT) or not value.is_floating_point()
        else sum(share * state[name].float() for share, state in zip(shares, states, strict=True))
        for name, value in first.items()
    }
    if chosen.coarse:
        coarse, _ = read_tensors(chosen.coarse / "coarse" / "network.safetensors")
        average |= {f"coarse.{name}": value for name, value in coarse.items()}
    print(f"{weights.save(chosen.out, weights.build(config, average))} written")


if __name__ == "__main__":
    try:
        main()
    except ShowFaceError as error:
        raise SystemExit(f"average.py: {error}") from None
