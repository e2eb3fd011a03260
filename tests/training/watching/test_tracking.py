"""What a run tells: JSON lines, TensorBoard, plain lines or a bar; and how its pace is measured."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from rich.console import Console

from showface.data.batches import Batch
from showface.training.watching import tracking
from showface.training.watching.tracking import Pace, Tracker, clock, tensorboard_installed


def test_reports_go_to_json_lines_and_plain_lines(tmp_path: Path, console: Console) -> None:
    for done, steps in ((0, (1, 2)), (2, (3,))):  # the second time the run goes on
        with Tracker(tmp_path / "coarse", stage="coarse", steps=3, done=done, console=console) as tracker:
            for step in steps:
                tracker.advance()
                pace = {"images_per_second": 7.25, "waiting": 0.5}
                losses = {"coarse_hole": step / 3, "coarse_gradient_of_hole": 1.0}
                tracker.report(step, pace | losses, {"slot_usage": [[1, 2]]})
    lines = [json.loads(line) for line in (tmp_path / "coarse" / "log.jsonl").read_text().splitlines()]
    assert [(line["stage"], line["step"], line["coarse_hole"]) for line in lines] == [
        ("coarse", n, n / 3) for n in (1, 2, 3)
    ]
    assert "coarse 3/3  7.25 images/s, 50% waiting, 0:00 left  hole 1\n" in console.file.getvalue()
    assert all(line["slot_usage"] == [[1, 2]] and line["seconds_left"] >= 0 for line in lines)


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with Tracker(tmp_path, stage="coarse", steps=4, done=2, console=console) as tracker:
        tracker.advance()
        tracker.report(3, {"images_per_second": 7.25, "coarse_total": 0.125, "coarse_valid": 0.5})
    assert "3/4" in screen.getvalue() and "7.25 images/s" in screen.getvalue() and " left" in screen.getvalue()
    assert "total 0.125" in screen.getvalue() and "valid" not in screen.getvalue()
    assert "coarse 3/4" not in screen.getvalue()


def test_the_time_left_is_that_of_the_steps_to_come(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(tracking.time, "monotonic", lambda: now[0])
    with Tracker(tmp_path, stage="coarse", steps=50, done=10, console=console) as tracker:
        now[0] += 20.0  # for ten steps
        assert tracker.seconds_left(20) == 60.0
        tracker.report(20, {})
        assert tracker.seconds_left(50) == 0.0
    assert ", 1:00 left" in console.file.getvalue()
    told = [clock(seconds) for seconds in (0.4, 59.6, 61.0, 3600.0, 36061.0)]
    assert told == ["0:00", "1:00", "1:01", "1:00:00", "10:01:01"]


@pytest.mark.skipif(not tensorboard_installed(), reason="tensorboard is not installed")
def test_scalars_go_to_tensorboard(tmp_path: Path, console: Console) -> None:
    with Tracker(tmp_path, stage="coarse", steps=1, done=0, console=console) as tracker:
        tracker.report(1, {"hole": 0.25})
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"coarse/hole" in events.read_bytes()


def test_the_log_is_closed_after_an_error(tmp_path: Path, console: Console) -> None:
    with pytest.raises(RuntimeError), Tracker(tmp_path, stage="coarse", steps=1, done=0, console=console) as tracker:
        raise RuntimeError
    with pytest.raises(ValueError, match="closed file"):
        tracker.report(1, {})


def test_pace_counts_pictures_and_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(tracking.time, "perf_counter", lambda: now[0])

    def slow() -> Iterator[Batch]:
        for _ in range(2):
            now[0] += 1.0
            yield Batch(torch.zeros(3, 3, 2, 2), torch.zeros(3, 1, 2, 2), torch.zeros(3, 2, 2, dtype=torch.int64))

    pace = Pace()
    for _ in pace.timed(slow()):
        now[0] += 3.0  # the update
    assert pace.measured() == {"images_per_second": 6 / 8, "waiting": 2 / 8}
    now[0] += 2.0
    assert pace.measured() == {"images_per_second": 0.0, "waiting": 0.0}
