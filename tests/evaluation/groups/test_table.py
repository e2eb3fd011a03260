"""Means, differences and gains by group, of measurements made up so that the answers are known."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_ind

from showface.evaluation.groups.table import GroupCell, as_markdown, difference, gains, tabulate_groups, write_groups
from showface.evaluation.groups.traits import Traits
from showface.evaluation.measuring.runner import Measurement

TRAITS: dict[str, Traits] = {f"{i}.png": {"glasses": "glasses" if i < 3 else "no glasses"} for i in range(8)} | {
    "0.png": {"glasses": "glasses", "skin tone": "tan"},
    "1.png": {"glasses": "glasses", "skin tone": "tan"},
    "2.png": {"glasses": "glasses", "skin tone": "dark"},
}


def measured(method: str, offset: float = 0.0, bucket: str = "1-20") -> list[Measurement]:
    """PSNR 20, 21, ... 27, plus `offset`."""
    return [Measurement(method, bucket, f"{i}.png", f"{i}m.png", 0.1, {"psnr": 20.0 + i + offset}) for i in range(8)]


def by_place(cells: list[GroupCell]) -> dict[tuple[str, str, str], GroupCell]:
    return {(one.method, one.group, one.metric): one for one in cells}


def test_means_counts_and_the_difference_to_the_others() -> None:
    found = by_place(tabulate_groups(measured("full"), TRAITS))
    glasses, without = found["full", "glasses", "psnr"], found["full", "no glasses", "psnr"]
    assert (glasses.cell.mean, glasses.cell.count, without.cell.mean, without.cell.count) == (21, 3, 25, 5)
    assert glasses.difference == pytest.approx(-4) and without.difference == pytest.approx(4)
    assert glasses.error == pytest.approx(math.sqrt(1 / 3 + 2.5 / 5)) and glasses.error == pytest.approx(without.error)
    assert found["full", "glasses", "share"].cell.mean == pytest.approx(0.1)
    assert glasses.cell.low is not None and glasses.cell.high is not None
    assert 20 <= glasses.cell.low <= 21 <= glasses.cell.high <= 22


def test_a_face_counts_only_where_its_trait_is_told_and_lone_faces_have_no_error() -> None:
    found = by_place(tabulate_groups(measured("full"), TRAITS))
    tan, dark = found["full", "tan", "psnr"], found["full", "dark", "psnr"]
    assert (tan.cell.mean, tan.cell.count, dark.cell.count) == (20.5, 2, 1)
    assert tan.difference is None and dark.error is None
    assert not {"hat", "light", "facing"} & {group for _, group, _ in found}


def test_with_equal_shares_the_standard_error_is_that_of_welchs_test() -> None:
    rng = np.random.default_rng(0)
    values, others = rng.normal(30, 4, 12).tolist(), rng.normal(27, 2, 40).tolist()
    mean, error = difference([(value, 0.3) for value in values], [(value, 0.3) for value in others])
    assert mean is not None and error is not None
    assert mean / error == pytest.approx(ttest_ind(values, others, equal_var=False).statistic)


def test_larger_holes_do_not_count_against_a_group() -> None:
    """One that loses 6 dB a factor e of the share, met larger holes, and is 2 dB better for the rest."""
    shares, larger = [0.02, 0.05, 0.1, 0.15], [0.1, 0.18, 0.2]
    values = [(32 - 6 * math.log(share), share) for share in larger]
    others = [(30 - 6 * math.log(share), share) for share in shares]
    assert np.mean([value for value, _ in values]) < np.mean([value for value, _ in others])
    assert difference(values, others) == (pytest.approx(2), pytest.approx(0, abs=1e-6))


def test_its_standard_error_covers_the_truth() -> None:
    rng, inside = np.random.default_rng(1), 0
    for _ in range(300):
        share = rng.uniform(0.05, 0.2, 60)
        value = 30 - 6 * np.log(share) + rng.normal(0, np.where(np.arange(60) < 15, 3, 1))
        rows = list(zip(value.tolist(), share.tolist(), strict=True))
        mean, error = difference(rows[:15], rows[15:])
        assert mean is not None and error is not None
        inside += abs(mean) < 2 * error
    assert 0.9 < inside / 300 < 0.99


def test_what_cannot_be_told_is_not() -> None:
    assert difference([(1.0, 0.1)], [(1.0, 0.1), (2.0, 0.2)]) == (None, None)
    same = [(1.0, 0.1), (2.0, 0.1)], [(3.0, 0.2), (4.0, 0.2)]  # group and share are one and the same
    assert difference(*same) == (None, None)


def test_undefined_values_are_left_out() -> None:
    rows = measured("full")
    rows[0] = Measurement("full", "1-20", "0.png", "0m.png", 0.1, {"psnr": math.nan})
    cell = by_place(tabulate_groups(rows, TRAITS))["full", "glasses", "psnr"]
    assert (cell.cell.mean, cell.cell.count) == (21.5, 2)


def test_gains_are_taken_pair_by_pair() -> None:
    rows = measured("telea") + measured("full", 2.5)[::-1] + measured("full", 9, "20-40")
    found = gains(rows, "full", "telea")
    assert {one.method for one in found} == {"full − telea"} and len(found) == 8
    assert all(one.values["psnr"] == pytest.approx(2.5) and one.bucket == "1-20" for one in found)


def test_the_files_tell_our_method_and_its_gain(tmp_path: Path) -> None:
    rows = [
        one for bucket in ("1-20", "20-40") for one in (*measured("telea", 0, bucket), *measured("full", 1, bucket))
    ]
    text = write_groups(tmp_path, rows, TRAITS)
    assert text == (tmp_path / "groups.md").read_text(encoding="utf-8")
    assert "| full: PSNR (dB) ↑ | faces | 1-20 % | to the others | 20-40 % | to the others |" in text
    assert "| glasses (few) | 3 | 22.00 (21.00–23.00) | -4.00 ± 0.91 |" in text
    assert "| no glasses (few) | 5 | 1.00 (1.00–1.00) | +0.00 ± 0.00 |" in text  # the gain is the same on every face
    assert "| skin tone: dark (few) | 1 | 23.00 (23.00–23.00) | – |" in text
    with (tmp_path / "groups.csv").open(encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    assert {line["method"] for line in lines} == {"telea", "full", "full − telea"}
    assert len(lines) == 3 * 2 * 4 * 2  # methods, buckets, groups, PSNR and share
    faces = list(csv.DictReader(io.StringIO((tmp_path / "traits.csv").read_text(encoding="utf-8"))))
    assert faces[2] == {"face": "2.png", "skin tone": "dark", "glasses": "glasses", "hat": "", "hair": "", "head": ""}


def test_a_bucket_without_a_group_is_a_dash() -> None:
    rows = measured("full") + measured("full", 0, "box")[4:]
    text = as_markdown(tabulate_groups(rows, TRAITS), "full")
    assert "| glasses (few) | 3 | 21.00 (20.00–22.00) | -4.00 ± 0.91 | – | – |" in text
