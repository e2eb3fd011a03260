"""A whole comparison: methods by measures on one protocol, kept on the disk as it goes, and its report.

out/
    measurements.jsonl    a line per picture and method; the same call goes on where another was stopped
    features/             of completed pictures, for FID and KID
    pictures/             the completed pictures, if they are to be kept
    report.html  report.json  table.md  table.csv  pictures.csv  protocol.json
    differences.md        to one of the methods, picture by picture, if asked for
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.journal import Journal
from showface.evaluation.measuring.measures import (
    Distance,
    Measure,
    distances,
    feature_store,
    picture_metrics,
    refuse_small_sets,
)
from showface.evaluation.measuring.runner import Measurement, evaluate, show
from showface.evaluation.methods.contender import Contender, records
from showface.evaluation.protocol.overlap import refuse_overlap
from showface.evaluation.protocol.pairs import Protocol
from showface.evaluation.report.files import (
    REPORT,
    as_json,
    protocol_facts,
    protocol_table,
    refuse_other_report,
    versions,
    write_files,
)
from showface.evaluation.report.gallery import Shown, choose
from showface.evaluation.report.page import Report, page
from showface.evaluation.report.paired import differences_as_markdown
from showface.evaluation.report.published import TABLE_1, PrintedTable
from showface.evaluation.report.tables import Cell, Table, as_csv, as_markdown, as_plain, cells_as_csv, tabulate

NORMAL = 1.96  # standard errors to either side hold 95 %


@dataclass(frozen=True, kw_only=True)
class ComparisonConfig:
    """How a comparison is run; what is compared are a protocol, contenders and measures."""

    out: Path  # folder of measurements and report
    batch: int = 8  # pictures at once
    device: str = "cpu"  # of the networks that measure
    trained_on: tuple[Path, ...] = ()  # runs, lists of hashes or folders whose pictures may not be measured
    pictures: bool = False  # keep every completed picture
    overwrite: bool = False  # forget what `out` holds


@dataclass(frozen=True)
class Comparison:
    """What came out."""

    table: Table
    measurements: list[Measurement]
    facts: Mapping[str, object]


def compare(
    protocol: Protocol,
    chosen: Sequence[Contender],
    measures: Sequence[Measure],
    config: ComparisonConfig,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Measures what is not measured yet and tabulates all. What cannot be measured is refused before anything is."""
    refuse_small_sets(measures, {bucket: len(pairs) for bucket, pairs in protocol.pairs.items()})
    facts = _facts(protocol, chosen, measures, refuse_overlap(protocol, [*config.trained_on, *records(chosen)]))
    if not config.overwrite:
        refuse_other_report(config.out, facts)
    of_sets = [measure for measure in measures if measure.of_sets]
    features = feature_store(config.out / "features", device=config.device) if of_sets else None
    metrics = picture_metrics(measures, batch=config.batch, device=config.device)
    journal = Journal(
        config.out, protocol, {one.name: one.identity for one in chosen}, list(metrics), versions=versions(),
        features=features, pictures=config.out / "pictures" if config.pictures else None, overwrite=config.overwrite,
    )  # fmt: skip
    measured = evaluate(
        protocol, {one.name: one.method for one in chosen}, metrics=metrics, batch=config.batch, memory=journal,
        progress=progress,
    )  # fmt: skip
    sets = {} if features is None else set_cells(measured, of_sets, features)
    table = tabulate(measured, seed=protocol.config.seed, sets=sets)
    return Comparison(table, measured, facts | {"seconds per picture": seconds(measured)})


def _facts(
    protocol: Protocol, chosen: Sequence[Contender], measures: Sequence[Measure], checked: Mapping[str, int]
) -> dict[str, Any]:
    """What makes the figures repeatable."""
    return {
        "protocol": protocol_facts(protocol),
        "metrics": [measure.name for measure in measures],
        "methods": {one.name: {"source": one.source, "identity": one.identity} for one in chosen},
        "not trained on": {place: f"{count} pictures, none of them measured" for place, count in checked.items()},
        "versions": versions(),
    }


def set_cells(
    measured: Sequence[Measurement], measures: Sequence[Measure], features: FeatureStore
) -> dict[tuple[str, str], dict[str, Cell]]:
    """The measures of sets of each method and bucket: completed pictures against the same faces."""
    cells = {}
    for place, rows in by_place(measured).items():
        completed, truths = features.get([row.completed for row in rows]), features.get([row.truth for row in rows])
        found = distances(measures, completed, truths)
        cells[place] = {name: _cell(one, len(rows)) for name, one in found.items()}
    return cells


def _cell(distance: Distance, count: int) -> Cell:
    half = NORMAL * distance.standard_error
    return Cell(distance.value, distance.value - half, distance.value + half, count, distance.caveat)


def by_place(measured: Sequence[Measurement]) -> dict[tuple[str, str], list[Measurement]]:
    """The measurements of each method in each bucket."""
    places: dict[tuple[str, str], list[Measurement]] = {}
    for one in measured:
        places.setdefault((one.method, one.bucket), []).append(one)
    return places


def seconds(measured: Sequence[Measurement]) -> dict[str, float]:
    """How long each method took for one picture, on average, on the machine that measured."""
    times: dict[str, list[float]] = {}
    for one in measured:
        times.setdefault(one.method, []).append(one.seconds)
    return {method: round(sum(values) / len(values), 4) for method, values in times.items()}


def gallery_of(comparison: Comparison, protocol: Protocol, chosen: Sequence[Contender]) -> list[Shown]:
    """The best, median and worst pictures of each bucket, completed again: single pictures take little time."""
    methods = {one.name: one.method for one in chosen}
    return [
        Shown(one, *show(protocol, methods, one.bucket, one.face, one.mask)) for one in choose(comparison.measurements)
    ]


def write_report(
    comparison: Comparison,
    protocol: Protocol,
    out: Path,
    *,
    gallery: Sequence[Shown] = (),
    title: str = "",
    printed: Sequence[PrintedTable] = TABLE_1,
    against: str = "",
) -> None:
    """The report's files; those of an earlier report are replaced, report.json last.

    `title` names the pictures if empty; `printed` are the paper's tables to stand beside ours; `against` is the method
    from which the others' differences are told.
    """
    names = protocol_facts(protocol)
    measured = f"{names['faces']} under {names['masks']} masks"
    report = Report(
        title=title or measured, table=comparison.table, measurements=comparison.measurements, facts=comparison.facts,
        gallery=gallery, printed=printed,
    )  # fmt: skip
    files = {
        "protocol.json": as_json(protocol_table(protocol)),
        "pictures.csv": as_csv(comparison.measurements),
        "table.csv": cells_as_csv(comparison.table),
        "table.md": as_markdown(comparison.table),
        **({"differences.md": differences_as_markdown(comparison.measurements, against)} if against else {}),
        "report.html": page(report),
        REPORT: as_json({"table": as_plain(comparison.table), **comparison.facts}),
    }
    write_files(out, files)
