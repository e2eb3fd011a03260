"""A run leaves the hashes of what it was trained on."""

import hashlib
from pathlib import Path

import pytest

from showface.data.faces import FaceSource, list_faces
from showface.data.fingerprints import FILE, read_lines
from showface.training.preflight import record_pictures

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks


def test_every_picture_of_a_run_is_listed(finished_run: Path, faces: FaceSource) -> None:
    seen = read_lines(finished_run / FILE)
    pictures = [face.picture for face in list_faces(faces)]
    assert seen == {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in pictures}


def test_a_run_that_goes_on_keeps_its_list_and_takes_over_that_of_the_run_it_begins_with(
    faces: FaceSource, tmp_path: Path
) -> None:
    earlier, out = tmp_path / "earlier", tmp_path / "out"
    for folder, name in ((earlier, "first"), (out, "second")):
        folder.mkdir()
        (folder / FILE).write_text(f"{'ab' * 32}  {name}.png\n")
    record_pictures(list_faces(faces), out, earlier)
    seen = read_lines(out / FILE)
    assert {"first.png", "second.png"} < seen.keys() and len(seen) == 2 + 7
    record_pictures(list_faces(faces), out, None)
    assert read_lines(out / FILE) == seen
