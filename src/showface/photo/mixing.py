"""Between two answers for a hole: the natural one, which looks real, and the faithful one, which errs the least.

Both may have the same eye at different places, and a cross-fade would show it twice. So both are first moved towards
each other along a smooth flow (dense inverse search, Kroeger et al. 2016, as OpenCV has it), to where the mixture is to
have them. Then the blurred answers are interpolated, the natural one's detail is dimmed, and the faithful one's detail
comes in: the later, the less both still have in common.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float

from showface.photo.mirror import Mirror
from showface.photo.symmetry import LUMINANCE, Places, normalised, smooth

FURTHEST = 8.0  # pixels that one answer may lie from the other
BLUR, WIDE = 1.5, 16.0  # pixels over which luminance is averaged and normalised before the flow is looked for
EVEN = 6.0  # pixels over which the flow is averaged, by weights
SETTLES = 8.0  # pixels from the hole's border to where the flow is all of itself; at the border nothing moves
KNOWN = 0.3  # weight of what is known, which does not move, in that average; an edge of the hole counts up to about 1
DETAIL = 4.0  # pixels: what is finer than this is detail
NEAR = 4.0  # pixels over which details are compared
FAINT = 9.0  # squared levels of detail that is too faint to contradict
LATE = 2.0  # how much later detail comes in that contradicts: as the power 1 + LATE of the fidelity

Face = Float[np.ndarray, "256 256 3"]  # RGB in 0..255, of a frame


@dataclass(frozen=True, eq=False)
class Change:
    """What is added to a completion and the mirrored pixels over it; 0 where nothing is hidden."""

    levels: Face
    texture: Float[np.ndarray, "256 256"]  # of the photograph's fine texture, beside what there is between those pixels


@dataclass(frozen=True, eq=False)
class Mixture:
    """An answer as it is put back: `completed`, over it `mirror` at the photograph's resolution, and `change` added."""

    completed: Face
    mirror: Mirror | None = None
    change: Change | None = None

    def picture(self) -> Face:
        """The same in the frame."""
        shown = _shown(self.completed, self.mirror)
        return shown if self.change is None else shown + self.change.levels


def mixture(
    natural: Face,
    faithful: Face,
    hidden: Bool[np.ndarray, "256 256"],
    fidelity: float,
    *,
    mirror: Mirror | None = None,
) -> Mixture:
    """The answer at `fidelity`: at 0 `natural` with `mirror` laid over it, at 1 `faithful`, each to the bit.

    Both are equal where they are not `hidden`.
    """
    if fidelity in (0, 1):
        return Mixture(faithful) if fidelity else Mixture(natural, mirror)
    away = _flow_at(flow_between(_shown(natural, mirror), faithful, hidden), fidelity)
    natural = moved(natural, -fidelity * away, sharp=True)
    faithful = moved(faithful, (1 - fidelity) * away, sharp=True)
    mirror = None if mirror is None else _moved_mirror(mirror, -fidelity * away)
    wanted = mixed(_shown(natural, mirror), faithful, fidelity)
    partly = None if mirror is None else dimmed(mirror, fidelity)
    levels = np.where(hidden[..., None], wanted - _shown(natural, partly), np.float32(0))
    texture = np.zeros_like(levels[..., 0]) if mirror is None else further_texture(mirror.share, fidelity)
    return Mixture(natural, partly, Change(levels, texture))


def mixed(
    natural: Float[np.ndarray, "h w 3"], faithful: Float[np.ndarray, "h w 3"], fidelity: float
) -> Float[np.ndarray, "h w 3"]:
    """Both in one picture, where they are.

    With L what is coarser than `DETAIL`, H the rest, and d how little their details have in common:
    (1 - f) L(natural) + f L(faithful) + (1 - f) H(natural) + f^(1 + `LATE` d) H(faithful).
    """
    detail = faithful - smooth(faithful, DETAIL)
    late = LATE * contradiction(natural - smooth(natural, DETAIL), detail)[..., None]
    return np.asarray((1 - fidelity) * natural + fidelity * (faithful - detail) + fidelity ** (1 + late) * detail)


