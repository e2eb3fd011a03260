"""The mask convention, ratio buckets, compositing and free-form masks (paper section 4.1; method.md §1, §7.3).

A mask is 1 (True, white) where the picture is to be filled in, the **hole**, and 0 where it stays visible. In networks
it is a float tensor (b, 1, h, w) of exact zeros and ones; in files and arrays anything that `binarise` understands.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw
from torch import Tensor

from showface.errors import ImageError, MaskError
from showface.images import PIXEL_LIMIT, Source, open_image, resize_image, unit_values

BUCKETS = {"1-20": (0.01, 0.2), "20-40": (0.2, 0.4), "40-60": (0.4, 0.6)}  # hole shares, as in the paper's tables

PHOTOGRAPH = (
    "expected a mask of two colours, white where to fill in and black elsewhere, found a picture of many; paint the "
    "mask on a black picture of its own, or erase the part in the photograph and save it with transparency"
)
SMALL, REACH = 128, 5  # pixels along the longer side of a mask that is judged; how far from its edges levels may mix
OTHER = 0.05  # share of a photograph that has other colours than a mask
BETWEEN, PLAIN = (0.04, 0.09), 0.55  # shares with levels between the two of a mask; exactly at one of these
SHARP = 0.075  # of the spread of levels, by which pixels of no blurred mask differ from their neighbours


# ---------------------------------------------------------------------------------------------- reading


def read_mask(path: Source, *, pixel_limit: int = PIXEL_LIMIT) -> Bool[np.ndarray, "h w"]:
    """The mask in the picture file `path`; True = hole. See `binarise` for what counts as a hole."""
    picture = open_image(path, pixel_limit=pixel_limit)
    try:
        return mask_of(picture)
    except (ImageError, MaskError) as error:
        raise MaskError(f"{path}: {error}") from error


def mask_of(picture: Image.Image) -> Bool[np.ndarray, "h w"]:
    """The mask in a Pillow picture of any mode; True = hole."""
    if picture.mode in ("F", "I") or picture.mode.startswith("I;16"):
        values = unit_values(picture)
        ones = picture.mode != "F" and bool(np.all(values * 65535 <= 1))  # 0/1 stored with 16 bits
        return binarise(values * 65535 if ones else values)
    if picture.mode in ("P", "PA", "CMYK", "YCbCr", "HSV", "LAB"):
        picture = picture.convert("RGB" if picture.mode not in ("P", "PA") else "RGBA")
    return binarise(np.asarray(picture))


def binarise(values: np.ndarray) -> Bool[np.ndarray, "h w"]:
    """True where `values`, (h, w) or (h, w, channels), pass **half of their full scale**: 128 of 255, above 0.5 of 1.

    Bool is taken as it is; integers that are all 0 or 1 are a 0/1 mask; uint8 and uint16 have the full scale of their
    type; floats must lie in [0, 1]. Of colours the brightest channel counts, so a red mask is a mask. With alpha
    (2 or 4 channels) a transparent pixel is no hole; if the colours are all equal, alpha alone is the mask.

    Raises `MaskError` for a photograph (`is_photograph`), unless parts of it are transparent: these are the hole then,
    with a warning.
    """
    channels = values[..., None] if values.ndim == 2 else values
    if channels.ndim != 3 or not 1 <= channels.shape[2] <= 4:
        raise MaskError(f"expected a mask of shape (h, w) or (h, w, 1 to 4 channels), found {values.shape}")
    light = _above_half(channels)
    if channels.shape[2] in (1, 3):
        if is_photograph(channels):
            raise MaskError(PHOTOGRAPH)
        return np.asarray(light.any(axis=2))
    colours, opaque = channels[..., :-1], light[..., -1]
    if is_photograph(colours):
        if opaque.all() or not opaque.any():
            raise MaskError(PHOTOGRAPH)
        warnings.warn("the mask is a photograph with transparent parts; these are filled in", stacklevel=3)
        return np.asarray(~opaque)
    if np.array_equal(colours.min(axis=(0, 1)), colours.max(axis=(0, 1))) and not opaque.all():
        return np.asarray(opaque)
    return np.asarray(light[..., :-1].any(axis=2) & opaque)


def _above_half(values: np.ndarray) -> Bool[np.ndarray, "h w c"]:
    if values.dtype == np.bool_:
        return values
    if np.issubdtype(values.dtype, np.floating):
        if not (values.min(initial=0) >= 0 and values.max(initial=0) <= 1):  # also refuses NaN
            raise MaskError("expected a float mask in [0, 1], found other values; divide by its full scale")
        return np.asarray(values > 0.5)
    if not np.issubdtype(values.dtype, np.integer):
        raise MaskError(f"expected a mask of bool, integers or floats, found {values.dtype}")
    if values.max(initial=0) <= 1:
        return np.asarray(values == 1)
    if values.dtype not in (np.uint8, np.uint16):  # half of an int64's scale would call 0/255 an empty mask
        raise MaskError(f"expected a mask of {values.dtype} to hold 0 and 1 only; give uint8 for 0 to 255")
    return np.asarray(values > np.iinfo(values.dtype).max // 2)


def is_photograph(values: np.ndarray) -> bool:
    """Whether `values` (h, w, 1 or 3 channels), as `binarise` takes them, are a photograph and no mask.

    A mask has two colours, and between them what lies on the way from one to the other: at its edges, or everywhere if
    it is blurred. Seen small, so that neither noise nor traces of compression count, it is a photograph if other
    colours cover more than `OTHER` of it; or if, far from where both colours meet, levels between them cover more of it
    than `BETWEEN` allows for, and it is not blurred. The shares were chosen on 58 masks and 80 photographs.
    """
    if values.dtype == np.bool_ or (values.max(initial=0) <= 1 and not np.issubdtype(values.dtype, np.floating)):
        return False
    small = _seen_small(values)
    pixels = small.reshape(-1, small.shape[2])
    spread = float((pixels.max(0) - pixels.min(0)).max())
    near = max(12.0, 0.15 * spread)
    first = _commonest(pixels, near)
    away = np.abs(pixels - first).max(axis=1)
    far = away >= max(near, float(np.percentile(away, 99)))
    if not far.any():
        return False
    second = np.median(pixels[far], axis=0)
    way = second - first
    along = (pixels - first) @ way / (way @ way)
    beside = np.abs(pixels - first - along[:, None] * way).max(axis=1) > near
    if beside.mean() > OTHER:
        return True
    ends = [np.abs(pixels - end).max(axis=1).reshape(small.shape[:2]) <= near for end in (first, second)]
    there = torch.from_numpy(np.stack(ends))[:, None].float()
    both = (dilate(there, REACH)[:, 0] > 0).all(dim=0).numpy()
    between = float((~(ends[0] | ends[1] | both)).mean())
    plain = sum(float((np.abs(pixels - end).max(axis=1) <= 6).mean()) for end in (first, second))
    return between > (BETWEEN[0] if plain < PLAIN else BETWEEN[1]) and _is_sharp(small, spread)


def _seen_small(values: np.ndarray) -> Float[np.ndarray, "rows columns c"]:
    """`values` as levels of 255 with at most `SMALL` pixels along the longer side, each a mean."""
    scale = 255.0 if np.issubdtype(values.dtype, np.floating) else 255 / np.iinfo(values.dtype).max
    height, width = values.shape[:2]
    step = max(1, -(-max(height, width) // (4 * SMALL)))  # a quick cut first: every `step`-th pixel
    shrink = min(1.0, SMALL / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    channels = [
        Image.fromarray((channel * np.float32(scale)).astype(np.float32)).resize(size, Image.Resampling.BOX)
        for channel in np.moveaxis(values[::step, ::step], 2, 0)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=2)


def _commonest(pixels: Float[np.ndarray, "n c"], near: float) -> Float[np.ndarray, "c"]:
    """The median of the pixels in the fullest of the cells of half of `near`."""
    cells = (pixels // max(4.0, near / 2)).astype(np.int64)
    _, cell, counts = np.unique(cells @ (64 ** np.arange(cells.shape[1])), return_inverse=True, return_counts=True)
    return np.asarray(np.median(pixels[cell.reshape(-1) == counts.argmax()], axis=0))


def _is_sharp(small: Float[np.ndarray, "rows columns c"], spread: float) -> bool:
    """Whether a percent of the pixels or more stands out of its neighbours by more than `SHARP` of the spread."""
    channels = torch.from_numpy(np.ascontiguousarray(small)).permute(2, 0, 1)[:, None]
    around = F.avg_pool2d(F.pad(channels, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return float((channels - around).abs().flatten().quantile(0.99)) > SHARP * spread


def refuse_other_size(mask: Bool[np.ndarray, "h w"], size: tuple[int, int]) -> None:
    """Raises `MaskError` if `mask` is not of the picture's `size` (height, width)."""
    if mask.shape != size:
        raise MaskError(
            f"expected a mask of the picture's size {size[1]} x {size[0]}, found {mask.shape[1]} x {mask.shape[0]}; "
            "draw it on this picture or resize it (--resize-mask)"
        )


