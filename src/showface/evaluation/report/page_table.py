"""The tables of the report page: methods down, metrics and buckets across, the paper's figures below in a colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from html import escape
from string import ascii_lowercase

from showface.evaluation.measuring.measures import MEASURES
from showface.evaluation.report.published import METRICS as PAPER_METRICS
from showface.evaluation.report.published import PrintedTable
from showface.evaluation.report.tables import Cell, Table, title_of
from showface.masks import BUCKETS

Level = Callable[[str, str], AbstractSet[str]]
"""From metric and bucket to the methods that cannot be told from the best."""

MISSING = '<td class="{kind}"><span aria-hidden="true">–</span><span class="unseen">not measured</span></td>'


@dataclass
class Notes:
    """The remarks that cells refer to, in the order in which they are met: ours by letters, the paper's by numbers."""

    prefix: str
    letters: bool
    texts: list[str] = field(default_factory=list)

    def number(self, text: str) -> int:
        """The number of the remark `text`, a new one if it is new."""
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1

    def mark(self, text: str) -> str:
        """A small letter or number that leads to the remark."""
        number = self.number(text)
        name = ascii_lowercase[(number - 1) % 26] if self.letters else str(number)
        return f'<sup><a href="#{self.prefix}{number}" aria-label="remark {name}">{name}</a></sup>'

    def listed(self) -> str:
        """All remarks as an ordered list; nothing if there are none."""
        items = "".join(f'<li id="{self.prefix}{i}">{escape(text)}</li>\n' for i, text in enumerate(self.texts, 1))
        kind = 'type="a" class="notes"' if self.letters else 'class="notes printed"'
        return f"<ol {kind}>\n{items}</ol>\n" if items else ""


@dataclass(frozen=True)
class Ranks:
    """How the methods of a column stand to each other."""

    places: Mapping[str, int]  # 1 = best
    level: AbstractSet[str]  # cannot be told from the best


def metrics_of(table: Table) -> list[str]:
    """The metrics that were measured: the paper's in its order, then ours."""
    found = {name for rows in table.values() for cells in rows.values() for name in cells}
    return [name for name in (*PAPER_METRICS, *(n for n in MEASURES if n not in PAPER_METRICS)) if name in found]


def buckets_of(table: Table) -> list[str]:
    """Every bucket that a method was measured in."""
    return list(dict.fromkeys(bucket for rows in table.values() for bucket in rows))


def places(table: Table, metric: str, bucket: str) -> dict[str, int]:
    """Method to rank, 1 the best; undefined values have none. What is equal as printed shares the better rank.

    Nobody is ranked where all are equal.
    """
    measure = MEASURES[metric]
    sign = -1 if measure.higher else 1
    means = {m: rows[bucket][metric].mean for m, rows in table.items() if metric in rows.get(bucket, {})}
    found = {m: sign * round(mean, measure.digits) for m, mean in means.items() if not math.isnan(mean)}
    if len(set(found.values())) < 2:
        return {}
    return {m: 1 + sum(other < value for other in found.values()) for m, value in found.items()}


# ---------------------------------------------------------------------------------------------- the paper's layout


def share_table(
    table: Table,
    metrics: Sequence[str],
    caption: str,
    printed: Sequence[PrintedTable],
    *,
    prefix: str,
    level: Level = lambda metric, bucket: set(),
) -> str:
    """Methods down; for each of `metrics` the buckets of hole shares across; then `printed`, which is not ranked.

    `level` names the methods of a column that cannot be told from its best.
    """
    buckets = [bucket for bucket in buckets_of(table) if bucket in BUCKETS]
    columns = [(metric, bucket) for metric in metrics for bucket in buckets]
    notes, remarks = Notes(f"{prefix}-note-", letters=True), Notes(f"{prefix}-remark-", letters=False)
    ranks = {column: Ranks(places(table, *column), level(*column)) for column in columns}
    rows = [
        _row(method, [_cell(table, method, column, ranks[column], notes, buckets) for column in columns])
        for method in table
    ]
    groups = [_printed_rows(one, columns, remarks) for one in printed]
    head = _two_level_head("method", metrics, buckets)
    return (
        _scrolling(f"{prefix}-caption", f"{_caption(prefix, caption)}{head}{_body(rows)}{''.join(groups)}")
        + notes.listed()
        + remarks.listed()
    )


def _two_level_head(corner: str, metrics: Sequence[str], buckets: Sequence[str]) -> str:
    tops = "".join(
        f'<th scope="colgroup" colspan="{len(buckets)}" class="first">{escape(MEASURES[name].heading)}</th>'
        for name in metrics
    )
    below = "".join(
        f'<th scope="col" class="{_edge(bucket, buckets)}">{escape(title_of(bucket))}</th>'
        for _ in metrics
        for bucket in buckets
    )
    groups = "<colgroup></colgroup>" + f'<colgroup span="{len(buckets)}"></colgroup>' * len(metrics)
    return (
        f'{groups}<thead><tr><th rowspan="2" scope="col" class="corner">{corner}</th>{tops}</tr>\n'
        f"<tr>{below}</tr></thead>\n"
    )


