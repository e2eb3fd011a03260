"""Blocks of what was measured under strokes, and of what each box of the method adds there and under occluders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cells import SETS, SHARES, Cells, Results, buckets, figure, prose, source, table

from showface.evaluation.measuring.measures import MEASURES
from showface.evaluation.occlusions.columns import COLUMNS
from showface.evaluation.occlusions.table import from_plain
from showface.evaluation.report.gallery import OURS

COARSE, MIRRORED = "coarse", "mirrored"
METHODS = {
    "telea": "Telea (classical)",
    "harmonic": "harmonic fill (the coarse network's start)",
    COARSE: "coarse network alone",
    OURS: "full: memory, mining and refinement behind it",
    MIRRORED: "mirrored: the other side of the face, too",
}
BOXES = {  # by the row that is without one
    "no-memory": "The memory",
    "mean-of-slots": "The memory's slots, over one mean for each category",
    "no-personal": "The personal memory",
    "no-mining": "The mining",
    "no-sources": "The sources",
}
SEEN = 0.1  # dB: less is not seen
CLASSICAL = ("telea", "harmonic")
APART = ("psnr", "lpips")  # told of differences
OCCLUDERS = ("one_eye", "both_eyes", "mouth", "half_face")


def means(cells: Mapping[str, Cells]) -> str:
    """Methods down; metrics and buckets across; the best mean of a column is bold."""
    metrics = [name for name in MEASURES if any(name in row[SHARES[0]] for row in cells.values())]
    places = [(metric, bucket) for metric in metrics for bucket in SHARES]
    best = {place: _best(cells, *place) for place in places}

    def cell(method: str, metric: str, bucket: str) -> str:
        text = figure(cells[method][bucket].get(metric), MEASURES[metric].digits)
        return f"**{text}**" if best[metric, bucket] == method else text

    rows = [[method, *(cell(method, *place) for place in places)] for method in cells]
    return table(["method", *_headings(places)], rows)


def apart(cells: Mapping[str, Cells]) -> str:
    """Differences from `full`, with a digit more, since they are small."""
    places = [(metric, bucket) for metric in APART for bucket in SHARES]

    def cell(method: str, metric: str, bucket: str) -> str:
        return figure(cells[method][bucket][metric], MEASURES[metric].digits + 1, sign=True)

    rows = [[f"{OURS} minus {method}", *(cell(method, *place) for place in places)] for method in cells]
    return table(["", *_headings(places)], rows)


def _headings(places: Iterable[tuple[str, str]]) -> list[str]:
    """Of each metric the first bucket has its name, the others stand behind it."""
    return [f"{MEASURES[metric].heading} {bucket}" if bucket == SHARES[0] else bucket for metric, bucket in places]


def turned(cells: Mapping[str, Cells]) -> dict[str, Any]:
    """`full` minus each method, of each method minus `full`."""
    return {
        method: {bucket: {name: _less(one) for name, one in row.items()} for bucket, row in own.items()}
        for method, own in cells.items()
    }


def _less(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {**cell, "mean": -cell["mean"]}


def _best(cells: Mapping[str, Cells], metric: str, bucket: str) -> str:
    sign = 1 if MEASURES[metric].higher else -1
    known = [method for method in cells if metric in cells[method][bucket]]
    return max(known, key=lambda method: sign * cells[method][bucket][metric]["mean"])


def strokes_of(name: str) -> Callable[[Results], str]:
    """Everything that was measured on one set: means, differences from `full`, where it comes from."""

    def block(results: Results) -> str:
        content = results.strokes[name]
        facts, shown = content["protocol"], [one for one in METHODS if one in content["table"]]
        steps = {one: row for one, row in content["differences"].items() if one not in CLASSICAL}
        parts = [
            f"{_faces(content)} faces a column, seed {facts['seed']}, protocol `{facts['sha256'][:12]}`.",
            means({one: content["table"][one] for one in shown}),
            "The same pictures, one method minus the other:",
            apart(turned(steps)),
            source(content["provenance"]),
        ]
        return "\n\n".join(parts)

    return block


def strokes(results: Results) -> str:
    """PSNR of the methods on both sets, for the README."""
    sets = [content["table"] for content in results.strokes.values()]
    heading = ["", *(f"{SETS[name]}, {_faces(one)} faces" for name, one in results.strokes.items())]
    shown = [method for method in METHODS if any(method in one for one in sets)]
    return table(heading, [[METHODS[method], *(_psnr(cells, method) for cells in sets)] for method in shown])


def _psnr(cells: Mapping[str, Cells], method: str) -> str:
    """The three means of a method, each bold where it is the best of those that are shown."""
    if method not in cells:
        return "–"
    compared = {one: row for one, row in cells.items() if one in METHODS}
    words = buckets(cells[method], "psnr", 2).split(" / ")
    best = [_best(compared, "psnr", bucket) == method for bucket in SHARES]
    return " / ".join(f"**{word}**" if first else word for word, first in zip(words, best, strict=True))


def _faces(content: Mapping[str, Any]) -> int:
    return int(max(content["protocol"]["pairs"].values()))


def measured(results: Results) -> str:
    """The bundled weights on both sets, for the model card."""
    heading = ["1-20 / 20-40 / 40-60 % hidden", "L1 (%)", "PSNR (dB)", "SSIM", "LPIPS (alex)"]
    digits = {"l1": 2, "psnr": 1, "ssim": 3, "lpips": 3}
    rows = [
        [f"{SETS[name]}, {_faces(one)} faces", *(buckets(one["table"][OURS], *metric) for metric in digits.items())]
        for name, one in results.strokes.items()
    ]
    return table(heading, rows)


def boxes(results: Results) -> str:
    """What each box adds: a table, then every sentence."""
    return f"{_boxes(results)}\n\n{_list(_sentences(results))}"


def boxes_short(results: Results) -> str:
    """The same with the first and the last sentence, for the README."""
    first, *_, last = _sentences(results)
    return f"{_boxes(results)}\n\n{_list([first, last])}"


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(prose(f"* {sentence}") for sentence in sentences)


def _boxes(results: Results) -> str:
    """Strokes beside occluders, one box after the other."""
    strokes, hidden = results.strokes[_place(results)]["table"], _occluded(results)
    shown = [method for method in METHODS if method in strokes and method in hidden]
    heading = ["", f"strokes {SHARES[-1]} %, PSNR (dB)", "LPIPS", *(f"{_name(one)}, LPIPS" for one in OCCLUDERS)]
    rows = [[METHODS[method], *_cells_of_box(strokes[method], hidden[method])] for method in shown]
    return f"On {SETS[_place(results)]}:\n\n{table(heading, rows)}"


def _name(kind: str) -> str:
    return kind.replace("_", " ")


def _cells_of_box(strokes: Cells, hidden: Mapping[str, Any]) -> list[str]:
    largest = strokes[SHARES[-1]]
    return [
        figure(largest["psnr"], 2), figure(largest["lpips"], 3),
        *(figure(vars(hidden[kind]["lpips"]), COLUMNS["lpips"].digits) for kind in OCCLUDERS),
    ]  # fmt: skip


def _place(results: Results) -> str:
    """The first set of faces under whose occluders the bundled weights were measured; without any, the first."""
    sets, named = results["occlusions"]["sets"], results["release"]["name"]
    return next((place for place, one in zip(SETS, sets, strict=True) if one["release"] == named), next(iter(SETS)))


def _occluded(results: Results) -> dict[str, Any]:
    """The table of its occluded faces."""
    return from_plain(results["occlusions"]["sets"][list(SETS).index(_place(results))]["table"])


def _sentences(results: Results) -> list[str]:
    """What each box adds, plainly: differences on the same pictures under strokes, means under occluders."""
    strokes = results.strokes[_place(results)]["differences"]
    adds = turned({name: cells for name, cells in strokes.items() if name != MIRRORED})
    lines = [f"**Under strokes {_verdict(adds[COARSE])}**, beside the coarse network alone: {_step(adds[COARSE])}."]
    lines += [f"{box}: {_step(adds[name])}." for name, box in BOXES.items() if name in adds]
    if MIRRORED in strokes:
        lines.append(f"The other side of the face: {_step(strokes[MIRRORED])}.")
    return [*lines, f"**Under occluders** LPIPS falls {_fall(results)}."]


def _verdict(coarse: Cells) -> str:
    """What memory, mining and refinement add, in words: by the largest difference of PSNR."""
    most = max((coarse[bucket]["psnr"]["mean"] for bucket in SHARES), key=abs)
    likeness = all(coarse[bucket]["lpips"]["mean"] < 0 for bucket in SHARES)
    words = "add nothing that can be seen" if abs(most) < SEEN else "add PSNR" if most > 0 else "cost PSNR"
    words += " and lower LPIPS" if likeness and abs(most) >= SEEN else ""
    return f"memory, mining and refinement {words}"


def _step(cells: Cells) -> str:
    """PSNR and LPIPS by which a method differs, in the three buckets."""
    return f"{buckets(cells, 'psnr', 2, sign=True)} dB, LPIPS {buckets(cells, 'lpips', 4, sign=True)}"


def _fall(results: Results) -> str:
    """By how many per cent LPIPS is lower, kind by kind: behind the coarse network, then with the other side."""
    hidden = _occluded(results)

    def by(before: str, after: str) -> str:
        lower = [100 * (1 - hidden[after][k]["lpips"].mean / hidden[before][k]["lpips"].mean) for k in OCCLUDERS]
        return " / ".join(str(round(one)) for one in lower) + " %"

    kinds = ", ".join(map(_name, OCCLUDERS))
    return f"by {by(COARSE, OURS)} with them, by {by(OURS, MIRRORED)} more with the other side ({kinds})"
