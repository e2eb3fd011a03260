"""A run as one page: where it stands, losses, gradients, the memory, and the same faces over time.

It needs nothing but itself and can be opened, or loaded again, at any moment while the run goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from showface.charts.frame import framed
from showface.charts.heat_map import heat_map
from showface.charts.line_chart import Line, legend, line_chart, short
from showface.configurations import to_plain
from showface.training.configuration import Recipe, StageConfig
from showface.training.state import is_finished
from showface.training.watching.log import StageLog, read_log
from showface.training.watching.memory_use import category_names, evenness_over_time, recent_use, sharpness_over_time
from showface.training.watching.tracking import LOG, PACE, clock

GRADIENT = "gradient_of_"  # how the scalars of single losses' gradients begin
MEMORY = {"slot_entropy": "use of slots, 1 = all alike", "read_sharpness": "sharpness of reads, 1 = one slot"}
NO_LOSSES = (*PACE, *MEMORY, "seconds_left", "gradient", "discriminator_gradient")
Column = tuple[str, str]  # what a column of pictures is called, and its picture as a URI


def run_page(
    out: Path, recipe: Recipe, stages: Sequence[StageConfig], ended: str | None,
    columns: Callable[[Path], Sequence[Column]],
) -> str:  # fmt: skip
    """The page of the run in `out`. `ended` says how it ended, "" = well, None = it goes on.

    `columns` gives the pictures of a stage's folder over time.
    """
    logs: dict[str, StageLog] = {config.name: read_log(out / config.name / LOG, config.name) for config in stages}
    title = f"{recipe.name}, {out.resolve().name}"
    sections = [_head(title, out, stages, logs, ended)]
    for config in reversed(stages):  # the newest first
        if logs[config.name].step:
            sections.append(_stage(config, logs[config.name], columns(out / config.name)))
    settings = escape(json.dumps(to_plain(recipe), indent=1))
    details = f'<details><summary>Every setting</summary><pre class="wide">{settings}</pre></details>\n'
    return framed(title, f"{''.join(sections)}<h2>Configuration</h2>\n{details}")


# ---------------------------------------------------------------------------------------------- where it stands


def _head(title: str, out: Path, stages: Sequence[StageConfig], logs: dict[str, StageLog], ended: str | None) -> str:
    running = next((config for config in stages if not is_finished(out, config.name)), None)
    rows = "".join(_row(config, logs[config.name], is_finished(out, config.name)) for config in stages)
    head = "".join(f"<th>{name}</th>" for name in ("step", "of", "images/s", "waiting", "loss"))
    return (
        f"<h1>{escape(title)}</h1>\n{_state(running, logs, ended)}"
        f'<p class="quiet">Written {time.strftime("%Y-%m-%d %H:%M:%S")}; load the page again to see more.</p>\n'
        '<div class="wide" tabindex="0" role="region" aria-label="Stages">\n<table>\n'
        f'<thead><tr><th class="corner">stage</th>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n'
    )


def _state(running: StageConfig | None, logs: dict[str, StageLog], ended: str | None) -> str:
    """One sentence, and how far the present stage is."""
    if running is None:
        return '<p class="state">Finished.</p>\n'
    log = logs[running.name]
    bar = f'<progress max="{running.steps}" value="{log.step}">{log.step} of {running.steps}</progress>\n'
    if ended is not None:
        return f'<p class="state">Ended: {escape(ended or "as asked")}.</p>\n{bar}'
    left = log.last("seconds_left")
    told = "begins" if left is None else f"step {log.step:,} of {running.steps:,}, {clock(left)} left in this stage"
    return f'<p class="state">Training {escape(running.name)}: {told}.</p>\n{bar}'


def _row(config: StageConfig, log: StageLog, finished: bool) -> str:
    pace, waiting, total = (log.last(name) for name in (*PACE, "total"))
    cells = (
        f"{config.steps if finished else log.step:,}",
        f"{config.steps:,}",
        "–" if pace is None else f"{pace:.3g}",
        "–" if waiting is None else f"{waiting:.0%}",
        "–" if total is None else short(total),
    )
    return f'<tr><th scope="row">{config.name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>\n'


# ---------------------------------------------------------------------------------------------- one stage


def _stage(config: StageConfig, log: StageLog, columns: Sequence[Column]) -> str:
    """Everything that one stage has told."""
    parts = [f"<h2>{config.name}</h2>\n", _over_time(columns), _losses(config, log), _gradients(config, log)]
    if "slot_usage" in log.tables:
        parts.append(_memory(config, log))
    charts = [_chart(config, log, name, title, low=0.0) for name, title in (
        ("images_per_second", "images per second"), ("waiting", "share of the time spent waiting for data"),
    )]  # fmt: skip
    return "".join((*parts, _rowed("Pace", "", charts)))


def _over_time(columns: Sequence[Column]) -> str:
    if not columns:
        return ""
    figures = "".join(
        f'<figure><img src="{uri}" alt="{escape(name)}"><figcaption>{escape(name)}</figcaption></figure>\n'
        for name, uri in columns
    )
    kind = 'class="over-time" tabindex="0" role="region" aria-label="The same faces over time"'
    return f"<div {kind}>\n{figures}</div>\n"


def _losses(config: StageConfig, log: StageLog) -> str:
    names = [name for name in log.scalars if name not in NO_LOSSES and not name.startswith(GRADIENT)]
    names.sort(key=lambda name: name != "total")
    charts = [_chart(config, log, name, name) for name in names]
    return _rowed("Losses", "Weighted, as they are added up; bold: the running mean.", charts)


def _gradients(config: StageConfig, log: StageLog) -> str:
    """The norm of each loss's gradient with respect to the output, and of the whole with respect to the parameters."""
    lines = [
        Line(name=name.removeprefix(GRADIENT), points=points)
        for name, points in log.scalars.items()
        if name.startswith(GRADIENT) and any(value > 0 for _, value in points)
    ]
    whole = [_chart(config, log, n, n.replace("_", " ")) for n in ("gradient", "discriminator_gradient")]
    if lines:
        drawing = line_chart("gradient of each loss", lines, end=config.steps)
        caption = "<figcaption>of each loss, at the output</figcaption>"
        whole.insert(0, f"<figure>{caption}{drawing}{legend(lines)}</figure>\n")
    return _rowed("Gradients", "Norms; of the whole objective at the parameters, before clipping.", whole)


