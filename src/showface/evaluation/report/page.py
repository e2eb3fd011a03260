"""The report as one HTML page that needs nothing but itself: no script, no font, no picture from elsewhere.

The table in the paper's layout with the paper's own figures below ours, how the values of single pictures are spread,
and the best, median and worst pictures. It reads on a phone, in the dark and on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from jaxtyping import UInt8
from torch import Tensor

from showface.charts.frame import framed, jpeg_uri
from showface.evaluation.measuring.measures import MEASURES
from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.report.gallery import Shown, rule
from showface.evaluation.report.histogram import OUTSIDE, histogram
from showface.evaluation.report.page_table import buckets_of, further_table, metrics_of, share_table
from showface.evaluation.report.paired import level_with_best, values_by_pair
from showface.evaluation.report.published import METRICS as PAPER_METRICS
from showface.evaluation.report.published import TABLE_1, PrintedTable
from showface.evaluation.report.tables import Table, title_of
from showface.images import picture_of
from showface.masks import BUCKETS

JPEG = {"quality": 88, "subsampling": 0}  # of the pictures on the page; they were measured before
LONGEST = 12  # entries of a fact that are written out
LEGEND = (
    "Best of a column bold, second best underlined, both by the mean as printed; arrows say which way is better. Below "
    "a mean the interval that holds 95 % of the bootstrap means over pictures. ≈ marks a method that cannot be told "
    "from the best: the same interval of their differences, picture by picture, holds 0 (not judged for FID and KID)."
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a page tells: the table, what it was made of, and what has to be known to read it."""

    title: str  # what was measured, "celebamask/val under masks/test"
    table: Table
    measurements: Sequence[Measurement]  # of single pictures, for the histograms
    facts: Mapping[str, object]  # protocol, weights, versions: what report.json holds beside the table
    caveats: Sequence[str] = ()  # sentences on what the figures cannot say, beside those of single cells
    gallery: Sequence[Shown] = ()  # the pictures that `gallery.choose` names, completed; none = no gallery
    printed: Sequence[PrintedTable] = TABLE_1  # the paper's figures to stand beside ours


def page(report: Report) -> str:
    """The whole page as text, to be written as report.html by `files.write_files` with the other files."""
    sections = (
        _summary(report), _paper_section(report), _ours_section(report), _further_section(report),
        _histograms(report), _gallery(report.gallery, report.measurements), _facts(report.facts),
    )  # fmt: skip
    return framed(report.title, "".join(sections))


def _summary(report: Report) -> str:
    counts = {bucket: 0 for bucket in buckets_of(report.table)}
    first = next(iter(report.table), None)
    for one in report.measurements:
        counts[one.bucket] += one.method == first
    shown = ", ".join(f"{title_of(bucket)}: {count}" for bucket, count in counts.items() if count)
    caveats = "".join(f"<li>{escape(sentence)}</li>\n" for sentence in report.caveats)
    return (
        f"<h1>{escape(report.title)}</h1>\n<p>{len(report.table)} methods. Pictures measured, {escape(shown)}.</p>\n"
        + (f"<ul>\n{caveats}</ul>\n" if caveats else "")
    )


# ---------------------------------------------------------------------------------------------- tables


def _paper_section(report: Report) -> str:
    """The paper's metrics in its buckets, its own figures below ours."""
    metrics = [name for name in metrics_of(report.table) if name in PAPER_METRICS]
    if not metrics or not _has_shares(report.table):
        return ""
    colour = (
        '<p class="quiet">Figures in the second colour are copied from the paper. They are no result of this '
        "evaluation, take no part in the ranking, and contradict each other where a remark says so.</p>\n"
    )
    table = share_table(
        report.table, metrics, "The paper's metrics by share hidden", report.printed, prefix="paper",
        level=_level(report),
    )  # fmt: skip
    return f'<h2>Table</h2>\n<p class="quiet">{LEGEND}</p>\n{colour if report.printed else ""}{table}'


def _ours_section(report: Report) -> str:
    """Metrics that the paper does not have."""
    metrics = [name for name in metrics_of(report.table) if name not in PAPER_METRICS]
    if not metrics or not _has_shares(report.table):
        return ""
    table = share_table(
        report.table, metrics, "Further metrics by share hidden", (), prefix="further", level=_level(report)
    )
    return f"<h2>Beyond the paper's metrics</h2>\n{table}"


def _further_section(report: Report) -> str:
    """Buckets that are no hole shares: parts of the face, drawn occluders."""
    if all(bucket in BUCKETS for bucket in buckets_of(report.table)):
        return ""
    table = further_table(
        report.table, metrics_of(report.table), "By what is hidden", prefix="hidden", level=_level(report)
    )
    return f"<h2>Beyond the paper's masks</h2>\n{table}"


