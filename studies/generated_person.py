"""Pictures of generated persons, for trying what fine-tuning on one person's photographs gains (docs/finetune.md).

    pip install openvino numpy pillow
    pip download --no-deps -d wheels random-face==2021.6.9.0 && unzip -o wheels/random_face-*.whl -d wheels/random_face
    python -m studies.generated_person --model wheels/random_face --person 0 --count 60 --out person_0

A person is one style of MobileStyleGAN; each picture moves it a part of the way to another style: pose, light,
expression and background change, the face stays recognisable.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import openvino
from PIL import Image

PREFIX = "mobilestylegan_ffhq_"
FIRST = 950_000  # seeds of the persons; no picture that anything was trained on was made from those
TRUNCATION = 0.8


def networks(folder: Path, threads: int) -> list[openvino.CompiledModel]:
    """The mapping and the synthesis network below `folder`."""
    core, options = openvino.Core(), {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    return [core.compile_model(next(folder.rglob(f"{PREFIX}{kind}net.xml")), "CPU", options) for kind in "ms"]


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--model", type=Path, required=True, help="the unpacked wheel")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--person", type=int, default=0)
    options.add_argument("--count", type=int, default=60)
    options.add_argument("--change", type=float, default=0.35, help="share of another style in a picture, in [0, 1]")
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    mapping, synthesis = networks(chosen.model, chosen.threads)

    def style(random: np.random.RandomState) -> np.ndarray:
        found: np.ndarray = mapping([random.randn(1, 512).astype("float32")])[mapping.outputs[0]]
        return found

    random = np.random.RandomState(0)
    mean = np.mean([style(random) for _ in range(256)], axis=0)
    random = np.random.RandomState(FIRST + chosen.person)
    person = style(random)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for number in range(chosen.count):
        mixed = (1 - chosen.change) * person + chosen.change * style(random)
        outputs = synthesis([mean + TRUNCATION * (mixed - mean)])
        largest = max((outputs[o] for o in synthesis.outputs), key=lambda a: a.size)[0]  # (3, 1024, 1024) in [-1, 1]
        pixels = ((largest.transpose(1, 2, 0).clip(-1, 1) + 1) * 127.5).round().astype("uint8")
        face = Image.fromarray(pixels).resize((chosen.size, chosen.size), Image.Resampling.LANCZOS)
        face.save(chosen.out / f"{number:03d}.webp", quality=90, method=4)


if __name__ == "__main__":
    main()
