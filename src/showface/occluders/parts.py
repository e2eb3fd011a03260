"""The connected parts of a mask: pixels that touch at a side or a corner belong together."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool


def connected_parts(mask: Bool[np.ndarray, "h w"]) -> list[Bool[np.ndarray, "h w"]]:
    """A mask for each connected part, the largest first."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    order = np.argsort(-facts[1:, cv2.CC_STAT_AREA], kind="stable") + 1  # 0 is what the mask leaves out
    return [np.asarray(labels == part) for part in order]
