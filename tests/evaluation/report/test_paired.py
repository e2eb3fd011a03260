"""Methods are told apart picture by picture."""

from __future__ import annotations

import math

import numpy as np

from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.report.paired import differences, differences_as_markdown, level_with_best, values_by_pair
from showface.evaluation.report.tables import bootstrap


def measured(method: str, values: np.ndarray, metric: str = "psnr") -> list[Measurement]:
    return [
        Measurement(method, "1-20", f"{i}.png", "m.png", 0.1, {metric: float(value)}) for i, value in enumerate(values)
    ]


def test_a_small_gain_on_every_picture_is_told_apart_though_the_intervals_of_the_means_overlap() -> None:
    base = np.random.default_rng(0).normal(25, 4, 50)
    ours, theirs = (bootstrap((base + offset).tolist()) for offset in (0.1, 0.0))
    assert theirs.high is not None and ours.low is not None and theirs.high > ours.low
    assert level_with_best(measured("a", base) + measured("b", base + 0.1), "psnr", "1-20") == set()


def test_differences_that_go_both_ways_are_level() -> None:
    base = np.random.default_rng(0).normal(25, 4, 50)
    noise = np.random.default_rng(1).normal(0, 1, 50)
    rows = measured("a", base) + measured("b", base + noise - noise.mean() + 0.01) + measured("c", base - 3)
    assert level_with_best(rows, "psnr", "1-20") == {"a"}  # b is the best by 0.01


def test_lower_may_be_better() -> None:
    rows = measured("a", np.array([1.0, 2, 3]), "l1") + measured("b", np.array([2.0, 3, 4]), "l1")
    assert level_with_best(rows, "l1", "1-20") == set()
    rows += measured("c", np.array([1.5, 1.5, 3.1]), "l1")
    assert level_with_best(rows, "l1", "1-20") == {"c"}


def test_pairs_are_matched_by_name_and_undefined_ones_left_out() -> None:
    one = measured("a", np.array([1.0, 9, math.nan]))
    other = list(reversed(measured("b", np.array([0.5, 8.5, 50]))))
    assert values_by_pair(one, "psnr", "1-20") == {"a": {("0.png", "m.png"): 1.0, ("1.png", "m.png"): 9.0}}
    assert level_with_best(one + other[1:], "psnr", "1-20") == set()
    assert level_with_best(one, "psnr", "1-20") == level_with_best(one + other, "ssim", "1-20") == set()


def test_the_same_results_are_level() -> None:
    values = np.array([1.0, 2.0])
    assert level_with_best(measured("a", values) + measured("b", values), "psnr", "1-20") == {"b"}


def test_differences_are_those_of_the_pictures_with_their_standard_error() -> None:
    base, steps = np.array([30.0, 25, 20, 28]), np.array([0.1, 0.3, -0.1, 0.5])
    rows = measured("a", base) + measured("b", base + steps) + measured("c", base[:1] - 1)
    found = differences(rows, "psnr", "1-20", "a")
    assert found.keys() == {"b", "c"}
    assert math.isclose(found["b"].mean, steps.mean()) and math.isclose(
        found["b"].standard_error, steps.std(ddof=1) / 2
    )
    assert found["c"].mean == -1 and math.isnan(found["c"].standard_error)
    told = differences_as_markdown(rows, "a").splitlines()
    assert told == [
        "| minus a | PSNR (dB) ↑ 1-20 % |", "| --- | ---: |", "| b | +0.200 ± 0.129 |", "| c | -1.000 |",
    ]  # fmt: skip


def test_without_an_opponent_there_is_nothing_to_tell() -> None:
    rows = measured("a", np.array([1.0, 2]), "l1") + measured("b", np.array([0.5, 3]), "l1")
    assert differences(rows, "l1", "1-20", "z") == {}