def contradiction(one: Float[np.ndarray, "h w 3"], other: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """How little two details have in common near each place: 0 = they are equal, or faint; 1 = nothing."""
    first, second = (detail @ LUMINANCE for detail in (one, other))
    sums, products = smooth(first * first + second * second, NEAR), smooth(first * second, NEAR)
    return np.asarray((1 - 2 * (products + FAINT) / (sums + 2 * FAINT)).clip(0, 1))


def further_texture(share: Float[np.ndarray, "h w"], fidelity: float) -> Float[np.ndarray, "h w"]:
    """How much more of the texture there must be, so that grain does not fade where mirrored pixels do.

    At 0 the grain is s of the mirrored pixels' and 1 - s of the texture, at 1 all texture. Both are independent: so
    their variances add up, and are to lead evenly from the one to the other. The pixels leave 1 - (1 - f) s.
    """
    left = (1 - fidelity) * share
    variance = (1 - fidelity) * (share**2 + (1 - share) ** 2) + fidelity
    return np.asarray(np.sqrt(np.maximum(variance - left**2, 0)) - (1 - left))


def dimmed(mirror: Mirror, fidelity: float) -> Mirror:
    """The share that the other side of a face has at `fidelity`, which is below 1."""
    return replace(mirror, share=mirror.share * np.float32(1 - fidelity))


# ---------------------------------------------------------------------------------------------- where things lie


def flow_between(natural: Face, faithful: Face, hidden: Bool[np.ndarray, "256 256"]) -> Float[np.ndarray, "256 256 2"]:
    """How far what `natural` shows at each place lies from there in `faithful`: (x, y) in pixels; 0 where known."""
    one, other = (normalised(smooth((face @ LUMINANCE).astype(np.float32), BLUR), WIDE) for face in (natural, faithful))
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    finder.setFinestScale(0)
    flow = finder.calc(_levels(one), _levels(other), np.zeros((*hidden.shape, 2), np.float32))
    flow = flow / np.maximum(1, np.linalg.norm(flow, axis=-1, keepdims=True) / np.float32(FURTHEST))
    wrong = smooth((moved(other, flow) - one) ** 2, 2.0)
    edges = np.hypot(cv2.Sobel(one, -1, 1, 0), cv2.Sobel(one, -1, 0, 1)) / 8
    trust = np.where(hidden, (edges + 0.02) * np.exp(-wrong), KNOWN).astype(np.float32)
    sums = smooth(np.dstack([flow * (trust * hidden)[..., None], trust]), EVEN)
    depth = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(sums[..., :2] / sums[..., 2:] * np.minimum(depth / np.float32(SETTLES), 1)[..., None])


def _flow_at(flow: Float[np.ndarray, "h w 2"], fidelity: float) -> Float[np.ndarray, "h w 2"]:
    """`flow` as it is at the places to which it has moved things a part of the way."""
    there = flow
    for _ in range(3):  # it is smooth, so that this settles
        there = moved(flow, -fidelity * there)
    return there


def moved(
    values: Float[np.ndarray, "h w *c"], flow: Float[np.ndarray, "h w 2"], *, sharp: bool = False
) -> Float[np.ndarray, "h w *c"]:
    """What `values` have at each place moved by `flow`: bilinear, or `sharp` (Lanczos)."""
    height, width = flow.shape[:2]
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = Places(xs + flow[..., 0].astype(np.float32), ys + flow[..., 1].astype(np.float32))
    return places.of(values.astype(np.float32), sharp=sharp)


def _moved_mirror(mirror: Mirror, flow: Float[np.ndarray, "h w 2"]) -> Mirror:
    steered = moved(np.dstack([mirror.places.x, mirror.places.y]), flow)
    places = Places(*(np.ascontiguousarray(steered[..., axis]) for axis in (0, 1)))
    return Mirror(places, moved(mirror.light, flow), moved(mirror.share, flow))


def _shown(completed: Face, mirror: Mirror | None) -> Face:
    return completed if mirror is None else mirror.laid_over(completed)


def _levels(shape: Float[np.ndarray, "h w"]) -> np.ndarray:
    return np.asarray((shape * 40 + 128).clip(0, 255).astype(np.uint8))