def _memory(config: StageConfig, log: StageLog) -> str:
    """How evenly slots are used, how sharply they are read, over time and by category."""
    used = log.tables["slot_usage"]
    names, ends = category_names(len(used[-1][1])), (str(used[0][0]), f"step {used[-1][0]:,}")
    figures = [_chart(config, log, name, title, low=0.0) for name, title in MEMORY.items()]
    maps = [("which slots are used lately, strongest = the busiest", recent_use(used, names), ("slot 1", "last"))]
    if len(used) > 1:
        maps.append(("use of slots over time, strong = all alike", evenness_over_time(used, names), ends))
    if told := log.tables.get("sharpness"):
        maps.append(("sharpness of reads over time, strong = one slot", sharpness_over_time(told, names), ends))
    figures += [
        f"<figure><figcaption>{title}</figcaption>{heat_map(title, rows, below=below)}</figure>\n"
        for title, rows, below in maps
    ]
    return _rowed("Memory", "Means over the categories that occur, and each category by itself.", figures)


def _chart(config: StageConfig, log: StageLog, name: str, title: str, low: float | None = None) -> str:
    """One scalar over the stage's steps; nothing where it was never told."""
    points = log.scalars.get(name)
    if not points:
        return ""
    drawing = line_chart(title, [Line(name=title, points=points)], end=config.steps, low=low)
    return f"<figure><figcaption>{escape(title)} <b>{short(points[-1][1])}</b></figcaption>{drawing}</figure>\n"


def _rowed(heading: str, caption: str, figures: Sequence[str]) -> str:
    if not any(figures):
        return ""
    told = f'<p class="quiet">{escape(caption)}</p>\n' if caption else ""
    return f'<h3>{heading}</h3>\n{told}<div class="charts">\n{"".join(figures)}</div>\n'
