"""The pictures of a figure: a hole in red, categories in colour, shares as heat, flow as needles."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8
from PIL import Image, ImageDraw

from showface.images import picture_of, resize_image
from showface.semantics import PALETTE

PANEL = 256  # pixels; sides of every picture in the figure
INK, FAINT, MARK = (30, 30, 30), (130, 130, 130), (0, 190, 255)
HEAT = ((0, 0, 0), (110, 20, 110), (220, 60, 50), (255, 170, 40), (255, 250, 190))  # from nothing to the largest share
NEEDLE = 16  # pixels of a panel from one place to the next whose flow is drawn


def tinted(photo: Image.Image, hole: Bool[np.ndarray, "h w"]) -> Image.Image:
    """The photograph, small, with the hole in red."""
    small = fitted(photo)
    share = np.asarray(Image.fromarray(hole.astype(np.float32)).resize(small.size, Image.Resampling.BOX))[..., None]
    red = np.asarray(small) * (1 - 0.6 * share) + np.array((230, 40, 40)) * 0.6 * share
    return picture_of(red.round().astype(np.uint8))


def fitted(picture: Image.Image) -> Image.Image:
    """A picture of any size and form, as large as a panel holds."""
    scale = PANEL / max(picture.size)
    return resize_image(picture, (max(1, round(picture.height * scale)), max(1, round(picture.width * scale))))


def coloured(semantic_map: Int64[np.ndarray, "h w"]) -> Image.Image:
    colours: UInt8[np.ndarray, "h w 3"] = np.array(PALETTE, dtype=np.uint8)[semantic_map]
    return picture_of(colours).resize((PANEL, PANEL), Image.Resampling.NEAREST)


def heated(
    face: Image.Image, shares: Float[np.ndarray, "rows columns"], patch: tuple[float, float, float, float]
) -> Image.Image:
    """The face in grey, with the `shares` of its patches as heat and the `patch` they go to outlined."""
    shares = np.clip(shares, 0, None) / max(float(shares.max()), 1e-12)
    steps = np.linspace(0, 1, len(HEAT))
    heat = np.stack([np.interp(shares, steps, [colour[channel] for colour in HEAT]) for channel in range(3)], axis=2)
    large = picture_of(heat.astype(np.uint8)).resize((PANEL, PANEL), Image.Resampling.NEAREST)
    grey = face.convert("L").convert("RGB").resize((PANEL, PANEL))
    picture = Image.blend(grey, large, 0.7)
    left, top, right, bottom = (round(edge * PANEL) for edge in patch)
    ImageDraw.Draw(picture).rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=MARK, width=2)
    return picture


def needled(
    picture: Image.Image, flow: Float[np.ndarray, "2 rows columns"], hole: Bool[np.ndarray, "rows columns"]
) -> Image.Image:
    """From places of a panel a needle to where `flow` (in sides of the picture) looks; a dot where it looks there."""
    sheet = picture.resize((PANEL, PANEL))
    draw = ImageDraw.Draw(sheet)
    rows, columns = hole.shape
    for y in range(NEEDLE // 2, PANEL, NEEDLE):
        for x in range(NEEDLE // 2, PANEL, NEEDLE):
            cell = y * rows // PANEL, x * columns // PANEL
            right, down = (float(part[cell]) * PANEL for part in flow)
            colour, thick = (MARK, 2) if hole[cell] else (FAINT, 1)
            draw.line((x, y, x + right, y + down), fill=colour, width=thick)
            draw.rectangle((x - 1, y - 1, x + thick - 1, y + thick - 1), fill=colour)
    return sheet