def _level(report: Report) -> Callable[[str, str], set[str]]:
    """The methods of a column that cannot be told from its best."""
    return lambda metric, bucket: level_with_best(report.measurements, metric, bucket)


def _has_shares(table: Table) -> bool:
    return any(bucket in BUCKETS for bucket in buckets_of(table))


# ---------------------------------------------------------------------------------------------- single pictures


def _histograms(report: Report) -> str:
    """For every metric of single pictures a row of drawings, one for each bucket."""
    names = {name for one in report.measurements for name in one.values}
    rows = []
    for measure in MEASURES.values():
        if measure.name not in names:
            continue
        drawings = []
        for bucket in buckets_of(report.table):
            values = {m: [*v.values()] for m, v in values_by_pair(report.measurements, measure.name, bucket).items()}
            if values:
                drawing = histogram(title_of(bucket), measure, values)
                drawings.append(f"<figure>{drawing}<figcaption>{escape(title_of(bucket))}</figcaption></figure>\n")
        if drawings:
            rows.append(f'<h3>{escape(measure.heading)}</h3>\n<div class="row">\n{"".join(drawings)}</div>\n')
    if not rows:
        return ""
    caption = (
        "How many pictures have which value; the stroke and the number are the mean. In a drawing all methods have one "
        f"scale. The outermost bars also hold the {OUTSIDE:g} % beyond either end."
    )
    return f'<h2>Single pictures</h2>\n<p class="quiet">{caption}</p>\n{"".join(rows)}'


def _gallery(gallery: Sequence[Shown], measurements: Sequence[Measurement]) -> str:
    if not gallery:
        return ""
    values = {(one.method, one.bucket, one.face, one.mask): one.values for one in measurements}
    parts = [f'<h2>Best, median, worst</h2>\n<p class="quiet">{escape(rule(gallery[0].choice))}</p>\n']
    for bucket in dict.fromkeys(shown.choice.bucket for shown in gallery):
        parts.append(f"<h3>{escape(title_of(bucket))}</h3>\n")
        parts += [_shown(shown, values) for shown in gallery if shown.choice.bucket == bucket]
    return "".join(parts)


def _shown(shown: Shown, values: Mapping[tuple[str, str, str, str], Mapping[str, float]]) -> str:
    """One choice: its pictures side by side, each with its name and its value."""
    choice = shown.choice
    measure = MEASURES[choice.metric]
    figures = []
    for name, pixels in shown.pictures().items():
        value = values.get((name, choice.bucket, choice.face, choice.mask), {}).get(choice.metric)
        told = "" if value is None else f"<br>{value:.{measure.digits}f}"
        height, width = pixels.shape[1:]
        alternative = f"{name}, {choice.rank} of {title_of(choice.bucket)}"
        figures.append(
            f'<figure><img src="{data_uri(pixels)}" width="{width}" height="{height}" alt="{escape(alternative)}">'
            f"<figcaption>{escape(name)}{told}</figcaption></figure>\n"
        )
    heading = f"{choice.rank}: {choice.face} under {choice.mask}, {measure.heading.rstrip(' ↑↓')}"
    row = f'<div class="faces" style="--count: {len(figures)}">\n{"".join(figures)}</div>\n'
    return f'<p class="quiet">{escape(heading)}</p>\n{row}'


def data_uri(pixels: UInt8[Tensor, "3 h w"]) -> str:
    """RGB in 0..255 as a JPEG inside the page."""
    return jpeg_uri(picture_of(pixels.permute(1, 2, 0).cpu().numpy()), **JPEG)


# ---------------------------------------------------------------------------------------------- facts


def _facts(facts: Mapping[str, object]) -> str:
    """Everything that makes the figures repeatable, in the words of report.json."""
    parts = []
    for name, content in facts.items():
        entries = content if isinstance(content, Mapping) else {name: content}
        items = "".join(
            f"<dt>{escape(str(key))}</dt><dd>{escape(in_words(value))}</dd>\n" for key, value in entries.items()
        )
        parts.append(f"<h3>{escape(name)}</h3>\n<dl>\n{items}</dl>\n")
    return f"<h2>What was measured, with what</h2>\n{''.join(parts)}"


def in_words(value: object) -> str:
    """A JSON value for people; long lists and tables are only counted."""
    if isinstance(value, Mapping):
        if len(value) > LONGEST:
            return f"{len(value)} entries, see report.json"
        return ", ".join(f"{name} {in_words(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return f"{len(value)} entries, see report.json" if len(value) > LONGEST else ", ".join(map(in_words, value))
    return "–" if value is None else str(value)
