"""What a log tells, with half lines, repeated steps and broken numbers; and what the memory's counts mean."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from showface.training.watching.log import read_log
from showface.training.watching.memory_use import category_names, evenness_over_time, recent_use, sharpness_over_time


def test_a_log_is_read_by_step_and_without_prefix(tmp_path: Path) -> None:
    lines = [
        {"stage": "coarse", "step": 2, "time": 1.0, "coarse_hole": 0.5, "slot_usage": [[1, 2]]},
        {"stage": "coarse", "step": 4, "time": 2.0, "coarse_hole": float("nan"), "waiting": 0.25},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 6, "coarse_ho')
    log = read_log(path, "coarse")
    assert log.scalars == {"hole": [(2, 0.5)], "waiting": [(4, 0.25)]}
    assert log.tables == {"slot_usage": [(2, [[1, 2]])]} and log.step == 4
    assert log.last("waiting") == 0.25 and log.last("valid") is None
    assert read_log(tmp_path / "none", "coarse").step == 0


def test_what_is_told_again_replaces_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    """Killed after step 6, the checkpoint was of step 3: the run tells of 4 and 5 again and is now there."""
    told = [(2, 1.0), (4, 2.0), (6, 3.0), (4, 20.0), (5, 25.0)]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"step": step, "total": value}) + "\n" for step, value in told))
    assert read_log(path, "coarse").scalars["total"] == [(2, 1.0), (4, 20.0), (5, 25.0)]


def test_how_evenly_slots_were_used_between_reports() -> None:
    """Two categories, four slots; the counts go on, so that spans are differences."""
    counts = [
        (10, [[5, 0, 0, 0], [0, 0, 0, 0]]), (20, [[9, 4, 4, 4], [0, 0, 0, 0]]), (30, [[19, 4, 4, 4], [0, 3, 3, 0]]),
    ]  # fmt: skip
    found = evenness_over_time(counts, ["skin", "hat"])
    assert found["skin"] == pytest.approx([1.0, 0.0]) and found["hat"][0] is None
    assert found["hat"][1] == pytest.approx(0.5)  # two of four
    assert recent_use(counts, ["skin", "hat"]) == {"skin": [1.0, 0.0, 0.0, 0.0], "hat": [0.0, 1.0, 1.0, 0.0]}
    assert recent_use(counts[:1], ["skin", "hat"])["hat"] == [None] * 4


def test_many_reports_become_few_spans() -> None:
    rng = np.random.default_rng(0)
    counts = [(step, table.tolist()) for step, table in enumerate(rng.integers(0, 5, (500, 3, 6)).cumsum(axis=0))]
    told = [(step, [0.5, None, step / 500]) for step in range(500)]
    rows = evenness_over_time(counts, ["a", "b", "c"])
    assert all(len(row) == 40 and min(v or 0 for v in row) > 0.8 for row in rows.values())
    sharp = sharpness_over_time(told, ["a", "b", "c"])
    assert sharp["a"] == [0.5] * 40 and sharp["b"] == [None] * 40 and sharp["c"] == sorted(sharp["c"])
    assert category_names(14)[1] == "skin" and category_names(3) == ["0", "1", "2"]
