"""The paper's figures: held to what its own text computes from them, and our remarks to the figures."""

from __future__ import annotations

import pytest

from showface.evaluation.report.published import (
    BUCKETS,
    METRICS,
    OURS,
    TABLE_1,
    TABLE_1_CELEBAHQ,
    TABLE_1_FFHQ,
    TABLE_2,
    PrintedTable,
)
from showface.masks import BUCKETS as MASK_BUCKETS
from showface.recipes.ablation import ROWS

LOWER = {"l1", "fid"}


def column(table: PrintedTable, bucket: str, metric: str) -> dict[str, float]:
    return {row: figures[bucket][metric] for row, figures in table.rows.items()}


def gain(table: PrintedTable, metric: str) -> float:
    """By how much the last row is better than the best of the others, 40-60 % hidden."""
    figures = column(table, "40-60", metric)
    ours = figures.pop(OURS)
    return round(min(figures.values()) - ours if metric in LOWER else ours - max(figures.values()), 3)


def falls(table: PrintedTable, row: str) -> float:
    return table.rows[row]["40-60"]["l1"] / table.rows[row]["1-20"]["l1"]


@pytest.mark.parametrize(
    ("table", "gains"),
    [(TABLE_1_CELEBAHQ, (0.963, 4.661, 1.687, 0.035)), (TABLE_1_FFHQ, (0.501, 0.401, 1.303, 0.032))],
)
def test_the_gains_that_section_4_2_names(table: PrintedTable, gains: tuple[float, ...]) -> None:
    assert tuple(gain(table, metric) for metric in METRICS) == gains


def test_the_full_row_of_table_2_is_the_last_row_of_table_1() -> None:
    assert TABLE_2.rows["Full"] == TABLE_1_CELEBAHQ.rows[OURS]


def test_rows_and_columns_are_those_of_our_tables() -> None:
    assert list(TABLE_2.rows) == list(ROWS)
    assert list(BUCKETS) == list(MASK_BUCKETS)
    for table in (*TABLE_1, TABLE_2):
        for figures in table.rows.values():
            assert [list(values) for values in figures.values()] == [list(METRICS)] * 3 and list(figures) == [*BUCKETS]


@pytest.mark.parametrize("table", [*TABLE_1, TABLE_2], ids=lambda table: table.name)
def test_more_hidden_is_worse_and_every_figure_has_three_decimals(table: PrintedTable) -> None:
    """A slipped or swapped digit group would break the order."""
    for figures in table.rows.values():
        for metric in METRICS:
            values = [figures[bucket][metric] for bucket in BUCKETS]
            assert values == sorted(values, reverse=metric not in LOWER)
            assert [round(value, 3) for value in values] == values


def test_the_sum_of_every_table() -> None:
    """Sums of the printed digits, added up from the paper's text line by line."""
    sums = [sum(sum(v.values()) for row in table.rows.values() for v in row.values()) for table in (*TABLE_1, TABLE_2)]
    assert sums == pytest.approx([975.709, 1022.565, 709.114], abs=1e-6)


# ---------------------------------------------------------------------------------------------- remarks


def test_remarks_name_cells_that_exist() -> None:
    for table in (*TABLE_1, TABLE_2):
        for remark in table.remarks:
            for row, bucket, metric in remark.cells:
                assert table.rows[row][bucket][metric]


def test_what_the_remarks_say_follows_from_the_figures() -> None:
    ffhq = column(TABLE_1_FFHQ, "1-20", "l1")
    assert min(ffhq, key=lambda row: ffhq[row]) == "CTSDG" and (ffhq["CTSDG"], ffhq[OURS]) == (0.419, 0.470)
    fid = column(TABLE_2, "1-20", "fid")
    assert min(fid, key=lambda row: fid[row]) == "w/o MREM" and (fid["w/o MREM"], fid["Full"]) == (2.221, 2.369)
    assert {row: round(falls(TABLE_1_CELEBAHQ, row), 1) for row in ("CTSDG", "PConv", "ICT")} == {
        "CTSDG": 2.9, "PConv": 3.9, "ICT": 4.1,
    }  # fmt: skip
    assert {row: round(falls(TABLE_1_FFHQ, row), 1) for row in ("CTSDG", "PConv", "ICT")} == {
        "CTSDG": 8.5, "PConv": 6.1, "ICT": 4.1,
    }  # fmt: skip
    others = [row for row in TABLE_1_CELEBAHQ.rows if row not in ("CTSDG", "PConv", "ICT")]
    assert all(5 <= round(falls(TABLE_1_CELEBAHQ, row), 1) <= 6.5 for row in others)
    for metric, spread in (("l1", 0.004), ("ssim", 0.001)):
        figures = [column(TABLE_2, "1-20", metric)[row] for row in ("w/o L_sem", "w/o L_intra", "w/o L_inter", "Full")]
        assert round(max(figures) - min(figures), 3) == spread
