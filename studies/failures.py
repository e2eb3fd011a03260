"""Draws failures.jpg of the model card: where the bundled weights fail, on generated faces that nobody trained on.

    python -m studies.failures --data FACES --limit 120 --report REPORT [--out src/showface/release/failures.jpg]

A row for each occlusion, from top to bottom in the order printed; in it the two worst faces by LPIPS and the worst of
the others by PSNR, each hidden (white), completed, true. Strokes, 40 to 60 % of the picture, are drawn by
`masks.draw_free_form`; parts of the face are found by the weights' own parser. What is measured stays in REPORT, as of
`showface evaluate`, whose reports of pictures under other masks it also takes:

    python -m studies.failures --data DATA/celebamask/val --masks DATA/masks/test --rows "" --strokes 0,0 \
        --report reports/val --methods telea,harmonic,coarse,full --metrics l1,psnr,ssim,lpips \
        --by lpips:7,psnr:3 --blocks 2 --side 256 --out worst.png

The table's last column is the strength of a grid in the filled part, of the completion and of the original, see `grid`.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.record import show as print_table
from showface.cli.measuring import bar, chosen_protocol, one_source
from showface.evaluation.comparison import ComparisonConfig, compare, write_report
from showface.evaluation.measuring.measures import MEASURES, chosen_measures
from showface.evaluation.measuring.runner import Measurement, show
from showface.evaluation.methods.named import contenders
from showface.evaluation.occlusions.rows import generator
from showface.evaluation.protocol.pairs import MadeMask, Pair, Protocol, ProtocolConfig, make_protocol
from showface.evaluation.report.gallery import OURS, Choice, Shown
from showface.images import contact_sheet, picture_of, resize_image
from showface.masks import draw_free_form
from showface.weights import bundled

ROWS = "glasses,hand,medical-mask,left-half,lower-face,eyes,eye-region"


def protocol_of(chosen: argparse.Namespace) -> Protocol:
    """The faces under --masks and with --rows and, if --strokes asks for it, a row of strokes."""
    table = dict(size=256, seed=chosen.seed, limit=chosen.limit, bucket_by="share", rows=chosen.rows)
    protocol = chosen_protocol(chosen.data, chosen.masks, **table)
    low, high = (float(word) for word in chosen.strokes.split(","))
    if not high:
        return protocol
    rows = protocol.pairs | {"strokes": _strokes(chosen, (low, high))}
    return make_protocol(ProtocolConfig(faces=protocol.config.faces, masks=None, seed=chosen.seed), more=rows)


def _strokes(chosen: argparse.Namespace, share: tuple[float, float]) -> list[Pair]:
    source = one_source(chosen.data)
    pairs = []
    for face in source.pictures()[: chosen.limit or None]:
        name = face.relative_to(source.folder).as_posix()
        make = partial(_drawn, name, chosen.seed, share)
        pairs.append(Pair(face, MadeMask("strokes", name, chosen.seed, make)))
    return pairs


def _drawn(name: str, seed: int, share: tuple[float, float], size: int) -> np.ndarray:
    return draw_free_form(generator("strokes", name, seed), size, share)


def worst(measurements: list[Measurement], bucket: str, by: str) -> list[Choice]:
    """The worst of a bucket by each metric of `by`, "lpips:2,psnr:1": as many as it says, no picture twice."""
    rows = [one for one in measurements if (one.method, one.bucket) == (OURS, bucket)]
    choices: dict[str, Choice] = {}
    for metric, count in (word.split(":") for word in by.split(",")):
        sign = 1 if MEASURES[metric].higher else -1
        left = sorted((one for one in rows if one.face not in choices), key=lambda one: sign * one.values[metric])
        for one in left[: int(count)]:
            choices[one.face] = Choice(bucket, "worst", one.face, one.mask, OURS, metric, one.values[metric])
    return list(choices.values())


def pictures(shown: Shown, side: int) -> list[Image.Image]:
    """Hidden, completed, true."""
    made = (picture_of(pixels.permute(1, 2, 0).numpy()) for pixels in shown.pictures().values())
    return [picture if picture.width == side else resize_image(picture, side) for picture in made]


def grid(pixels: torch.Tensor, hole: torch.Tensor) -> float:
    """How much more the picture (3, h, w) bends across the borders of 4 x 4 cells than within them; 1 = no grid.

    The pixel shuffle at the networks' output makes each cell of one vector. Mean absolute second differences in the
    hole, along rows and columns.
    """
    grey = pixels.float().mean(dim=0)
    across, within = [], []
    for picture, inside in ((grey, hole[0]), (grey.T, hole[0].T)):
        bend = (picture[2:] - 2 * picture[1:-1] + picture[:-2]).abs()
        border = torch.isin((torch.arange(len(bend)) + 1) % 4, torch.tensor((0, 3)))
        across.append(bend[border][inside[1:-1][border]])
        within.append(bend[~border][inside[1:-1][~border]])
    return float(torch.cat(across).mean() / torch.cat(within).mean())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", required=True)
    options.add_argument("--masks")
    options.add_argument("--rows", default=ROWS)
    options.add_argument("--strokes", default="0.4,0.6", help="share that strokes hide, LOW,HIGH; 0,0 = no strokes")
    options.add_argument("--methods", default=OURS)
    options.add_argument("--metrics", default="psnr,lpips")
    options.add_argument("--by", default="lpips:2,psnr:1", help="how many of the worst by which metric")
    options.add_argument("--limit", type=int, default=0)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--blocks", type=int, default=1, help="tables side by side, where a row is one face")
    options.add_argument("--side", type=int, default=112, help="of each picture, in pixels")
    options.add_argument("--report", type=Path, required=True)
    options.add_argument("--out", type=Path, default=bundled().parent / "failures.jpg")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    protocol = protocol_of(chosen)
    methods = contenders(chosen.methods, source=None, device="cpu", protocol=protocol)
    with bar("measuring") as progress:
        config = ComparisonConfig(out=chosen.report)
        comparison = compare(protocol, methods, chosen_measures(chosen.metrics), config, progress=progress)
    write_report(comparison, protocol, chosen.report)
    full = {one.name: one.method for one in methods if one.name == OURS}
    rows, told = [], []
    for bucket in protocol.pairs:
        row = worst(comparison.measurements, bucket, chosen.by)
        found = [Shown(one, *show(protocol, full, bucket, one.face, one.mask)) for one in row]
        rows.append([picture for shown in found for picture in pictures(shown, chosen.side)])
        told += [
            [bucket, one.choice.face, one.choice.mask, f"{one.choice.metric} {one.choice.value:.3f}",
             f"{grid(one.completed[OURS], one.mask):.2f}, {grid(one.truth, one.mask):.2f}"]
            for one in found
        ]  # fmt: skip
    if chosen.blocks > 1:  # one face a row
        rows = [row[first : first + 3] for row in rows for first in range(0, len(row), 3)]
    columns = ("hidden", "completed", "original") * (len(rows[0]) // 3)
    contact_sheet(rows, columns, blocks=chosen.blocks).save(chosen.out, quality=80)
    print_table(["hidden", "face", "mask", "value", "grid"], told)
    print(f"\nwrote {chosen.out}")


if __name__ == "__main__":
    main()