# ---------------------------------------------------------------------------------------------- resizing


def resize_visible(
    picture: Image.Image, mask: Bool[np.ndarray, "h w"], size: int | tuple[int, int]
) -> tuple[Image.Image, Bool[np.ndarray, "height width"]]:
    """An RGB picture and its mask at `size` (side of a square, or height and width); no hidden pixel shows.

    A cell is hidden if at most half of it is visible, but never are all of them. Far from the hole the picture is
    resized as any other; beside it, each cell is the mean of the visible pixels around it.
    """
    height, width = (size, size) if isinstance(size, int) else size
    pixels = np.where(mask[..., None], 0, np.asarray(picture)).astype(np.uint8)
    visible = Image.fromarray((~mask).astype(np.float32))
    shares = _resized(visible, height, width, Image.Resampling.BOX)
    hidden = shares < min(0.5, float(shares.max()))
    weights = _resized(visible, height, width, Image.Resampling.BILINEAR)[..., None]
    channels = [Image.fromarray(channel.astype(np.float32)) for channel in np.moveaxis(pixels, 2, 0)]
    sums = np.stack([_resized(channel, height, width, Image.Resampling.BILINEAR) for channel in channels], axis=2)
    means = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
    plain = np.asarray(resize_image(Image.fromarray(pixels), (height, width)))
    untouched = np.abs(_resized(visible, height, width, Image.Resampling.BICUBIC) - 1) < 1e-4
    values = np.where(untouched[..., None], plain, means.round().clip(0, 255))
    return Image.fromarray(values.astype(np.uint8)), hidden