def _printed_rows(printed: PrintedTable, columns: Sequence[tuple[str, str]], remarks: Notes) -> str:
    """One group of rows with the paper's figures; cells that a remark is about lead to it."""
    about: dict[tuple[str, str, str], list[str]] = {}
    for remark in printed.remarks:
        remarks.number(f"{printed.name}: {remark.text}")
        for cell in remark.cells:
            about.setdefault(cell, []).append(f"{printed.name}: {remark.text}")
    buckets = list(dict.fromkeys(bucket for _, bucket in columns))
    rows = []
    for name, figures in printed.rows.items():
        cells = []
        for metric, bucket in columns:
            value = figures.get(bucket, {}).get(metric)
            marks = "".join(remarks.mark(text) for text in about.get((name, bucket, metric), []))
            kind = _edge(bucket, buckets)
            cells.append(MISSING.format(kind=kind) if value is None else f'<td class="{kind}">{value:.3f}{marks}</td>')
        rows.append(_row(name, cells))
    title = (
        f"Printed in the paper, {printed.name}: {printed.pictures}. Another data set size, other masks and code; "
        "not comparable with the rows above."
    )
    heading = f'<tr><th scope="rowgroup" colspan="{len(columns) + 1}"><span>{escape(title)}</span></th></tr>\n'
    return f'<tbody class="printed">\n{heading}{"".join(rows)}</tbody>\n'


# ---------------------------------------------------------------------------------------------- other buckets


def further_table(
    table: Table,
    metrics: Sequence[str],
    caption: str,
    *,
    prefix: str,
    level: Level = lambda metric, bucket: set(),
) -> str:
    """Buckets that are no hole shares: each a group of rows, methods down, `metrics` across."""
    notes, groups = Notes(f"{prefix}-note-", letters=True), []
    for bucket in buckets_of(table):
        if bucket in BUCKETS:
            continue
        ranks = {metric: Ranks(places(table, metric, bucket), level(metric, bucket)) for metric in metrics}
        heading = f'<tr><th scope="rowgroup" colspan="{len(metrics) + 1}"><span>{escape(bucket)}</span></th></tr>\n'
        rows = [
            _row(method, [_cell(table, method, (metric, bucket), ranks[metric], notes, [bucket]) for metric in metrics])
            for method in table
        ]
        groups.append(f"<tbody>\n{heading}{''.join(rows)}</tbody>\n")
    tops = "".join(f'<th scope="col" class="first">{escape(MEASURES[name].heading)}</th>' for name in metrics)
    head = f'<thead><tr><th scope="col" class="corner">hidden, method</th>{tops}</tr></thead>\n'
    return _scrolling(f"{prefix}-caption", f"{_caption(prefix, caption)}{head}{''.join(groups)}") + notes.listed()


# ---------------------------------------------------------------------------------------------- cells


def _cell(
    table: Table, method: str, column: tuple[str, str], ranks: Ranks, notes: Notes, buckets: Sequence[str]
) -> str:
    """One figure with its interval; best bold, second best underlined where three or more are compared."""
    metric, bucket = column
    kind = _edge(bucket, buckets)
    cell = table[method].get(bucket, {}).get(metric)
    if cell is None or math.isnan(cell.mean):
        return MISSING.format(kind=kind)
    digits = MEASURES[metric].digits
    mark = notes.mark(cell.caveat) if cell.caveat else ""
    return f'<td class="{kind}">{_ranked(f"{cell.mean:.{digits}f}", method, ranks)}{mark}{_interval(cell, digits)}</td>'


def _ranked(text: str, method: str, ranks: Ranks) -> str:
    """What is seen is said to those who listen, too."""
    place = ranks.places.get(method)
    if place == 1:
        return f'<strong>{text}</strong><span class="unseen"> best</span>'
    if place == 2 and len(ranks.places) > 2:
        text = f'<u>{text}</u><span class="unseen"> second best</span>'
    if place is not None and method in ranks.level:
        text = f'<span aria-hidden="true">≈ </span>{text}<span class="unseen"> level with the best</span>'
    return text


def _interval(cell: Cell, digits: int) -> str:
    if cell.low is None or cell.high is None:
        return "<small>&nbsp;</small>"
    return f"<small>{cell.low:.{digits}f}–{cell.high:.{digits}f}</small>"


def _row(name: str, cells: Sequence[str]) -> str:
    return f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>\n'


def _body(rows: Sequence[str]) -> str:
    return f"<tbody>\n{''.join(rows)}</tbody>\n"


def _edge(bucket: str, buckets: Sequence[str]) -> str:
    """The class of a cell that opens the columns of a metric."""
    return "first" if bucket == buckets[0] else "next"


def _caption(prefix: str, text: str) -> str:
    return f'<caption id="{prefix}-caption">{escape(text)}</caption>\n'


def _scrolling(label: str, table: str) -> str:
    """A table in a box that scrolls sideways, by keyboard too."""
    return f'<div class="wide" role="region" tabindex="0" aria-labelledby="{label}"><table>\n{table}</table></div>\n'
