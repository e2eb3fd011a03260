from __future__ import annotations

import pytest

from showface.errors import SettingError
from showface.semantics import (
    BISENET_ORDER,
    CATEGORIES,
    CATEGORY_COUNT,
    INTO,
    OFFICIAL_ORDER,
    PALETTE,
    REGIONS,
    merged,
    region_categories,
)

# method.md §3, the tables of map A as written there
FROM_BISENET = [0, 1, 2, 2, 3, 3, 4, 5, 5, 6, 7, 8, 8, 8, 9, 10, 11, 12, 13]
FROM_OFFICIAL = [0, 1, 7, 4, 3, 3, 2, 2, 5, 5, 8, 8, 8, 12, 13, 6, 10, 9, 11]

# The indices of both orders as the data sets' documents list them, in the short names used there.
SHORT_BISENET = (
    "bg skin l_brow r_brow l_eye r_eye eye_g l_ear r_ear ear_r nose mouth u_lip l_lip neck neck_l cloth hair hat"
)
SHORT_OFFICIAL = (
    "bg skin nose eye_g l_eye r_eye l_brow r_brow l_ear r_ear mouth u_lip l_lip hair hat ear_r neck_l neck cloth"
)
LONG = {"bg": "background", "eye_g": "eyeglass", "ear_r": "earring", "neck_l": "necklace"}


def test_the_map_equals_the_literal_tables() -> None:
    assert merged(BISENET_ORDER) == FROM_BISENET
    assert merged(OFFICIAL_ORDER) == FROM_OFFICIAL


def test_both_orders_send_a_class_to_the_same_category() -> None:
    by_bisenet = dict(zip(BISENET_ORDER, merged(BISENET_ORDER), strict=True))
    by_official = dict(zip(OFFICIAL_ORDER, merged(OFFICIAL_ORDER), strict=True))
    assert by_bisenet == by_official


def test_fourteen_categories_and_each_is_reached() -> None:
    assert len(set(CATEGORIES)) == len(CATEGORIES) == CATEGORY_COUNT
    assert sorted(set(merged(BISENET_ORDER))) == list(range(CATEGORY_COUNT))
    assert set(INTO) <= set(BISENET_ORDER)


@pytest.mark.parametrize(("order", "short"), [(BISENET_ORDER, SHORT_BISENET), (OFFICIAL_ORDER, SHORT_OFFICIAL)])
def test_orders_as_documented(order: tuple[str, ...], short: str) -> None:
    assert order == tuple(LONG.get(name, name) for name in short.split())


def test_every_category_has_its_own_colour() -> None:
    assert len(set(PALETTE)) == len(PALETTE) == CATEGORY_COUNT
    assert all(len(colour) == 3 and all(0 <= level <= 255 for level in colour) for colour in PALETTE)


# ------------------------------------------------------------------ regions


def test_regions_are_whole_categories() -> None:
    found = {region: {CATEGORIES[index] for index in region_categories(region)} for region in REGIONS}
    assert found["eyes"] == {"eye"} and found["mouth"] == {"mouth"} and found["glasses"] == {"eyeglass"}
    assert found["face"] == {"skin", "brow", "eye", "eyeglass", "nose", "mouth"}
    for region, classes in REGIONS.items():
        others = {INTO.get(name, name) for name in OFFICIAL_ORDER if name not in classes}
        assert not found[region] & others, region
    assert set().union(*found.values()) == set(CATEGORIES) - {"background"}


def test_an_unknown_region_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="unknown region 'eye'; did you mean 'eyes'"):
        region_categories("eye")
