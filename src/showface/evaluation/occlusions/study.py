"""A whole study of occluded faces: methods by kinds by measures, kept on the disk as it goes, and its report.

out/
    measurements.jsonl    a line per picture and method; the same call goes on where another was stopped
    features/             of the crops of completed pictures, for KID
    pictures/             the completed pictures, if they are to be kept
    occlusions.json  occlusions.md  pictures.csv  protocol.json
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from showface import assets
from showface.errors import SettingError
from showface.evaluation.categories.maps import SemanticMap
from showface.evaluation.comparison import ComparisonConfig, seconds
from showface.evaluation.measuring.journal import Journal
from showface.evaluation.measuring.measures import feature_store
from showface.evaluation.measuring.runner import FromPairs, Measurement, evaluate, measured_pairs
from showface.evaluation.methods.contender import Contender, records
from showface.evaluation.occlusions.columns import COLUMNS, DEFINITIONS, TRUTH
from showface.evaluation.occlusions.differences import differences_as_markdown, differences_from
from showface.evaluation.occlusions.measures import NAMES, CloserLook
from showface.evaluation.occlusions.rows import Eyes
from showface.evaluation.occlusions.table import Table, as_csv, as_markdown, as_plain, tabulate_occlusions
from showface.evaluation.protocol.overlap import refuse_overlap
from showface.evaluation.protocol.pairs import Pair, Protocol, read_face
from showface.evaluation.report.files import (
    as_json,
    protocol_facts,
    protocol_table,
    refuse_other_report,
    versions,
    write_files,
)
from showface.weights import bundled, weights_hash

REPORT = "occlusions.json"
NETWORKS = ("alexnet-lpips", "vgg16-lpips", "inception", "mobilefacenet")


@dataclass(frozen=True)
class Study:
    """What came out."""

    table: Table
    measurements: list[Measurement]
    facts: dict[str, Any]
    against: str = ""  # the method from which the others' differences are told; "" = none
    differences: Table = field(default_factory=dict)

    def as_markdown(self) -> str:
        """The table, and below it the differences."""
        told = [differences_as_markdown(self.differences, self.against)] if self.against else []
        return "\n".join([as_markdown(self.table), *told])


def study_occlusions(
    protocol: Protocol,
    chosen: Sequence[Contender],
    config: ComparisonConfig,
    *,
    parser: SemanticMap,
    eyes: Eyes,
    against: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Study:
    """Measures what is not measured yet and tabulates all. What cannot be measured is refused before anything is.

    `protocol` has the rows of `rows.kind_rows`, `eyes` are those of the same faces; the truth becomes a row.
    `against` is the method from which the others' differences are told.
    """
    contenders = [*chosen, the_truth(chosen, protocol)]
    facts = _facts(protocol, contenders, refuse_overlap(protocol, [*config.trained_on, *records(chosen)]))
    if not config.overwrite:
        refuse_other_report(config.out, facts, REPORT)
    features = feature_store(config.out / "features", device=config.device)
    look = CloserLook.pretrained(
        features=features, parser=parser, eyes=eyes, batch=config.batch, device=config.device
    )  # fmt: skip
    journal = Journal(
        config.out, protocol, {one.name: one.identity for one in contenders}, NAMES, versions=versions(),
        crops=features, pictures=config.out / "pictures" if config.pictures else None, overwrite=config.overwrite,
    )  # fmt: skip
    measured = evaluate(
        protocol, {one.name: one.method for one in contenders}, metrics={}, look=look, batch=config.batch,
        memory=journal, progress=progress,
    )  # fmt: skip
    facts["seconds per picture"] = {name: value for name, value in seconds(measured).items() if name != TRUTH}
    differences = differences_from(against, measured, features) if against else {}
    return Study(tabulate_occlusions(measured, features), measured, facts, against, differences)


def the_truth(chosen: Sequence[Contender], protocol: Protocol) -> Contender:
    """The true faces as a method: what could be reached, and what KID and irises are by themselves."""
    if any(one.name == TRUTH for one in chosen):
        raise SettingError(
            f"method {TRUTH}: the true faces have a row of that name already; give it another, NAME=PATH"
        )

    def read(bucket: str, pairs: Sequence[Pair]) -> UInt8[Tensor, "b 3 h w"]:
        return torch.stack([read_face(pair.face, protocol.config.size) for pair in pairs])

    return Contender(TRUTH, FromPairs(read), TRUTH, "the faces themselves")


def _facts(protocol: Protocol, contenders: Sequence[Contender], checked: dict[str, int]) -> dict[str, Any]:
    """What makes the figures repeatable."""
    return {
        "protocol": protocol_facts(protocol) | {"definitions": DEFINITIONS},
        "metrics": list(COLUMNS),
        "methods": {one.name: _method_facts(one, protocol) for one in contenders},
        "measured by": {name: assets.ASSETS[name].sha256 for name in NETWORKS} | {"parser": weights_hash(bundled())},
        "not trained on": {place: f"{count} pictures, none of them measured" for place, count in checked.items()},
        "versions": versions(),
    }


def _method_facts(one: Contender, protocol: Protocol) -> dict[str, Any]:
    """Where a method comes from, and how many faces it leaves out."""
    left_out = len(faces_left_out(one, protocol))
    return {"source": one.source, "identity": one.identity} | ({"faces left out": left_out} if left_out else {})


def faces_left_out(one: Contender, protocol: Protocol) -> set[Path]:
    """The faces of a table that are not in the row of a method, since it lacks references of them."""
    pairs = [pair for table in protocol.pairs.values() for pair in table]
    return {pair.face for pair in pairs} - {pair.face for pair in measured_pairs(one.method, pairs)}


def write_study(study: Study, protocol: Protocol, out: Path) -> None:
    """The report's files; those of an earlier report are replaced, occlusions.json last."""
    told = {"against": study.against, "table": as_plain(study.differences)}
    differences = {"differences": told} if study.against else {}
    files = {
        "protocol.json": as_json(protocol_table(protocol)),
        "pictures.csv": as_csv(study.measurements),
        "occlusions.md": study.as_markdown(),
        REPORT: as_json({"table": as_plain(study.table), **differences, **study.facts}),
    }
    write_files(out, files)
