"""What the blocks of pages are made of: the files of results, and cells and tables in Markdown.

A mean is followed by its standard error in units of the last digit, 36.42(34).
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from showface.masks import BUCKETS

SHARES = tuple(BUCKETS)  # hidden, in per cent
SETS = {"val": "CelebAMask-HQ", "london": "London"}
WIDTH = 150  # characters of a line outside tables
CLEAR = 2  # standard errors beyond which something counts as found
Cells = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Bucket, metric, then mean, error and count."""


class Results:
    """The files of a folder of results by name, read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))

    @cached_property
    def strokes(self) -> dict[str, Any]:
        """What `showface evaluate` wrote of each set of faces."""
        return {name: self[name] for name in SETS}


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1, told: int = 0) -> str:
    """A Markdown table whose first `words` and last `told` columns are words, the others numbers."""
    rule = "|---" * words + "|---:" * (len(heading) - words - told) + "|---" * told + "|"
    return "\n".join([_row(heading), rule, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def figure(cell: Mapping[str, Any] | None, digits: int, *, sign: bool = False) -> str:
    """A mean with its standard error, where it has one, in units of the last digit."""
    if cell is None or cell["mean"] is None:
        return "–"
    mean = f"{cell['mean']:+.{digits}f}" if sign else f"{cell['mean']:.{digits}f}"
    error = cell.get("error")
    return mean if error is None else f"{mean}({error * 10**digits:.0f})"


def plus_minus(cell: Mapping[str, Any], digits: int, mean: str = "difference") -> str:
    """A difference and its standard error; bold beyond two of them."""
    if cell[mean] is None:
        return "–"
    words = f"{cell[mean]:+.{digits}f} ± {cell['error']:.{digits}f}"
    return f"**{words}**" if is_clear(cell, mean) else words


def is_clear(cell: Mapping[str, Any], mean: str = "difference") -> bool:
    return cell[mean] is not None and abs(cell[mean]) > CLEAR * cell["error"]


def buckets(cells: Cells, metric: str, digits: int, *, sign: bool = False) -> str:
    """The means of the three buckets: 36.42 / 28.71 / 24.45."""
    form = f"{'+' if sign else ''}.{digits}f"
    return " / ".join(f"{cells[bucket][metric]['mean']:{form}}" for bucket in SHARES)


def source(provenance: Mapping[str, Any]) -> str:
    """The command, and which weights it measured."""
    known = provenance["weights"]
    hashes = known if isinstance(known, list) else [known]
    names = ", ".join(f"`{one[:12]}`" if len(one) == 64 else one for one in hashes)
    lines = textwrap.wrap(provenance["command"], WIDTH - 10, break_long_words=False, break_on_hyphens=False)
    told = prose(f"Weights: {names}. Recorded: {provenance['recorded']}.")
    command = " \\\n    ".join(lines)
    return f"```\n{command}\n```\n\n{told}"


def prose(text: str) -> str:
    """A paragraph, or an item of a list, in lines that are not too long."""
    deeper = "  " if text.startswith("* ") else ""
    return textwrap.fill(text, WIDTH, subsequent_indent=deeper, break_long_words=False, break_on_hyphens=False)
