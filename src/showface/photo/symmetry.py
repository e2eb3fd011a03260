"""Where the mirror image of each place of a face lies, found from what is visible on both sides.

Faces are nearly symmetric, heads are turned and tilted, and brows are not alike. So the reflection about the face's
axis is followed by an affine map, fitted round the hole by Gauss-Newton steps (Lucas and Kanade 1981, with robust
weights), and that by a smooth flow (dense inverse search, Kroeger et al. 2016, as OpenCV has it), bounded by the size
of what is hidden. All compare luminance less its local mean, by its local contrast, so that light does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float

LUMINANCE = np.array((0.299, 0.587, 0.114), np.float32)
BLURS = (5.0, 2.5, 1.2)  # pixels, of the picture on which the affine map is fitted, one after the other
STEPS = 3  # Gauss-Newton steps at each
STIFFNESS = 1e-3  # of the affine map, against the mean square of its effect
WIDE, FINE = 20.0, 10.0  # pixels over which luminance is normalised, for the flow and for the affine map
FAINT = 25.0  # squared levels added to the local variance: flat skin is not blown up
SMOOTH = 16.0  # pixels over which the flow is averaged, by weights
BAND = 30  # pixels above and below a window that its normalisation uses
FACE = (127.0, 140.0, 80.0)  # pixels: middle (x, y) and extent of where the flow is trusted

Map = Float[np.ndarray, "h w"]


@dataclass(frozen=True, eq=False)
class Places:
    """For each pixel of a frame where its mirror image lies: (x, y) in pixel indices."""

    x: Float[np.ndarray, "h w"]
    y: Float[np.ndarray, "h w"]

    def of(
        self, values: Float[np.ndarray, "height width *c"], *, sharp: bool = False, border: int = cv2.BORDER_REPLICATE
    ) -> Float[np.ndarray, "h w *c"]:
        """`values` at those places: bilinear, or `sharp` (Lanczos); beyond the frame what `border` says."""
        how = cv2.INTER_LANCZOS4 if sharp else cv2.INTER_LINEAR
        return np.asarray(cv2.remap(values, self.x, self.y, how, borderMode=border))

    def shows(self, mask: Bool[np.ndarray, "height width"]) -> Float[np.ndarray, "h w"]:
        """How much of the mirror image of each pixel lies in `mask`, in [0, 1]; 0 beyond the frame."""
        return self.of(mask.astype(np.float32), border=cv2.BORDER_CONSTANT)


@dataclass(frozen=True, eq=False)
class Window:
    """Where symmetry is looked for: a bell round the middle of a hole."""

    x: float
    y: float
    spread: float  # pixels

    def weights(self, xs: Map, ys: Map) -> Map:
        """In (0, 1], falling with the distance from the middle."""
        return np.exp(-(((xs - self.x) / self.spread) ** 2 + ((ys - self.y) / self.spread) ** 2) / 2)


class Symmetry:
    """A completed face in its frame, and what of it was hidden."""

    def __init__(self, completed: Float[np.ndarray, "h w 3"], hidden: Bool[np.ndarray, "h w"], *, axis: float) -> None:
        """`completed` is RGB in 0..255; `axis` is the x of the face's axis in pixel indices."""
        self.hidden, self.axis = hidden, axis
        self.luminance: Map = (completed @ LUMINANCE).astype(np.float32)
        height, width = hidden.shape
        self.xs, self.ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))

    @cached_property
    def shape(self) -> Map:
        """Normalised luminance, a little blurred: what two sides are compared by."""
        return normalised(smooth(self.luminance, 1.5), FINE)

    def reflected(self) -> Places:
        """Mirrored about the axis and nothing else."""
        return Places(np.float32(2 * self.axis) - self.xs, self.ys)

    def places(self, window: Window) -> Places:
        """Reflection, affine map and flow, as they fit best in `window`."""
        return self._flowed(self._moved(self._fitted(window), window), limit=(window.spread / 16) ** 2)

    def agreement(self, places: Places, weights: Map) -> float:
        """The weighted correlation of the face with its mirror image, in [-1, 1]; -1 where there is nothing."""
        mirrored = places.of(self.shape)
        total = float(weights.sum())
        if total < 1:
            return -1.0
        one, other = (part - float((weights * part).sum()) / total for part in (self.shape, mirrored))
        sizes = float((weights * one * one).sum()) * float((weights * other * other).sum())
        return float((weights * one * other).sum()) / (float(np.sqrt(sizes)) + 1e-6)

    # ------------------------------------------------------------------------------------------ affine

    def _moved(self, affine: Float[np.ndarray, "2 3"], window: Window) -> Places:
        """The reflection of each place moved by `affine`, in which lengths count in spreads of the window."""
        across, down = (self.xs - window.x) / window.spread, (self.ys - window.y) / window.spread
        (a, b, c), (d, e, f) = affine.astype(np.float32)
        x, y = self.xs + a * across + b * down + c, self.ys + d * across + e * down + f
        return Places(np.float32(2 * self.axis) - x, y)

    def _fitted(self, window: Window) -> Float[np.ndarray, "2 3"]:
        """By how many pixels places move before they are reflected, so that both sides look alike in the window."""
        affine = np.zeros((2, 3))
        rows, columns = (
            np.arange(max(0, int(middle - 2 * window.spread)), min(side, int(middle + 2 * window.spread)), 2)
            for middle, side in zip((window.y, window.x), self.hidden.shape, strict=True)
        )
        cells = np.ix_(rows, columns)
        xs, ys = self.xs[cells], self.ys[cells]
        basis = np.stack([(xs - window.x) / window.spread, (ys - window.y) / window.spread, np.ones_like(xs)], -1)
        basis = basis.reshape(-1, 3).astype(np.float32)  # (n, 3)
        weights = window.weights(xs, ys).reshape(-1)
        seen = (~self.hidden[rows[0] : rows[-1] + 1]).astype(np.float32)
        for blur in BLURS:
            # rows are not mixed by the reflection, so those of the window, and a margin that steps may use, are enough
            shape = self._banded(blur, rows)
            layers = np.dstack([shape, cv2.Sobel(shape, -1, 1, 0) / 8, cv2.Sobel(shape, -1, 0, 1) / 8, seen])
            wanted = shape[np.ix_(rows - rows[0], columns)].reshape(-1)
            for _ in range(STEPS):
                moved = (basis @ affine.astype(np.float32).T).reshape(*xs.shape, 2)
                there = Places(
                    np.float32(2 * self.axis) - (xs + moved[..., 0]), ys - np.float32(rows[0]) + moved[..., 1]
                )
                mirrored, slope_x, slope_y, shown = there.of(layers).reshape(-1, 4).T
                affine = affine + _step(
                    affine, wanted - mirrored, weights * (shown > 0.9), basis, -slope_x[:, None], slope_y[:, None]
                )
        return affine

    def _banded(self, blur: float, rows: np.ndarray) -> Map:
        """The normalised luminance, blurred, of the rows from the first to the last of `rows`."""
        first, last = max(0, int(rows[0]) - BAND), min(len(self.hidden), int(rows[-1]) + BAND + 1)
        shape = normalised(smooth(self.luminance[first:last], blur), FINE)
        return np.ascontiguousarray(shape[int(rows[0]) - first : int(rows[-1]) + 1 - first])

    # ------------------------------------------------------------------------------------------ flow

    def _flowed(self, places: Places, *, limit: float) -> Places:
        """`places` moved on by a smooth flow of at most `limit` pixels; it is found at half the size."""
        shape = normalised(_halved(self.luminance), WIDE / 2)
        half = Places(*((_halved(part) - np.float32(0.5)) / 2 for part in (places.x, places.y)))  # pixel indices
        mirrored, shown = half.of(shape), half.shows(_halved((~self.hidden).astype(np.float32)) > 0.5)
        finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        finder.setFinestScale(0)
        finder.setVariationalRefinementIterations(0)
        flow = finder.calc(
            _levels(shape), _levels(mirrored), np.zeros((*shape.shape, 2), np.float32)
        )  # (h / 2, w / 2, 2), in its pixels
        flow = flow / np.maximum(1, np.linalg.norm(flow, axis=-1, keepdims=True) * np.float32(2 / limit))
        xs, ys = (np.ascontiguousarray(part[: len(shape), : shape.shape[1]]) for part in (self.xs, self.ys))
        there = Places(xs + flow[..., 0], ys + flow[..., 1])
        wrong = smooth((there.of(mirrored) - shape) ** 2, 2.0)
        edges = np.hypot(cv2.Sobel(shape, -1, 1, 0), cv2.Sobel(shape, -1, 0, 1)) / 2
        trust = (np.minimum(smooth(edges, 1.5), 2) + 0.05) * np.exp(-2 * wrong)
        trust *= there.of(shown, border=cv2.BORDER_CONSTANT) + 0.02
        trust *= Window(*FACE).weights(2 * xs + 0.5, 2 * ys + 0.5)
        sums = smooth(np.dstack([flow * trust[..., None], trust]), SMOOTH / 2)
        mean = _doubled(2 * sums[..., :2] / (sums[..., 2:] + np.float32(1e-6)), self.hidden.shape)
        onward = Places(self.xs + mean[..., 0], self.ys + mean[..., 1])
        return Places(onward.of(places.x), onward.of(places.y))


