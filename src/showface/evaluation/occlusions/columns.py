"""The measures of occluded faces by name: how each is written, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TRUTH = "truth"  # the row of the true faces themselves


@dataclass(frozen=True)
class Column:
    """One measure as a column of the table."""

    name: str
    heading: str
    digits: int  # after the point, as printed
    best: Literal["low", "high", "truth"]  # "truth": as near as can be to what the true faces have


COLUMNS = {
    column.name: column
    for column in (
        Column("lpips", "LPIPS (alex) ↓", 3, "low"),
        Column("lpips_vgg", "LPIPS (vgg) ↓", 3, "low"),
        Column("kid", "KID × 1000 ↓", 1, "low"),
        Column("sharpness", "sharpness → 1", 2, "truth"),
        Column("iris", "iris to true ↓", 1, "low"),
        Column("iris_other", "iris to other", 1, "truth"),
        Column("parts", "parts ↑", 3, "high"),
        Column("identity", "identity ↑", 3, "high"),
    )
}

DEFINITIONS = (
    "of the completed picture, uint8; crops: the square round each connected part of the hole (a tenth of the largest "
    "at least), no smaller than a quarter of the picture, at 128 px, bicubic, antialiased; LPIPS 0.1: mean over a "
    "picture's crops; KID: Inception 2015 pool3 of the crops against the true crops of other faces, error: jackknife "
    "over faces, truth: even faces against odd ones; sharpness: gradient of luma in the hole, sum over pictures by "
    "that of the truth; iris: CIELAB distance of median colours; parts: mean IoU of the bundled "
    "parser's categories in the hole, which take 1 % of it in the truth; identity: cosine of MobileFaceNet; errors: "
    "standard errors over faces"
)
