"""What a stage has told so far, read back from its log.jsonl."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KNOWN = ("stage", "step", "time")  # of every line, beside its scalars and tables


@dataclass(frozen=True)
class StageLog:
    """The lines of one stage by step: scalars and tables by name, without the stage's own prefix."""

    stage: str
    scalars: dict[str, list[tuple[int, float]]] = field(default_factory=dict)  # name -> (step, value), finite
    tables: dict[str, list[tuple[int, list[Any]]]] = field(default_factory=dict)  # name -> (step, rows)
    step: int = 0  # the last one that was told of

    def last(self, name: str) -> float | None:
        """The newest value of a scalar."""
        found = self.scalars.get(name)
        return found[-1][1] if found else None


def read_log(path: Path, stage: str) -> StageLog:
    """The log in `path`, empty if there is none. Half a line, left by a kill, is skipped.

    Where a run went on from an earlier checkpoint, what it tells anew replaces what was told before.
    """
    lines: list[dict[str, Any]] = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        line = _line(text)
        if line is not None:
            while lines and lines[-1]["step"] >= line["step"]:
                lines.pop()
            lines.append(line)
    log = StageLog(stage, step=lines[-1]["step"] if lines else 0)
    for line in lines:
        for name, value in line.items():
            if isinstance(value, list):
                log.tables.setdefault(name, []).append((line["step"], value))
            elif name not in KNOWN and isinstance(value, int | float) and math.isfinite(value):
                log.scalars.setdefault(name.removeprefix(f"{stage}_"), []).append((line["step"], float(value)))
    return log


def _line(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("step"), int) else None
