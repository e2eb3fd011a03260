"""Cost of each method of an evaluation, for one 256 px picture, by hole share.

    python benchmarks/methods.py [--threads 2] [--pictures 8] [--methods telea,harmonic,coarse,full,migan]

Processor seconds do not depend on what else the machine does; pictures per second do.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from record import machine, parser, show, write

from showface.evaluation.measuring.runner import read_batch, result_of
from showface.evaluation.methods.contender import Contender
from showface.evaluation.methods.named import contenders
from showface.evaluation.protocol.pairs import Pair, ProtocolConfig, make_protocol
from showface.masks import draw_free_form

SIDE = 256


def made_up(folder: Path, count: int) -> tuple[Path, Path]:
    """Faces of soft colours, and a mask of each bucket."""
    rng = np.random.default_rng(0)
    for name in ("faces", "masks"):
        (folder / name).mkdir()
    for i in range(count):
        cells = Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        cells.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / "faces" / f"{i}.png")
    for i, share in enumerate((0.1, 0.3, 0.5)):
        Image.fromarray(draw_free_form(rng, SIDE, (share - 0.01, share))).save(folder / "masks" / f"{i}.png")
    return folder / "faces", folder / "masks"


def timed(one: Contender, bucket: str, pairs: list[Pair]) -> dict[str, float]:
    """Processor seconds of one picture and wall-clock speed, after a picture that does not count."""
    result_of(one.method, bucket, pairs[:1], *read_batch(pairs[:1], SIDE))
    images, masks = read_batch(pairs, SIDE)
    wall, processor = time.perf_counter(), time.process_time()
    result_of(one.method, bucket, pairs, images, masks)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {"processor_seconds": processor / len(pairs), "pictures_per_second": len(pairs) / wall}


def main() -> None:
    options = parser(__doc__ or "", "methods")
    options.add_argument("--pictures", type=int, default=8)
    options.add_argument("--methods", default="telea,navier_stokes,harmonic,biharmonic,coarse,full,migan")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    facts = machine(chosen.threads)
    with tempfile.TemporaryDirectory() as folder:
        faces, masks = made_up(Path(folder), chosen.pictures)
        protocol = make_protocol(ProtocolConfig(faces=faces, masks=masks, bucket_by="share"))
        found = {
            one.name: {bucket: timed(one, bucket, pairs) for bucket, pairs in protocol.pairs.items()}
            for one in contenders(chosen.methods, source=None, device="cpu", protocol=protocol)
        }
    print(f"{chosen.pictures} pictures of {SIDE} px, {chosen.threads} threads of {facts['processor']}\n")
    heading = [f"{bucket} %: {unit}" for bucket in protocol.pairs for unit in ("processor s", "pictures/s")]
    rows = [
        [name, *(f"{cell[key]:.3g}" for cell in row.values() for key in ("processor_seconds", "pictures_per_second"))]
        for name, row in found.items()
    ]
    show(["method", *heading], rows)
    write(chosen.out, {"pictures": chosen.pictures, "methods": found, "machine": facts})


if __name__ == "__main__":
    main()
