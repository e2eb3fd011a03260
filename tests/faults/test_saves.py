"""faults.md 27 and 28: whatever ends a save, a kill at any moment or a full disk, the checkpoint before it remains."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from showface import recipes
from showface.cli.main import main
from showface.errors import CheckpointError
from showface.training.configuration import Recipe
from showface.training.state import RESULT, checkpoints, read_tensors
from showface.training.watching.contact_sheet import write_sheet
from showface.training.watching.tracking import open_log
from showface.weights import remove_parts

pytestmark = pytest.mark.slow  # runs that are killed while they save

ROOT = Path(__file__).parents[2]
NEWER = "checkpoint-00000004.safetensors"
KILLS, HITS = 55, 3  # kills at least; and how many must hit an unfinished file


def test_27_a_kill_at_any_moment_of_a_save_leaves_the_newest_checkpoint_readable(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("saving.py")), str(tmp_path), str(KILLS), str(HITS)],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] >= KILLS and told["steps"] >= 1
    assert told["unfinished"] >= HITS, "hardly a kill hit a save: the test proves nothing"


def test_27_what_a_killed_save_left_is_removed_by_the_next_run(
    half_run: Path, tiny_recipe: Recipe, train_tiny: Callable[..., int]
) -> None:
    left = [folder / f".{uuid.uuid4().hex}.part" for folder in (half_run, half_run / "coarse")]
    for part in left:
        part.write_bytes(b"half a checkpoint")
    (half_run / "coarse" / ".keep").write_bytes(b"not ours")
    assert train_tiny(half_run) == 0
    assert not any(part.exists() for part in left) and (half_run / "coarse" / ".keep").exists()


def test_27_a_half_written_line_of_the_log_is_ended(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for written in (b"", b'{"step": 1}\n', b'{"step": 1}\n{"st'):
        log.write_bytes(written)
        with open_log(log) as stream:
            stream.write('{"step": 2}\n')
        assert log.read_bytes().endswith(b'\n{"step": 2}\n') or written == b""
        assert json.loads(log.read_text().splitlines()[-1]) == {"step": 2}


# ---------------------------------------------------------------------------------------------- full disks


@pytest.fixture
def train_tiny(tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `showface train` with the tiny recipe's first stage in a folder; returns the exit code."""
    monkeypatch.setitem(recipes.RECIPES, "tiny", lambda faces, masks: tiny_recipe)
    faces = tiny_recipe.stages[0].data.faces[0].folder

    def run(out: Path, *more: str) -> int:
        return main(
            ["train", "tiny", "--data", faces, "--out", str(out), "--stage", "coarse", "--device", "cpu", *more]
        )

    return run


@pytest.fixture
def half_run(finished_run: Path, tmp_path: Path) -> Path:
    """A run that stopped after two of the four steps of its first stage."""
    return half_of(finished_run, tmp_path / "half")


def half_of(run: Path, target: Path) -> Path:
    shutil.copytree(run, target, ignore=shutil.ignore_patterns("face_parser", "reconstruction", "mdrnets", "weights"))
    (target / "coarse" / RESULT).unlink()
    (target / "coarse" / NEWER).unlink()
    return target


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """A file system of its own, of `size` bytes, at `place`; skips where nobody may mount one."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small disk ({mounted.stderr.strip()}); the limited file size tests the same")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def limited_file_size(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: the write that would fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def assert_kept(run: Path, before: bytes, said: str, reason: str) -> None:
    """The old checkpoint is what it was, nothing half is left, and one line says why."""
    (error,) = (line for line in said.splitlines() if line.startswith("showface: error:"))
    assert reason in error and "cannot be written" in error and "Traceback" not in said
    (only,) = checkpoints(run / "coarse")
    assert only.read_bytes() == before
    assert not list(run.rglob("*.part"))


def assert_same(run: Path, other: Path) -> None:
    one, two = (read_tensors(folder / "coarse" / RESULT)[0] for folder in (run, other))
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_28_a_full_disk_leaves_the_old_checkpoint(
    finished_run: Path, tmp_path: Path, train_tiny: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk", 8 << 20):
        run = half_of(finished_run, tmp_path / "disk" / "run")
        before = checkpoints(run / "coarse")[0].read_bytes()
        room, ballast = shutil.disk_usage(run).free, tmp_path / "disk" / "ballast"
        ballast.write_bytes(bytes(room - 300_000))  # enough for everything but a checkpoint of 540 kB
        assert train_tiny(run) == 1
        assert_kept(run, before, capsys.readouterr().err, f"{NEWER}: cannot be written: No space left")
        ballast.unlink()
        assert train_tiny(run) == 0
        assert_same(run, finished_run)


def test_28_a_limited_file_size_leaves_the_old_checkpoint(
    half_run: Path, finished_run: Path, train_tiny: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkpoints(half_run / "coarse")[0].read_bytes()
    with limited_file_size(300_000):
        assert train_tiny(half_run) == 1
    assert_kept(half_run, before, capsys.readouterr().err, f"{NEWER}: cannot be written: File too large")
    assert train_tiny(half_run) == 0
    assert_same(half_run, finished_run)


def test_28_no_room_for_the_log_or_a_sheet_is_a_failed_run_too(
    half_run: Path, train_tiny: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Not the input's fault: exit code 1, the folder named."""
    log = half_run / "coarse" / "log.jsonl"
    with log.open("a") as stream:
        stream.write("\n" * 300_000)
    with limited_file_size(300_000):
        assert train_tiny(half_run) == 1
    assert f"{half_run / 'coarse'}: the log cannot be written: File too large" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match=r"sheet\.jpg: cannot be written"):
        write_sheet(tmp_path / "none" / "sheet.jpg", [torch.zeros(2, 3, 8, 8)])


def test_28_parts_are_only_those_of_unfinished_writes(tmp_path: Path) -> None:
    for name in (".a.part", "a.part", ".part", "b.txt"):
        (tmp_path / name).write_bytes(b"")
    remove_parts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".part", "a.part", "b.txt"]
