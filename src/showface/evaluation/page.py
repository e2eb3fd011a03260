"""The report as one HTML page that needs nothing but itself: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from showface.evaluation.gallery import Shown
from showface.evaluation.published import TABLE_1_CELEBAHQ, PrintedTable
from showface.evaluation.runner import Measurement
from showface.evaluation.tables import Table


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a page tells: the table, what it was made of, and what has to be known to read it."""

    title: str  # what was measured, "celebamask/val under masks/test"
    table: Table
    measurements: Sequence[Measurement]  # of single pictures, for the histograms
    facts: Mapping[str, object]  # protocol, weights, versions: what report.json holds beside the table
    caveats: Sequence[str] = ()  # sentences on what the figures can not say, FID on few pictures for instance
    gallery: Sequence[Shown] = ()  # the pictures that `gallery.choose` names, completed; none = no gallery
    printed: Sequence[PrintedTable] = (TABLE_1_CELEBAHQ,)  # the paper's figures to stand beside ours


def page(report: Report) -> str:
    """The whole page, to be written as report.html by `report.write_files` with the other files."""
    return f"<!doctype html>\n<title>{report.title}</title>\n"
