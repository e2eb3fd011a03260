"""Differences between methods on the same faces: with an error of their own, and bold where they are clear."""

from __future__ import annotations

import math
from dataclasses import astuple, replace

import numpy as np
import pytest

from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.occlusions.differences import differences_as_markdown, differences_from, is_clear
from showface.evaluation.occlusions.measures import NAMES
from showface.evaluation.occlusions.table import Figure, as_plain, from_plain, tabulate_occlusions


class Known(FeatureStore):
    """Features that are drawn from their hash's name; those of `close` lie near the true ones."""

    def __init__(self) -> None: ...

    def get(self, hashes: list[str]) -> np.ndarray:  # type: ignore[override]
        return np.stack([self._drawn(name.removeprefix("close ")) for name in hashes])

    def _drawn(self, name: str) -> np.ndarray:
        return np.abs(np.random.default_rng(list(name.encode())).normal(size=5)) + 3 * name.startswith("far")


def rows(method: str, kind: str = "one_eye", faces: int = 6, **values: list[float]) -> list[Measurement]:
    made = []
    for i in range(faces):
        given = dict.fromkeys(NAMES, 0.5) | {"gradient": 2.0, "gradient_true": 4.0}
        given |= {name: column[i] for name, column in values.items()}
        crops, true = ((f"{side}{i}",) for side in (f"{method} ", "true "))
        made.append(Measurement(method, kind, f"{i}.png", "", 0.1, given, crops=crops, true_crops=true))
    return made


def test_differences_are_taken_face_by_face() -> None:
    base, steps = [0.1, 0.9, 0.3, 0.7, 0.2, 0.8], [0.01, 0.02, 0.01, 0.02, 0.01, 0.02]
    other = [one + step for one, step in zip(base, steps, strict=True)]
    measured = rows("full", lpips=base) + rows("less", lpips=other)
    figure = differences_from("full", measured, Known())["less"]["one_eye"]["lpips"]
    assert astuple(figure) == pytest.approx((0.015, np.std(steps, ddof=1) / math.sqrt(6), 6))
    alone = tabulate_occlusions(measured, Known())["less"]["one_eye"]["lpips"]
    assert is_clear(figure) and figure.error < alone.error / 20  # type: ignore[operator]


def test_only_faces_that_both_have_count() -> None:
    measured = rows("full", lpips=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) + rows("some", lpips=[0.2] * 6)[2:5]
    table = differences_from("full", measured, Known())
    assert table["some"]["one_eye"]["lpips"].mean == pytest.approx(-0.2) and set(table) == {"some"}
    assert {figure.count for figure in table["some"]["one_eye"].values()} == {3}
    undefined = rows("full", iris=[math.nan] * 6) + rows("less", iris=[1.0] * 6)
    assert differences_from("full", undefined, Known())["less"]["one_eye"]["iris"] == Figure(None, None, 0)


def test_that_of_sharpness_is_the_difference_of_the_ratios() -> None:
    truth = [4.0, 8.0, 2.0, 5.0, 6.0, 3.0]
    measured = rows("full", gradient=[3.0, 7.0, 1.5, 4.0, 5.0, 2.0], gradient_true=truth)
    measured += rows("less", gradient=[2.0, 5.0, 1.4, 3.0, 3.5, 2.1], gradient_true=truth)
    table = tabulate_occlusions(measured, Known())
    figure = differences_from("full", measured, Known())["less"]["one_eye"]["sharpness"]
    less, full = (table[name]["one_eye"]["sharpness"].mean for name in ("less", "full"))
    assert figure.mean == pytest.approx(less - full) and figure.count == 6  # type: ignore[operator]


def test_that_of_kid_is_the_difference_of_the_distances() -> None:
    measured = rows("full") + rows("far") + rows("close true")
    found, table = differences_from("full", measured, Known()), tabulate_occlusions(measured, Known())
    for method in ("far", "close true"):
        expected = table[method]["one_eye"]["kid"].mean - table["full"]["one_eye"]["kid"].mean  # type: ignore[operator]
        assert found[method]["one_eye"]["kid"].mean == pytest.approx(expected)
    assert is_clear(found["far"]["one_eye"]["kid"])
    few = differences_from("full", rows("full", faces=2) + rows("far", faces=2), Known())
    assert few["far"]["one_eye"]["kid"] == Figure(None, None, 2)


def test_equal_methods_do_not_differ() -> None:
    full = rows("full")
    figures = differences_from("full", [*full, *(replace(one, method="same") for one in full)], Known())["same"]
    assert {(figure.mean, figure.error) for figure in figures["one_eye"].values()} == {(0.0, 0.0)}
    assert not any(is_clear(figure) for figure in figures["one_eye"].values())


def test_a_table_a_kind_with_signs_and_bold_where_it_is_clear() -> None:
    base = [0.1, 0.9, 0.3, 0.7, 0.2, 0.8]
    measured = [
        one
        for kind in ("one_eye", "mouth")
        for one in (
            *rows("full", kind, lpips=base, parts=base),
            *rows("no-memory", kind, lpips=[x + 0.1 for x in base], parts=base[::-1], iris=[math.nan] * 6),
            *rows("truth", kind),
        )
    ]
    table = differences_from("full", measured, Known())
    assert set(table) == {"no-memory"} and from_plain(as_plain(table)) == table
    text = differences_as_markdown(table, "full")
    assert text.startswith("minus full, face by face; bold: beyond two standard errors\n\none_eye\n\n| minus full ")
    assert text.count("**+0.1000** ± 0.0000") == 2 and text.count("+0.0000 ± 0.") > 1 and " – |" in text
    for part in text.split("mouth\n"):
        assert len({len(line) for line in part.splitlines() if line.startswith("|")}) == 1
