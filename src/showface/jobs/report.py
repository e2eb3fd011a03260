"""A report of many pictures: one JSON object per line and picture, which the same command goes on from.

A line is written before its results appear under their names, so what is there without a line was made by somebody
else. Of several lines about one result the last one holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from showface.errors import DataError
from showface.jobs.one_picture import Outcome
from showface.jobs.plan import Job

Line = dict[str, Any]
START = '{"state": "'  # of every line


class Report:
    """The report in `path`, or none (None); read when made, appended to while it is entered."""

    def __init__(self, path: Path | None, settings: Mapping[str, object]) -> None:
        """`settings` are those of this command; results made with others do not count as done."""
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise DataError(f"{path}: expected the name of a file in a folder that is there, for the report")
        self.path = path
        self.settings: Line = json.loads(json.dumps(settings))
        self._last = {} if path is None or not path.exists() else _last_lines(path)

    def is_done(self, job: Job) -> bool:
        """Whether everything this job writes is there, from this command, and newer than what it was made from."""
        if not self.is_ours(job) or not all(target.exists() for target in job.targets()):
            return False
        sources = [path for path in (job.image, job.mask) if path is not None and path.exists()]
        newest = max((path.stat().st_mtime_ns for path in sources), default=0)
        return job.out.stat().st_mtime_ns >= newest

    def is_ours(self, job: Job) -> bool:
        """Whether this command, with these settings, has made this job's results before, or was about to."""
        line = self._last.get(str(job.out), {})
        return line.get("state") == "done" and line.get("settings") == self.settings and line["image"] == str(job.image)

    def publish(self, job: Job, outcome: Outcome) -> None:
        """Writes the line of `outcome`, then gives what was written its names."""
        try:
            self.add(outcome.line(job))
        except DataError:
            outcome.withdraw()
            raise
        outcome.publish()

    def add(self, line: Mapping[str, object]) -> None:
        """Appends one line, at once and whole."""
        if self.path is None:
            return
        text = json.dumps({**line, "settings": self.settings}) + "\n"
        try:
            with self.path.open("a+b") as stream:
                if stream.tell() and not _ends_whole(self.path):  # a run that was killed while it wrote
                    text = "\n" + text
                stream.write(text.encode("ascii"))
        except OSError as error:
            raise DataError(f"{self.path}: the report cannot be written: {error.strerror}") from error


def _last_lines(path: Path) -> dict[str, Line]:
    """The last line about every result; what a killed run left unfinished is passed over."""
    try:
        texts = path.read_text(encoding="ascii").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a report of earlier runs, or no file: {error}") from error
    found: dict[str, Line] = {}
    for number, text in enumerate(texts, 1):
        line = _parsed(text)
        if line is None and text[: len(START)] != START[: len(text)]:
            raise DataError(f"{path}: line {number} is not of a report; name another file for it")
        if line:
            found[str(line.get("out"))] = line
    return found


def _parsed(text: str) -> Line | None:
    """One line; an empty one is an empty object, None = not a whole object."""
    try:
        line = json.loads(text or "{}")
    except json.JSONDecodeError:
        return None
    return line if isinstance(line, dict) and (not line or "state" in line) else None


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) == b"\n"
