"""The report's files and facts."""

import hashlib
import json
from pathlib import Path

import pytest

from showface import weights
from showface.errors import DataError
from showface.evaluation.report.files import as_json, refuse_existing, versions, write_files
from showface.weights import combined_hash, weights_folder, weights_hash


def test_files_are_written_and_not_replaced_unasked(tmp_path: Path) -> None:
    write_files(tmp_path / "out", {"a.txt": "α", "b.txt": "b"})
    assert (tmp_path / "out" / "a.txt").read_text(encoding="utf-8") == "α"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.txt", "b.txt"]
    with pytest.raises(DataError, match="exists already"):
        refuse_existing(tmp_path / "out", ["c.txt", "b.txt"])
    refuse_existing(tmp_path / "out", ["c.txt"])


def test_a_file_in_the_folders_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("occupied")
    with pytest.raises(DataError, match="cannot be written"):
        write_files(tmp_path / "out", {"a.txt": "a"})


def test_json_is_valid_json() -> None:
    assert json.loads(as_json({"a": [1.5, "ß"]})) == {"a": [1.5, "ß"]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json({"a": float("nan")})


def test_versions_name_what_numbers_depend_on() -> None:
    assert {"python", "torch", "numpy", "opencv-python-headless"} <= versions().keys()


def test_the_weights_of_a_run_and_of_a_folder(tmp_path: Path, tiny_weights: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    assert weights_folder(run) == run
    (run / "weights").symlink_to(tiny_weights)
    assert weights_folder(run) == run / "weights"
    named = weights.read_description(tiny_weights)["sha256"]
    assert weights_hash(run / "weights") == combined_hash(named)


def test_the_hash_of_weights_in_one_file_is_the_files(tmp_path: Path) -> None:
    (tmp_path / weights.MODEL).write_bytes(b"tensors")
    digest = hashlib.sha256(b"tensors").hexdigest()
    (tmp_path / weights.CONFIG).write_text(json.dumps({"format": weights.SINGLE, "sha256": digest}))
    assert weights_hash(tmp_path) == weights_hash(tmp_path / weights.MODEL) == digest
