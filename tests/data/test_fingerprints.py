"""Lists of the pictures that a run has seen."""

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from showface.data.fingerprints import FILE, as_lines, hash_pictures, pictures_seen, read_lines
from showface.errors import DataError


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Three pictures, one with a space in its name."""
    files = [tmp_path / "faces" / name for name in ("a.png", "b c.png", "d.png")]
    files[0].parent.mkdir()
    for i, file in enumerate(files):
        Image.new("RGB", (4, 4), (i, 0, 0)).save(file)
    return files


def test_the_list_is_that_of_sha256sum_and_reads_back(pictures: list[Path], tmp_path: Path) -> None:
    hashes = hash_pictures(pictures)
    assert hashes[str(pictures[1])] == hashlib.sha256(pictures[1].read_bytes()).hexdigest()
    (tmp_path / FILE).write_text(as_lines(hashes))
    assert (tmp_path / FILE).read_text().splitlines()[0] == f"{hashes[str(pictures[0])]}  {pictures[0]}"
    assert read_lines(tmp_path / FILE) == hashes


def test_what_is_known_is_not_read_again(pictures: list[Path]) -> None:
    known = hash_pictures(pictures[:2])
    pictures[0].unlink()
    assert hash_pictures(pictures, known).keys() == {str(file) for file in pictures}
    with pytest.raises(DataError, match=r"a\.png: cannot be read"):
        hash_pictures(pictures)


def test_a_run_a_list_and_a_folder_tell_the_same(pictures: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / FILE).write_text(as_lines(hash_pictures(pictures)))
    assert pictures_seen(run) == pictures_seen(run / FILE) == pictures_seen(tmp_path / "faces")


def test_another_kind_of_file_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{'0' * 64}  a.png\nb.png\n")
    with pytest.raises(DataError, match=r"line 2: expected '<sha256>  <path>', found 'b\.png'"):
        read_lines(tmp_path / "list")
    (tmp_path / "list").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not readable"):
        read_lines(tmp_path / "list")
