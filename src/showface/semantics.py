"""The parsing classes and how they merge into the 14 semantic categories of the paper (section 3.2).

Two index orders of the same 19 classes are in use. `OFFICIAL_ORDER` is that of the CelebAMask-HQ labels,
`BISENET_ORDER` that of the published BiSeNet weights. `INTO` names what becomes of a class once; the look-up table for
either order is derived from the names, so that the two can never disagree.
"""

from __future__ import annotations

from showface.errors import SettingError, unknown

BISENET_ORDER = (
    "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eyeglass", "l_ear", "r_ear", "earring",
    "nose", "mouth", "u_lip", "l_lip", "neck", "necklace", "cloth", "hair", "hat",
)  # fmt: skip

OFFICIAL_ORDER = (
    "background", "skin", "nose", "eyeglass", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "earring", "necklace", "neck", "cloth",
)  # fmt: skip


# left and right are one category, and so are the lips and the mouth
CATEGORIES = (
    "background", "skin", "brow", "eye", "eyeglass", "ear", "earring", "nose", "mouth", "neck", "necklace", "cloth",
    "hair", "hat",
)  # fmt: skip
CATEGORY_COUNT = 14

INTO = {
    "l_brow": "brow", "r_brow": "brow", "l_eye": "eye", "r_eye": "eye", "l_ear": "ear", "r_ear": "ear",
    "u_lip": "mouth", "l_lip": "mouth",
}  # fmt: skip


def merged(order: tuple[str, ...]) -> list[int]:
    """The category of each of the 19 classes, for labels in `order`; classes that are categories themselves stay."""
    return [CATEGORIES.index(INTO.get(name, name)) for name in order]


# what a person may ask for by name, as parsing classes
REGIONS = {
    "eyes": ("l_eye", "r_eye"),
    "brows": ("l_brow", "r_brow"),
    "nose": ("nose",),
    "mouth": ("mouth", "u_lip", "l_lip"),
    "glasses": ("eyeglass",),
    "ears": ("l_ear", "r_ear"),
    "earrings": ("earring",),
    "skin": ("skin",),
    "face": (
        "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eyeglass", "nose", "mouth", "u_lip", "l_lip",
    ),
    "hair": ("hair",),
    "hat": ("hat",),
    "neck": ("neck",),
    "necklace": ("necklace",),
    "clothes": ("cloth",),
}  # fmt: skip


def region_categories(region: str) -> tuple[int, ...]:
    """The categories that make up one of `REGIONS`."""
    if region not in REGIONS:
        raise SettingError(unknown("region", region, REGIONS))
    return tuple(sorted({CATEGORIES.index(INTO.get(name, name)) for name in REGIONS[region]}))


# one colour per category, for pictures of semantic maps (RGB, 0..255)
PALETTE = (
    (0, 0, 0), (230, 180, 150), (120, 70, 30), (40, 90, 220), (120, 220, 230), (200, 120, 90), (240, 210, 60),
    (240, 140, 100), (200, 40, 60), (180, 140, 120), (240, 240, 140), (90, 110, 90), (100, 60, 160), (160, 160, 160),
)  # fmt: skip
