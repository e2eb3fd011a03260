"""Keeps the page of a run, report.html in its folder, up to date without costing it time that is worth a word."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from showface.charts.frame import jpeg_uri
from showface.errors import CheckpointError
from showface.images import read_image
from showface.training.configuration import Recipe, StageConfig
from showface.training.watching.contact_sheet import SHOWN
from showface.training.watching.page import Column, run_page
from showface.weights import write_whole

PAGE = "report.html"
EVERY = 15.0  # seconds between two versions of the page, at least
SHARE = 0.01  # of the run's time that writing it may take
TIMES = 8  # contact sheets of a stage that are shown: the first, the last and some between
SIDE = 112  # pixels of a face on the page


class RunReport:
    """The page of the run in `out`, written anew when it is due."""

    def __init__(self, out: Path, recipe: Recipe, stages: Sequence[StageConfig]) -> None:
        self.out, self.recipe, self.stages = out, recipe, stages
        self._pictures: dict[Path, list[str]] = {}  # the columns of sheets that were read before
        self._due = 0.0

    def refresh(self) -> None:
        """Write the page if it is time."""
        if time.monotonic() >= self._due:
            self._write(None)

    def close(self, ended: str) -> None:
        """Write the page for the last time; `ended` says why the run did, "" = it was to."""
        self._write(ended)

    def _write(self, ended: str | None) -> None:
        began = time.monotonic()
        html = run_page(self.out, self.recipe, self.stages, ended, self.columns)
        try:
            write_whole(self.out / PAGE, html.encode())
        except OSError as error:
            raise CheckpointError(f"{self.out / PAGE}: cannot be written: {error.strerror or error}") from error
        now = time.monotonic()
        self._due = now + max(EVERY, (now - began) / SHARE)

    def columns(self, folder: Path) -> list[Column]:
        """The faces of a stage's contact sheets: hidden, completed at several steps, true."""
        sheets = spread(sorted(folder.glob("sheet-*.jpg")), TIMES)
        if not sheets:
            return []
        made = [(f"step {int(sheet.stem.removeprefix('sheet-')):,}", self._strips(sheet)[-2]) for sheet in sheets]
        first, *_, truth = self._strips(sheets[-1])
        hidden = [] if len(self._strips(sheets[-1])) == 2 else [("input", first)]  # an autoencoder's input is the truth
        return [*hidden, *made, ("truth", truth)]

    def _strips(self, sheet: Path) -> list[str]:
        """The columns of a sheet, each as a picture for the page."""
        if sheet not in self._pictures:
            picture = read_image(sheet)
            count = round(picture.width * SHOWN / picture.height)
            columns = [column_of(picture, number) for number in range(count)]
            self._pictures[sheet] = [jpeg_uri(column, quality=82, subsampling=2) for column in columns]
        return self._pictures[sheet]


def spread(found: Sequence[Path], most: int) -> list[Path]:
    """At most `most` of `found`, evenly spread from the first to the last."""
    if len(found) <= most:
        return list(found)
    return [found[round(i * (len(found) - 1) / (most - 1))] for i in range(most)]


def column_of(sheet: Image.Image, number: int) -> Image.Image:
    """Column `number` of a contact sheet, which has `SHOWN` rows of squares, at most `SIDE` pixels wide."""
    side = sheet.height // SHOWN
    left, size = number * side, min(side, SIDE)
    return sheet.resize((size, size * SHOWN), Image.Resampling.LANCZOS, (left, 0, left + side, side * SHOWN))
