"""Whether two methods differ on the same occluded faces: each measure's difference with its standard error.

Faces differ far more from each other than methods do. So differences are taken face by face, and their own error says
whether there is any: beyond two of them it is bold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.measures import KID_UNIT
from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.occlusions.columns import COLUMNS, TRUTH
from showface.evaluation.occlusions.table import FEWEST, Figure, Table, aligned, kinds_of, mean_figure, ratio_figure
from showface.metrics.kid import difference_of_distances

CLEAR = 2.0  # standard errors beyond which a difference is one

Rows = Mapping[str, Measurement]
"""By face."""


def differences_from(against: str, measured: Sequence[Measurement], features: FeatureStore) -> Table:
    """Every other method minus `against`, kind by kind, on the faces that were measured with both."""
    places: dict[tuple[str, str], dict[str, Measurement]] = {}
    for one in measured:
        places.setdefault((one.method, one.bucket), {})[one.face] = one
    table: Table = {}
    for (method, kind), rows in places.items():
        base = places.get((against, kind), {})
        if method not in (against, TRUTH) and rows.keys() & base.keys():
            table.setdefault(method, {})[kind] = {name: _difference(name, rows, base, features) for name in COLUMNS}
    return table


def _difference(name: str, rows: Rows, base: Rows, features: FeatureStore) -> Figure:
    faces = [face for face in rows if face in base]
    if name == "kid":
        return kid_difference([rows[face] for face in faces], [base[face] for face in faces], features)
    part = "gradient" if name == "sharpness" else name
    steps = [rows[face].values[part] - base[face].values[part] for face in faces]
    if name == "sharpness":  # of ratios of sums, whose wholes are the same
        return ratio_figure(steps, [base[face].values["gradient_true"] for face in faces])
    return mean_figure(steps)


def kid_difference(rows: Sequence[Measurement], base: Sequence[Measurement], features: FeatureStore) -> Figure:
    """KID of the crops of one method minus that of another's, both against the true crops of the same faces."""
    if len(rows) < FEWEST:
        return Figure(None, None, len(rows))
    crops = [[one.crops for one in rows], [one.crops for one in base], [one.true_crops for one in rows]]
    faces = [np.repeat(np.arange(len(rows)), [len(found) for found in of_set]) for of_set in crops]
    sets = [features.get([crop for found in of_set for crop in found]) for of_set in crops]
    distance = difference_of_distances(sets[0], sets[1], sets[2], faces[0], faces[1], faces[2])
    return Figure(KID_UNIT * distance.value, KID_UNIT * distance.standard_error, len(rows))


def differences_as_markdown(table: Table, against: str) -> str:
    """A table for each kind, "mean ± standard error"; bold: beyond two standard errors."""
    parts = [_of_kind(table, kind, against) for kind in kinds_of(table)]
    return "\n".join([f"minus {against}, face by face; bold: beyond two standard errors\n", *parts])


def _of_kind(table: Table, kind: str, against: str) -> str:
    head = [f"minus {against}", *(column.heading for column in COLUMNS.values())]
    rows = [
        [method, *(_cell(figures[kind][name], COLUMNS[name].digits + 1) for name in COLUMNS)]
        for method, figures in table.items()
        if kind in figures
    ]
    return f"{kind}\n\n{aligned([head, *rows])}"


def _cell(figure: Figure, digits: int) -> str:
    """+0.031 ± 0.004, with a digit more than the measure's own, since differences are small."""
    if figure.mean is None:
        return "–"
    told = f"{figure.mean:+.{digits}f}"
    if figure.error is None:
        return told
    return f"{f'**{told}**' if is_clear(figure) else told} ± {figure.error:.{digits}f}"


def is_clear(figure: Figure) -> bool:
    """Whether a difference lies beyond two standard errors."""
    return figure.mean is not None and figure.error is not None and abs(figure.mean) > CLEAR * figure.error