def _step(
    affine: Float[np.ndarray, "2 3"],
    wrong: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    basis: Float[np.ndarray, "n 3"],
    slope_x: Float[np.ndarray, "n 1"],
    slope_y: Float[np.ndarray, "n 1"],
) -> Float[np.ndarray, "2 3"]:
    """One Gauss-Newton step of the affine map for the differences `wrong`, large ones of which count less."""
    trust = weights / np.sqrt(1 + (wrong / 0.7) ** 2)
    jacobian = np.hstack([slope_x * basis, slope_y * basis])  # (n, 6)
    weighted = (jacobian * trust[:, None]).T / (trust.sum() + 1e-6)
    normal = weighted @ jacobian + np.diag(np.full(6, STIFFNESS + 1e-6))
    return np.asarray(
        np.linalg.solve(normal, weighted @ wrong - STIFFNESS * affine.reshape(-1)).reshape(2, 3).clip(-3, 3)
    )


def normalised(luminance: Map, spread: float) -> Map:
    """`luminance` less its mean over `spread` pixels, by its deviation there."""
    means = smooth(np.dstack([luminance, luminance * luminance]), spread)
    variance = np.maximum(means[..., 1] - means[..., 0] ** 2, 0)
    return np.asarray((luminance - means[..., 0]) / np.sqrt(variance + FAINT))


def smooth(values: Float[np.ndarray, "h w *c"], spread: float) -> Float[np.ndarray, "h w *c"]:
    """A Gaussian mean over `spread` pixels; wide ones are taken on a reduced copy, which tells no more."""
    step = 1
    while spread / step >= 4 and min(values.shape[:2]) // (2 * step) >= 16:
        step *= 2
    if step == 1:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), spread))
    height, width = values.shape[:2]
    small = cv2.resize(values, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.resize(cv2.GaussianBlur(small, (0, 0), spread / step), (width, height), interpolation=cv2.INTER_LINEAR)
    )


def _levels(shape: Map) -> np.ndarray:
    """Normalised luminance as the uint8 that the flow is found on."""
    return np.asarray((shape * 40 + 128).clip(0, 255).astype(np.uint8))


def _halved(values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h2 w2"]:
    height, width = values.shape[:2]
    return np.asarray(cv2.resize(values, (width // 2, height // 2), interpolation=cv2.INTER_AREA))


def _doubled(values: Float[np.ndarray, "h w c"], size: tuple[int, ...]) -> Float[np.ndarray, "height width c"]:
    return np.asarray(cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR))
