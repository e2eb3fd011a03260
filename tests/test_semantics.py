from __future__ import annotations

import pytest

from showface.errors import SettingError
from showface.semantics import (
    BISENET_ORDER,
    CATEGORY_COUNT,
    MERGES,
    OFFICIAL_ORDER,
    PALETTE,
    REGIONS,
    merge,
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


def test_map_a_equals_the_literal_tables() -> None:
    assert merge("A").table(BISENET_ORDER) == FROM_BISENET
    assert merge("A").table(OFFICIAL_ORDER) == FROM_OFFICIAL


@pytest.mark.parametrize("name", sorted(MERGES))
def test_both_orders_send_a_class_to_the_same_category(name: str) -> None:
    chosen = merge(name)
    by_bisenet = dict(zip(BISENET_ORDER, chosen.table(BISENET_ORDER), strict=True))
    by_official = dict(zip(OFFICIAL_ORDER, chosen.table(OFFICIAL_ORDER), strict=True))
    assert by_bisenet == by_official


@pytest.mark.parametrize("name", sorted(MERGES))
def test_fourteen_categories_and_each_is_reached(name: str) -> None:
    chosen = merge(name)
    assert len(set(chosen.categories)) == len(chosen.categories) == CATEGORY_COUNT
    assert sorted(set(chosen.table(BISENET_ORDER))) == list(range(CATEGORY_COUNT))
    assert set(chosen.into) <= set(BISENET_ORDER)


@pytest.mark.parametrize(("order", "short"), [(BISENET_ORDER, SHORT_BISENET), (OFFICIAL_ORDER, SHORT_OFFICIAL)])
def test_orders_as_documented(order: tuple[str, ...], short: str) -> None:
    assert order == tuple(LONG.get(name, name) for name in short.split())


def test_map_c_keeps_the_lips_apart_and_map_b_the_sides() -> None:
    table_b = dict(zip(BISENET_ORDER, merge("B").table(BISENET_ORDER), strict=True))
    table_c = dict(zip(BISENET_ORDER, merge("C").table(BISENET_ORDER), strict=True))
    assert len({table_c["mouth"], table_c["u_lip"], table_c["l_lip"]}) == 3
    assert table_c["l_eye"] == table_c["r_eye"] and table_c["earring"] == table_c["l_ear"]
    assert table_b["l_eye"] != table_b["r_eye"] and table_b["hat"] == table_b["hair"]


def test_every_category_has_its_own_colour() -> None:
    assert len(set(PALETTE)) == len(PALETTE) == CATEGORY_COUNT
    assert all(len(colour) == 3 and all(0 <= level <= 255 for level in colour) for colour in PALETTE)


def test_unknown_map_is_refused() -> None:
    with pytest.raises(SettingError, match="unknown class map 'D'"):
        merge("D")


# ------------------------------------------------------------------ regions


def test_regions_are_whole_categories_of_the_default_map() -> None:
    names = merge("A").categories
    found = {region: {names[index] for index in region_categories(region)} for region in REGIONS}
    assert found["eyes"] == {"eye"} and found["mouth"] == {"mouth"} and found["glasses"] == {"eyeglass"}
    assert found["face"] == {"skin", "brow", "eye", "eyeglass", "nose", "mouth"}
    assert set().union(*found.values()) == set(names) - {"background"}


def test_a_region_that_the_map_joins_with_others_is_refused() -> None:
    assert len(region_categories("eyes", "B")) == 2  # left and right
    with pytest.raises(SettingError, match="does not tell it from"):
        region_categories("glasses", "B")
    with pytest.raises(SettingError, match="does not tell it from"):
        region_categories("ears", "C")  # earrings are ears there


def test_an_unknown_region_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="unknown region 'eye'; did you mean 'eyes'"):
        region_categories("eye")
