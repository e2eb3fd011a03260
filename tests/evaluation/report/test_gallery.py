"""Which pictures are shown: a rule, applied to each bucket."""

from __future__ import annotations

import math

import pytest
import torch

from showface.errors import SettingError
from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.report.gallery import Choice, Shown, choose, ordering_method, rule


def measured(method: str, bucket: str, values: list[float], metric: str = "psnr") -> list[Measurement]:
    return [Measurement(method, bucket, f"{i}.png", f"m{i}.png", 0.1, {metric: float(v)}) for i, v in enumerate(values)]


def told(choices: list[Choice]) -> list[tuple[str, str, float]]:
    return [(one.rank, one.face, one.value) for one in choices]


def test_best_median_and_worst_of_each_bucket_by_the_psnr_of_ours() -> None:
    rows = measured("telea", "1-20", [9, 8, 7, 6, 5]) + measured("full", "1-20", [3, 1, 5, 2, 4])
    rows += measured("telea", "hand", [1, 2]) + measured("full", "hand", [6, 7])
    choices = choose(rows)
    assert told([one for one in choices if one.bucket == "1-20"]) == [
        ("best", "2.png", 5), ("median", "0.png", 3), ("worst", "1.png", 1),
    ]  # fmt: skip
    assert told([one for one in choices if one.bucket == "hand"]) == [("best", "1.png", 7), ("worst", "0.png", 6)]
    assert {one.method for one in choices} == {"full"} and choices[0].mask == "m2.png"
    assert "by the PSNR (dB) of full" in rule(choices[0])


def test_of_an_even_number_the_better_middle_and_ties_by_name() -> None:
    assert told(choose(measured("a", "1-20", [1, 2, 3, 4])))[1] == ("median", "2.png", 3)
    assert [one.face for one in choose(measured("a", "1-20", [5, 5, 5]))] == ["0.png", "1.png", "2.png"]


def test_no_picture_twice_and_none_without_a_value() -> None:
    assert told(choose(measured("a", "1-20", [4]))) == [("best", "0.png", 4)]
    assert told(choose(measured("a", "1-20", [math.nan, 4, 2]))) == [("best", "1.png", 4), ("worst", "2.png", 2)]
    assert choose(measured("a", "1-20", [math.nan])) == []
    assert choose([Measurement("a", "1-20", "0.png", "m.png", 0.1, {})]) == []


def test_another_metric_takes_the_place_of_psnr_and_knows_which_way_is_better() -> None:
    assert told(choose(measured("a", "1-20", [1, 2, 3], metric="l1")))[0] == ("best", "0.png", 1)


def test_the_method_that_orders() -> None:
    assert ordering_method(["telea", "full", "migan"]) == "full"
    assert ordering_method(["telea", "migan"]) == "migan"
    rows = measured("telea", "1-20", [1, 2]) + measured("full", "1-20", [2, 1])
    assert choose(rows, method="telea")[0].face == "1.png"
    with pytest.raises(SettingError, match="unknown method 'tela'; did you mean 'telea'"):
        choose(rows, method="tela")


def test_pictures_from_masked_to_truth() -> None:
    truth = torch.zeros(3, 4, 4, dtype=torch.uint8)
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[:, :2] = True
    made = {"b": truth + 1, "a": truth + 2}
    pictures = Shown(Choice("1-20", "best", "f", "m", "a", "psnr", 1.0), truth, mask, made).pictures()
    assert list(pictures) == ["masked", "b", "a", "truth"]
    assert (pictures["masked"][:, :2] == 255).all() and (pictures["masked"][:, 2:] == 0).all()
    assert pictures["truth"] is truth
