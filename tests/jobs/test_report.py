"""The report: a line per picture, and what counts as done when the same command comes again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from showface.errors import DataError
from showface.jobs.one_picture import Outcome, Wishes
from showface.jobs.plan import Job
from showface.jobs.report import Report
from showface.photo.mask_options import MaskOptions


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "a.png").touch()
    return Job(image=tmp_path / "a.png", out=tmp_path / "out" / "a.png")


def written(job: Job, report: Report, **facts: object) -> None:
    """As if the job had been done."""
    part = job.out.with_name("part")
    job.out.parent.mkdir(exist_ok=True)
    part.write_bytes(b"result")
    report.publish(job, Outcome(parts=((part, job.out),), **facts))  # type: ignore[arg-type]


def test_a_line_says_what_was_done(job: Job, tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    written(job, Report(path, {"grow": 2}), seconds=1.23456, width=30, faces=2, hole_share=0.25, warnings=("look",),
            mirrored=0.12345678, mirror=("taken", "turned head"), fidelity=0.3)  # fmt: skip
    (line,) = [json.loads(text) for text in path.read_text().splitlines()]
    assert line["state"] == "done" and line["image"] == str(job.image) and line["out"] == str(job.out)
    assert (line["seconds"], line["width"], line["faces"], line["hole_share"]) == (1.235, 30, 2, 0.25)
    assert line["mirrored"] == 0.123457 and line["mirror"] == ["taken", "turned head"] and line["fidelity"] == 0.3
    assert line["warnings"] == ["look"] and line["settings"] == {"grow": 2}


def test_done_is_what_is_there_and_reported_with_these_settings(job: Job, tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    assert not Report(path, {}).is_done(job)
    written(job, Report(path, {}))
    assert Report(path, {}).is_done(job)
    assert not Report(path, {"grow": 1}).is_done(job), "other settings"
    assert not Report(path, {}).is_done(Job(image=tmp_path / "b.png", out=job.out)), "another picture"
    assert not Report(tmp_path / "other.jsonl", {}).is_done(job), "another report"
    newer = job.out.stat().st_mtime_ns + 1_000_000_000
    os.utime(job.image, ns=(newer, newer))
    assert not Report(path, {}).is_done(job), "the picture has changed since"
    assert Report(path, {}).is_ours(job)
    job.out.unlink()
    assert not Report(path, {}).is_done(job), "the result is gone"


def test_the_last_line_about_a_result_holds(job: Job, tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    report = Report(path, {})
    written(job, report)
    report.add(Outcome(error="disk full").line(job))
    assert not Report(path, {}).is_ours(job)


def test_a_line_is_there_before_its_result(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a run killed in between leaves nothing that the same command would take for somebody else's."""
    path = tmp_path / "report.jsonl"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "replace", killed)
        written(job, Report(path, {}))
    assert not job.out.exists()
    assert not Report(path, {}).is_done(job) and Report(path, {}).is_ours(job)


def test_what_a_killed_run_left_unfinished_is_passed_over(job: Job, tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    written(job, Report(path, {}))
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2, 3, 12):
        path.write_bytes(whole + whole[:cut])
        assert Report(path, {}).is_done(job)
    Report(path, {}).add({"state": "no mask", "image": "b.png"})
    assert path.read_bytes().startswith(whole + whole[:12] + b"\n{")
    assert Report(path, {}).is_done(job)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n", b"dear diary\n", b"[1]\n", b'{"step": 1}\n'])
def test_other_files_are_not_taken_for_reports(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.jsonl").write_bytes(content)
    with pytest.raises(DataError, match="report"):
        Report(tmp_path / "report.jsonl", {})
    assert (tmp_path / "report.jsonl").read_bytes() == content


def test_a_report_needs_a_folder(job: Job, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "report.jsonl"):
        with pytest.raises(DataError, match="for the report"):
            Report(path, {})


def test_if_the_line_cannot_be_written_the_result_is_withdrawn(job: Job, tmp_path: Path) -> None:
    report = Report(tmp_path / "report.jsonl", {})
    (tmp_path / "report.jsonl").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        written(job, report)
    assert list(job.out.parent.iterdir()) == []


def test_settings_are_what_differs_from_the_defaults() -> None:
    assert Wishes().different() == {}
    assert Wishes(mirror="off", fidelity=0.5).different() == {"mirror": "off", "fidelity": 0.5}
    wishes = Wishes(quality=80, mask=MaskOptions(grow=3, boxes=((1, 2, 3, 4),)))
    assert wishes.different() == {"quality": 80, "grow": 3, "boxes": ((1, 2, 3, 4),)}
    assert Report(None, wishes.different()).settings["boxes"] == [[1, 2, 3, 4]], "as it is read back"
