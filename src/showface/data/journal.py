"""What was done stays done: one JSON line per picture, so that the same command goes on where it was stopped.

The first line holds the settings. A line that a stop cut short is written again; lines of another journal are refused.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from showface.errors import DataError

Row = dict[str, Any]
CURE = "remove the file to begin anew"


class Journal:
    """The rows in a file by their key; new ones are appended at once."""

    def __init__(self, file: Path, settings: Row) -> None:
        """Raises `DataError` if `file` was written with other `settings`, or holds something else."""
        self.file, self.rows = file, dict[str, Row]()
        self._settings = json.loads(json.dumps(settings))
        self._size = self._read()  # bytes of whole lines

    def add(self, key: str, row: Row) -> None:
        """Keeps `row` under `key`, in the file too."""
        lines = [] if self._size else [self._settings]
        lines.append({"key": key} | row)
        content = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        self._size = append_lines(self.file, content, after=self._size)
        self.rows[key] = row

    def _read(self) -> int:
        """Takes what the file holds, the last row of a key; returns the length of its whole lines."""
        rows, size = read_lines(self.file, cure=CURE)
        if rows and rows[0] != self._settings:
            found, wanted = rows[0], self._settings
            changed = [
                f"{name} {found.get(name)} there, {wanted.get(name)} here"
                for name in sorted(found.keys() | wanted.keys())
                if found.get(name) != wanted.get(name)
            ]
            raise DataError(f"{self.file}: begun with other settings ({'; '.join(changed)}); choose another place")
        for place, row in enumerate(rows[1:], start=2):
            if "key" not in row:
                raise DataError(f"{self.file}, line {place}: expected a row with a key, found {row!r}; {CURE}")
        self.rows = {str(row.pop("key")): row for row in rows[1:]}
        return size


def read_lines(file: Path, *, cure: str) -> tuple[list[Row], int]:
    """The rows in `file`, one a line, and the length of its whole lines in bytes; nothing where there is no file.

    A line that a stop cut short is left out; `append_lines` writes over it. Raises `DataError` for a line that is no
    JSON object, with `cure`: what to do about it.
    """
    if not file.exists():
        return [], 0
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    return [_parsed(file, place, line, cure) for place, line in enumerate(whole.splitlines(), start=1)], len(whole)


def _parsed(file: Path, place: int, line: bytes, cure: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{file}, line {place}: damaged ({error}); {cure}") from error
    if not isinstance(row, dict):
        raise DataError(f"{file}, line {place}: expected a row of a journal, found {row!r}; {cure}")
    return row


def append_lines(file: Path, content: bytes, *, after: int) -> int:
    """Puts `content` behind the first `after` bytes of `file`, on the disk, and drops what a stop left there.

    Returns the new length. Raises `DataError` if the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("r+b" if after else "wb") as stream:
            stream.seek(after)
            stream.write(content)
            stream.truncate()
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise DataError(f"{file}: cannot be written: {error.strerror or error}") from error
    return after + len(content)
