"""From measurements to the paper's table."""

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from showface.evaluation.measuring.runner import METRICS, Measurement
from showface.evaluation.report.tables import Cell, as_csv, as_markdown, as_plain, bootstrap, cells_as_csv, tabulate


def rows(method: str, offset: float) -> list[Measurement]:
    return [
        Measurement(
            method, bucket, f"{i}.png", "m.png", 0.1, {"l1": 2.0 - offset, "psnr": 20.0 + i + offset, "ssim": 0.5}
        )
        for bucket in ("1-20", "20-40")
        for i in range(4)
    ]


def test_bootstrap_of_equal_values_has_no_width() -> None:
    cell = bootstrap([3.5] * 10)
    assert (cell.mean, cell.low, cell.high, cell.count) == (3.5, 3.5, 3.5, 10)


def test_bootstrap_interval_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(10, 2, 400)
    cell = bootstrap(values.tolist())
    half = 1.96 * values.std() / np.sqrt(400)
    assert cell.low == pytest.approx(values.mean() - half, abs=0.03)
    assert cell.high == pytest.approx(values.mean() + half, abs=0.03)


def test_means_and_order() -> None:
    table = tabulate(rows("b", 0) + rows("a", 1))
    assert list(table) == ["b", "a"]
    assert table["a"]["1-20"]["psnr"].mean == 22.5
    assert as_plain(table)["b"]["20-40"]["l1"]["count"] == 4


def test_the_best_of_a_column_is_bold_and_a_lone_method_is_not() -> None:
    worse, better = as_markdown(tabulate(rows("worse", 0) + rows("better", 1))).splitlines()[2:]
    assert "**1.00**" in better and "**22.50**" in better
    assert "**2.00**" not in worse and "**21.50**" not in worse
    assert "**" not in as_markdown(tabulate(rows("alone", 0)))


def test_csv_reads_back() -> None:
    measured = rows("a", 0)
    read = list(csv.DictReader(io.StringIO(as_csv(measured))))
    assert [row["face"] for row in read] == [one.face for one in measured]
    assert [float(row["psnr"]) for row in read] == [one.values["psnr"] for one in measured]
    assert set(METRICS) <= set(read[0])


def test_what_is_not_defined_is_left_out_and_said() -> None:
    some = [replace(row, values={"psnr": math.nan if i else 30.0}) for i, row in enumerate(rows("a", 0))]
    table = tabulate(some)
    assert (table["a"]["1-20"]["psnr"].mean, table["a"]["1-20"]["psnr"].count) == (30.0, 1)
    assert as_plain(table)["a"]["20-40"]["psnr"]["mean"] is None
    written = as_markdown(table)
    assert "| a | 30.00 (30.00–30.00) | – |" in written
    assert "1-20: not defined for 3 of 4 pictures" in written and "20-40: not defined for any" in written
    assert ",," not in as_csv(some).splitlines()[1] and as_csv(some).splitlines()[2].endswith(",")


def test_measures_of_sets_stand_beside_the_others() -> None:
    sets = {("a", "20-40"): {"fid": Cell(12.5, None, None, 4, "few pictures")}}
    table = tabulate(rows("a", 0) + rows("b", 1), sets=sets)
    assert list(table["a"]["20-40"]) == ["l1", "psnr", "ssim", "fid"]
    first, second, told = as_markdown(table).split("\n\n")
    assert first.count("L1 (%) ↓") == 2 and "FID" not in first
    assert "| a | – | **12.50** |" in second and told == "* FID ↓, 20-40: few pictures\n"
    assert "a,20-40,fid,12.500000,,,4,few pictures" in cells_as_csv(table)


def test_buckets_beyond_the_papers_go_down() -> None:
    hidden = [replace(row, bucket="hand") for row in rows("a", 0) if row.bucket == "1-20"]
    first, second = as_markdown(tabulate(rows("a", 0) + hidden)).split("\n\n")
    assert "hand" not in first and second.splitlines()[0].startswith("| hidden | method |")
    assert "| hand | a | 2.00 (2.00–2.00) |" in second
