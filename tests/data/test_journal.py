from __future__ import annotations

from pathlib import Path

import pytest

from showface.data.journal import Journal
from showface.errors import DataError


def test_rows_come_back_and_the_last_of_a_key_counts(tmp_path: Path) -> None:
    file = tmp_path / "new" / "journal.jsonl"
    first = Journal(file, {"size": 8})
    first.add("a", {"n": 1})
    first.add("b", {"n": 2})
    first.add("a", {"n": 3})
    assert Journal(file, {"size": 8}).rows == {"a": {"n": 3}, "b": {"n": 2}} == first.rows


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_line_cut_short_is_written_again(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "journal.jsonl"
    journal = Journal(file, {"size": 8})
    journal.add("a", {"n": 1})
    whole = file.read_bytes()
    journal.add("b", {"n": 2})
    complete = file.read_bytes()
    file.write_bytes(complete[: len(whole) + cut])
    again = Journal(file, {"size": 8})
    assert again.rows == {"a": {"n": 1}}
    again.add("b", {"n": 2})
    assert file.read_bytes() == complete


def test_a_first_line_cut_short_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_bytes(b'{"si')
    journal = Journal(file, {"size": 8})
    journal.add("a", {"n": 1})
    assert Journal(file, {"size": 8}).rows == {"a": {"n": 1}}


def test_other_settings_and_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    Journal(file, {"size": 8}).add("a", {"n": 1})
    with pytest.raises(DataError, match="size 8 there, 9 here"):
        Journal(file, {"size": 9})
    for content, reason in ((b"no json\n", "line 1: damaged"), (b'{"size": 8}\n[1]\n', "line 2: expected a row")):
        file.write_bytes(content)
        with pytest.raises(DataError, match=reason):
            Journal(file, {"size": 8})
