"""The parsing classes and how they merge into the 14 semantic categories of the paper (section 3.2).

Two index orders of the same 19 classes are in use. `OFFICIAL_ORDER` is that of the CelebAMask-HQ labels,
`BISENET_ORDER` that of the published BiSeNet weights. A `Merge` names the categories once; its look-up table for
either order is derived from the names, so that the two can never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

from showface.errors import SettingError, unknown

BISENET_ORDER = (
    "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eyeglass", "l_ear", "r_ear", "earring",
    "nose", "mouth", "u_lip", "l_lip", "neck", "necklace", "cloth", "hair", "hat",
)  # fmt: skip

OFFICIAL_ORDER = (
    "background", "skin", "nose", "eyeglass", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear",
    "mouth", "u_lip", "l_lip", "hair", "hat", "earring", "necklace", "neck", "cloth",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Merge:
    """A map from the 19 parsing classes to fewer semantic categories.

    `categories` are the names in index order; `into` sends a class name to a category name, classes that are
    categories themselves stay.
    """

    categories: tuple[str, ...]
    into: dict[str, str]

    def table(self, order: tuple[str, ...]) -> list[int]:
        """The new index of each of the 19 classes, for labels in `order`."""
        return [self.categories.index(self.into.get(name, name)) for name in order]


_SIDES = {
    "l_brow": "brow", "r_brow": "brow", "l_eye": "eye", "r_eye": "eye", "l_ear": "ear", "r_ear": "ear",
}  # fmt: skip

MERGES = {
    # left and right merged, lips joined with the mouth
    "A": Merge(
        categories=(
            "background", "skin", "brow", "eye", "eyeglass", "ear", "earring", "nose", "mouth", "neck",
            "necklace", "cloth", "hair", "hat",
        ),
        into=_SIDES | {"u_lip": "mouth", "l_lip": "mouth"},
    ),
    # left and right kept, accessories joined with what carries them
    "B": Merge(
        categories=(
            "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "l_ear", "r_ear", "nose", "mouth",
            "u_lip", "l_lip", "neck", "hair",
        ),
        into={"eyeglass": "skin", "earring": "background", "necklace": "neck", "cloth": "background", "hat": "hair"},
    ),
    # left and right merged, lips kept, jewellery joined with what carries it
    "C": Merge(
        categories=(
            "background", "skin", "brow", "eye", "eyeglass", "ear", "nose", "mouth", "u_lip", "l_lip", "neck",
            "cloth", "hair", "hat",
        ),
        into=_SIDES | {"earring": "ear", "necklace": "neck"},
    ),
}  # fmt: skip

CATEGORY_COUNT = 14


def merge(name: str) -> Merge:
    """The merge called `name`: "A" (the default everywhere), "B" or "C"."""
    if name not in MERGES:
        raise SettingError(unknown("class map", name, MERGES))
    return MERGES[name]


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


def region_categories(region: str, class_map: str = "A") -> tuple[int, ...]:
    """The categories of `class_map` that make up one of `REGIONS`; refused where the map joins it with something else.

    Map B, for instance, counts glasses as skin, so that they cannot be asked for.
    """
    if region not in REGIONS:
        raise SettingError(unknown("region", region, REGIONS))
    table = merge(class_map).table(OFFICIAL_ORDER)
    inside = {table[OFFICIAL_ORDER.index(name)] for name in REGIONS[region]}
    others = {index for name, index in zip(OFFICIAL_ORDER, table, strict=True) if name not in REGIONS[region]}
    if inside & others:
        raise SettingError(f"region {region!r}: the parser of these weights does not tell it from its surroundings")
    return tuple(sorted(inside))


# one colour per category, for pictures of semantic maps (RGB, 0..255)
PALETTE = (
    (0, 0, 0), (230, 180, 150), (120, 70, 30), (40, 90, 220), (120, 220, 230), (200, 120, 90), (240, 210, 60),
    (240, 140, 100), (200, 40, 60), (180, 140, 120), (240, 240, 140), (90, 110, 90), (100, 60, 160), (160, 160, 160),
)  # fmt: skip
