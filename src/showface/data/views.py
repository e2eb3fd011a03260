"""A further view of a person, made from a picture of them: mirrored, turned, bent, in other light, out of focus.

Lengths are pixels of a face of 256 and grow with the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from showface.images import from_unit, to_unit

UNIT = 1 / 256
MIRRORED, BLURRED = 0.5, 0.5  # shares of the views that are
TURN, SHIFT, SCALE = 6.0, 10.0, (0.93, 1.07)  # degrees, pixels in either direction, factor
BEND_POINTS, BEND = 6, 2.5  # points of the grid in each direction; standard deviation of what moves them, in pixels
LIGHT, GAMMA, COLOUR = 0.25, (0.8, 1.25), 0.08  # gain at one edge; exponent; gain of one channel
BLUR = 1.2  # largest sigma


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What is done to a picture, in this order; as it stands, nothing."""

    mirror: bool = False  # about the middle of the face
    scale: float = 1.0  # above 1: larger; about the middle of the picture, as `turn` is
    turn: float = 0.0  # degrees clockwise
    shift: tuple[float, float] = (0.0, 0.0)  # to the right, down
    # as `shift`, at points from corner to corner and smoothly between them
    bend: Float[np.ndarray, "2 rows columns"] = field(default_factory=lambda: np.zeros((2, 2, 2)))
    gamma: float = 1.0  # exponent of values in [0, 1]; above 1: darker
    light: tuple[float, float] = (0.0, 0.0)  # gain at the right and at the lower edge, its opposite at the others
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)  # gain of red, green and blue
    blur: float = 0.0  # sigma of a Gaussian


def random_change(rng: np.random.Generator) -> Change:
    """Every change by chance, within the ranges above."""
    light = float(rng.uniform(-LIGHT, LIGHT))
    shift, colour = rng.uniform(-SHIFT, SHIFT, 2).tolist(), rng.uniform(1 - COLOUR, 1 + COLOUR, 3).tolist()
    return Change(
        mirror=bool(rng.random() < MIRRORED),
        scale=float(rng.uniform(*SCALE)),
        turn=float(rng.uniform(-TURN, TURN)),
        shift=(shift[0], shift[1]),
        bend=rng.normal(0, BEND, (2, BEND_POINTS, BEND_POINTS)),
        gamma=math.exp(rng.uniform(math.log(GAMMA[0]), math.log(GAMMA[1]))),
        light=(light, 0.0) if rng.random() < 0.5 else (0.0, light),
        colour=(colour[0], colour[1], colour[2]),
        blur=float(rng.uniform(0, BLUR)) if rng.random() < BLURRED else 0.0,
    )


def changed(
    image: Float[Tensor, "1 3 size size"], hidden: Float[Tensor, "1 1 size size"], change: Change, middle: float = 0.5
) -> tuple[Float[Tensor, "1 3 size size"], Float[Tensor, "1 1 size size"]]:
    """A picture in [-1, 1] and what of it is hidden (1), both after `change`; what lies beyond the picture is hidden.

    `middle` is where the middle of the face is, in sides from the left.
    """
    size = image.shape[-1]
    places = _places(change, size, middle)
    moved = F.grid_sample(image, places, mode="bicubic", padding_mode="border", align_corners=False)
    visible = F.grid_sample(1 - hidden, places, mode="nearest", padding_mode="zeros", align_corners=False)
    unit = _relit(to_unit(moved).clamp(0, 1), change)
    return from_unit(_blurred(unit, change.blur * UNIT * size)), 1 - visible


def _places(change: Change, size: int, middle: float) -> Float[Tensor, "1 size size 2"]:
    """Where each pixel of the view comes from, (x, y) from -1 to 1: the changes of place undone, the last one first."""
    centres = (torch.arange(size) + 0.5) / size - 0.5
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    bend = torch.from_numpy(change.bend).float()[None] * UNIT
    bend = F.interpolate(bend, (size, size), mode="bicubic", align_corners=True)[0]
    x, y = x - change.shift[0] * UNIT - bend[0], y - change.shift[1] * UNIT - bend[1]
    turn = math.radians(change.turn)
    cosine, sine = math.cos(turn) / change.scale, math.sin(turn) / change.scale
    x, y = cosine * x + sine * y, cosine * y - sine * x
    if change.mirror:
        x = 2 * (middle - 0.5) - x
    return 2 * torch.stack([x, y], dim=-1)[None]


def _relit(unit: Float[Tensor, "1 3 size size"], change: Change) -> Float[Tensor, "1 3 size size"]:
    """A picture in [0, 1] in other light."""
    ramp = torch.linspace(-1, 1, unit.shape[-1])
    gain = 1 + change.light[0] * ramp + change.light[1] * ramp[:, None]
    colour = torch.tensor(change.colour)[:, None, None]
    return (unit.pow(change.gamma) * (gain * colour)).clamp(0, 1)


def _blurred(image: Float[Tensor, "1 3 size size"], sigma: float) -> Float[Tensor, "1 3 size size"]:
    """A Gaussian of `sigma` pixels, the edges repeated; none below a tenth of a pixel."""
    if sigma < 0.1:
        return image
    reach, size = math.ceil(3 * sigma), image.shape[-1]
    weights = torch.exp(-((torch.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    padded = F.pad(image, (reach, reach, reach, reach), mode="replicate")
    rows, result = torch.zeros_like(padded[:, :, :size]), torch.zeros_like(image)
    shares = list(enumerate((weights / weights.sum()).tolist()))
    for start, share in shares:  # sums of shifted pictures: `conv2d` takes four times as long
        rows.add_(padded[:, :, start : start + size], alpha=share)
    for start, share in shares:
        result.add_(rows[..., start : start + size], alpha=share)
    return result
