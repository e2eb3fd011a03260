"""What happens to photographs: scratches, lettering across them, a piece cut out."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw, ImageFont

from showface.occluders.shapes import Points, grid, limb, seen_from

WORDS = (
    "summer", "Anna", "1987", "proof", "copy", "draft", "with love", "our family", "Hello", "SAMPLE", "October",
    "Studio", "No. 12", "greetings", "birthday", "DO NOT BEND", "holiday", "for you", "at home", "Paris", "2004",
)  # fmt: skip


def scratches(rng: np.random.Generator, size: int | tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Four to ten long thin lines, most of them in one direction, and specks of dust; never thinner than a pixel."""
    points = grid(size)
    pixel = 1 / min(points.shape[1:])
    shown = np.zeros(points.shape[1:], dtype=bool)
    direction = rng.uniform(0, math.pi)
    for _ in range(int(rng.integers(4, 11))):
        turn = direction + rng.normal(0, 0.15) if rng.random() < 0.8 else rng.uniform(0, math.pi)
        shown |= _scratch(rng, points, float(turn), pixel)
    for x, y, reach, angle in rng.uniform((0, 0, 0, 0), (1, 1, 0.02, math.pi), (int(rng.integers(4, 16)), 4)).tolist():
        end = (x + reach * math.cos(angle), y + reach * math.sin(angle))
        shown |= limb(points, (x, y), end, (max(0.004, 0.6 * pixel), max(0.003, 0.6 * pixel))) < 0
    return shown


def _scratch(rng: np.random.Generator, points: Points, turn: float, pixel: float) -> Bool[np.ndarray, "h w"]:
    """One line that wanders slowly off its direction, swells and thins out, and stops for a moment here and there."""
    centre = (float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.1, 0.9)))
    along, across = seen_from(points, centre, turn)
    half, amplitude, broad = rng.uniform((0.25, 0.0, 0.003), (0.8, 0.05, 0.009)).tolist()
    phases = rng.uniform(0, 2 * math.pi, 4)
    shown = np.asarray((np.abs(along) < half) & (np.abs(across) < amplitude + 0.03))  # it never strays further
    along, across = along[shown], across[shown]
    slow, quick, tremor, gaps = (np.sin(f * along + p) for f, p in zip((4, 11, 29, 17), phases, strict=True))
    path = amplitude * slow + 0.01 * quick + 0.002 * tremor
    thick = broad * (0.75 + 0.35 * tremor) * (1 - (along / half) ** 2).clip(0.2)
    shown[shown] = (np.abs(across - path) < np.maximum(thick, 0.6 * pixel)) & (gaps + quick > -1.7)
    return shown


def lettering(rng: np.random.Generator, size: int | tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """One to four lines of words in Pillow's own font, written across the picture at any slant below 40 degrees."""
    height, width = (size, size) if isinstance(size, int) else size
    side = 2 * min(height, width)  # drawn twice as large, for smooth letters at any slant
    lines = [" ".join(rng.choice(WORDS, int(rng.integers(1, 3)))) for _ in range(int(rng.integers(1, 5)))]
    text = "\n".join(lines)
    canvas = Image.new("L", (2 * width, 2 * height))
    draw = ImageDraw.Draw(canvas)
    wide, high = _extent(draw, text, 100.0)
    letters = 100 * side * min(rng.uniform(0.75, 1.0) / wide, rng.uniform(0.3, 0.6) / high)
    bold = int(letters * rng.uniform(0, 0.04))
    place = (width * (1 + float(rng.uniform(-0.1, 0.1))), height * (1 + float(rng.uniform(-0.3, 0.3))))
    draw.multiline_text(
        place, text, 255, ImageFont.load_default(max(1.0, letters)), anchor="mm", align="center", stroke_width=bold
    )
    turned = canvas.rotate(float(rng.uniform(-40, 40)), Image.Resampling.BICUBIC, center=place)
    return np.asarray(turned.resize((width, height), Image.Resampling.BOX)) >= 96


def _extent(draw: ImageDraw.ImageDraw, text: str, letters: float) -> tuple[float, float]:
    """Width and height of `text` in pixels when it is written with `letters` of that size."""
    left, top, right, bottom = draw.multiline_textbbox((0, 0), text, ImageFont.load_default(letters))
    return float(right - left), float(bottom - top)


def box(rng: np.random.Generator, size: int | tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """One upright rectangle that lies wholly within the picture's square and covers a large part of the face."""
    x, y = grid(size)
    width, height = rng.uniform(0.4, 0.65, 2)
    left = min(max(0.5 + rng.uniform(-0.2, 0.2) - width / 2, 0), 1 - width)
    top = min(max(0.55 + rng.uniform(-0.2, 0.2) - height / 2, 0), 1 - height)
    return np.asarray((x >= left) & (x < left + width) & (y >= top) & (y < top + height))