def resize_nearest(mask: Bool[np.ndarray, "h w"], size: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """The mask at `size` (height, width), for one that was drawn at another size than its picture."""
    return _resized(Image.fromarray(mask.astype(np.uint8)), *size, Image.Resampling.NEAREST).astype(bool)


def _resized(channel: Image.Image, height: int, width: int, how: Image.Resampling) -> np.ndarray:
    return np.asarray(channel.resize((width, height), how))


# ---------------------------------------------------------------------------------------------- tensors


def mask_tensor(mask: Bool[np.ndarray, "h w"]) -> Float[Tensor, "1 1 h w"]:
    """A mask array as the float32 tensor that networks take; 1 = hole."""
    return torch.from_numpy(mask.astype(np.float32))[None, None]


def hole_share(mask: Tensor | np.ndarray) -> float:
    """The part of all cells that are hole, in [0, 1]; over a batch the mean."""
    return float(mask.mean()) if isinstance(mask, np.ndarray) else float(mask.float().mean())


def extent(part: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    """Rows and columns of the smallest upright rectangle that holds all of `part` (True); empty if there is none."""
    rows, columns = (np.flatnonzero(part.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def composite(
    known: Float[Tensor, "b c h w"], filled: Float[Tensor, "b c h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, "b c h w"]:
    """(1 - M) * known + M * filled, by selection: exact in every bit, and what the other side holds never matters."""
    return filled.where(mask > 0.5, known)


def thick_part(mask: Float[Tensor, "b 1 h w"], width: int) -> Float[Tensor, "b 1 h w"]:
    """1 where squares of `width` pixels (odd) fit into the hole (mask 1), 0 where it is thinner; 5 px of slope.

    A hole at the border of the picture is taken to go on beyond it. 0 outside the hole.
    """
    reach = width // 2
    known = F.pad((mask < 0.5).to(mask.dtype), (reach,) * 4)
    middles = F.pad(1 - _largest(known, width), (reach,) * 4)  # of the squares that fit
    return mask * F.avg_pool2d(_largest(middles, width), 5, 1, padding=2, count_include_pad=False)


def _largest(x: Float[Tensor, "b 1 h w"], width: int) -> Float[Tensor, "b 1 h2 w2"]:
    """The largest value in each square of `width` pixels."""
    return F.max_pool2d(F.max_pool2d(x, (width, 1), 1), (1, width), 1)


def downsample_mask(mask: Float[Tensor, "b 1 h w"], size: int | tuple[int, int]) -> Float[Tensor, "b 1 height width"]:
    """A cell is a hole if any of its pixels is, so that no hidden pixel leaks into what counts as visible.

    `size` is the side of a square or (height, width); it must divide that of the mask.
    """
    height, width = (size, size) if isinstance(size, int) else size
    rows, columns = mask.shape[-2:]
    if rows % height or columns % width:
        raise MaskError(f"expected a size that divides the mask's {rows} x {columns}, found {height} x {width}")
    if (rows, columns) == (height, width):
        return mask
    return F.max_pool2d(mask, (rows // height, columns // width))


def dilate(mask: Float[Tensor, "b 1 h w"], radius: int) -> Float[Tensor, "b 1 h w"]:
    """The hole grown by `radius` pixels in all eight directions."""
    return F.max_pool2d(mask, 2 * radius + 1, stride=1, padding=radius)


def dilate_by_one(mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """The hole and its one-pixel border, where the total variation is measured (method.md §2)."""
    return dilate(mask, 1)


# ---------------------------------------------------------------------------------------------- drawing


def draw_free_form(
    rng: np.random.Generator, size: int | tuple[int, int], share: tuple[float, float] = (0.01, 0.6)
) -> Bool[np.ndarray, "h w"]:
    """An irregular mask of strokes, blobs and rectangles; its hole share is uniform within `share`, ends included.

    `size` is the side of a square or (height, width). Each mask mixes the three shapes in its own proportion and
    coarseness. Shapes shrink as the share comes near; one that would overshoot is taken back.
    """
    height, width = (size, size) if isinstance(size, int) else size
    lowest, highest = math.ceil(share[0] * height * width), math.floor(share[1] * height * width)
    if not 0 <= lowest <= highest <= height * width:
        raise MaskError(f"no mask of {height} x {width} has a hole share between {share[0]} and {share[1]}")
    target = int(rng.integers(lowest, highest + 1))
    canvas, have = Image.new("L", (width, height)), 0
    mix, coarseness = rng.dirichlet((1.5, 1.0, 0.5)), rng.uniform(0.3, 0.9)
    speck = 0.06 * math.sqrt(height * width)  # nothing smaller is drawn
    for _ in range(60):
        if have >= target - speck * speck / 4:
            break
        attempt = canvas.copy()
        shape = _SHAPES[int(rng.choice(len(_SHAPES), p=mix))]
        shape(rng, ImageDraw.Draw(attempt), max(speck, coarseness * math.sqrt(target - have)))
        covered = attempt.histogram()[255]
        if covered <= highest and covered <= target * 1.05 + 1:
            canvas, have = attempt, covered
    return _grown(rng, np.asarray(canvas) > 0, max(0, target - have))


def _start(rng: np.random.Generator, draw: ImageDraw.ImageDraw) -> tuple[float, float]:
    width, height = draw.im.size
    return float(rng.uniform(0, width)), float(rng.uniform(0, height))


def _stroke(rng: np.random.Generator, draw: ImageDraw.ImageDraw, reach: float) -> None:
    """A thick line that wanders, with round ends; its area is roughly `reach` squared."""
    steps, thickness = int(rng.integers(6, 16)), max(1.0, reach * rng.uniform(0.2, 0.4))
    length = reach * reach / thickness / steps
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.45, steps))
    walk = np.stack([np.cos(angles), np.sin(angles)], 1).cumsum(0) * length
    points = [tuple(point) for point in (np.array(_start(rng, draw)) + walk - walk.mean(0)).tolist()]
    draw.line(points, fill=255, width=round(thickness), joint="curve")
    for x, y in (points[0], points[-1]):
        draw.ellipse((x - thickness / 2, y - thickness / 2, x + thickness / 2, y + thickness / 2), fill=255)


def _blob(rng: np.random.Generator, draw: ImageDraw.ImageDraw, reach: float) -> None:
    """A tilted ellipse with a wavy rim."""
    x, y = _start(rng, draw)
    turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = reach * rng.uniform(0.3, 0.6) * (1 + sum(_wave(rng, turns, k) for k in (2, 3, 5)))
    flatness, tilt = rng.uniform(0.5, 1.0), rng.uniform(0, np.pi)
    along, across = radius * np.cos(turns), radius * flatness * np.sin(turns)
    xs = x + along * np.cos(tilt) - across * np.sin(tilt)
    ys = y + along * np.sin(tilt) + across * np.cos(tilt)
    draw.polygon(list(zip(xs.tolist(), ys.tolist(), strict=True)), fill=255)


def _wave(rng: np.random.Generator, turns: np.ndarray, frequency: int) -> np.ndarray:
    return np.asarray(rng.uniform(0, 0.3) / frequency * np.sin(frequency * turns + rng.uniform(0, 2 * np.pi)))


def _rectangle(rng: np.random.Generator, draw: ImageDraw.ImageDraw, reach: float) -> None:
    x, y = _start(rng, draw)
    width, height = reach * rng.uniform(0.2, 0.6, 2)
    draw.rectangle((x - width, y - height, x + width, y + height), fill=255)


_SHAPES = (_stroke, _blob, _rectangle)


def _grown(rng: np.random.Generator, hole: Bool[np.ndarray, "h w"], missing: int) -> Bool[np.ndarray, "h w"]:
    """`hole` and exactly `missing` more pixels along its rim, where the shapes did not come close enough."""
    hole = hole.copy()
    while missing:
        rim = np.zeros_like(hole)
        rim[1:] |= hole[:-1]
        rim[:-1] |= hole[1:]
        rim[:, 1:] |= hole[:, :-1]
        rim[:, :-1] |= hole[:, 1:]
        places = np.flatnonzero(rim & ~hole)
        if not len(places):
            places = np.flatnonzero(~hole)[rng.integers(0, (~hole).sum(), 1)]
        chosen = rng.permutation(places)[:missing]
        hole.flat[chosen] = True
        missing -= len(chosen)
    return hole
