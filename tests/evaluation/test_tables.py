"""From measurements to the paper's table."""

import csv
import io

import numpy as np
import pytest

from showface.evaluation.runner import METRICS, Measurement
from showface.evaluation.tables import as_csv, as_markdown, as_plain, bootstrap, tabulate


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
