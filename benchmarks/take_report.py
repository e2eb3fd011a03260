"""Takes a report of `showface evaluate` or `showface evaluate-parser` into results/: what tables need, no paths.

    python benchmarks/take_report.py val reports/val          # results/val.json; likewise london
    python benchmarks/take_report.py parser reports/parser

Of `evaluate`: means with standard errors over pictures and 95 % intervals, differences from `full` picture by picture
and, where it was measured with --groups, `full` and its gain by what the picture shows. `make tables` writes the pages.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from record import RESULTS, as_text, release, rounded

from showface.evaluation.report.gallery import OURS

PLAIN = {"seed": 0, "limit": 0, "size": 256, "bucket_by": "share"}  # what `evaluate` does unless told otherwise
Values = dict[tuple[str, str, str], dict[tuple[str, str], float]]
"""Method, bucket and metric, then face and mask."""


def taken(folder: Path, named: str) -> dict[str, Any]:
    """The content of results/NAME.json for the report in `folder`; `named` is the release that was measured."""
    if (folder / "report.json").exists():
        return rounded(_strokes(folder, named))
    return rounded(_parser(folder, named))


def _strokes(folder: Path, named: str) -> dict[str, Any]:
    report = _read(folder / "report.json")
    values = _values(folder / "pictures.csv", report["metrics"])
    return {
        "provenance": provenance(report, named, options=_options(report, (folder / "groups.csv").exists())),
        "protocol": report["protocol"],
        "methods": {name: one["identity"] for name, one in report["methods"].items()},
        "seconds per picture": report["seconds per picture"],
        "not trained on": list(report["not trained on"].values()),
        "table": _with_errors(report["table"], values),
        "differences": _differences(values),
        "groups": _groups(folder / "groups.csv"),
    }


def _parser(folder: Path, named: str) -> dict[str, Any]:
    report = _read(folder / "parser.json")
    facts, weights = report["protocol"], report["weights"]
    data = f"--data DATA/{facts['faces']} --masks DATA/{facts['masks']}"
    published = any(one["parser"] == "BiSeNet" for one in report["scores"])
    signed = {
        "recorded": f"release {named}, from the report",
        "command": f"showface evaluate-parser {data}{'' if published else ' --no-bisenet'} --out REPORT",
        "weights": weights.get("sha256", weights["source"]),
        "versions": report["versions"],
    }
    return {"sets": [{"provenance": signed, "protocol": facts, "scores": report["scores"]}]}


def provenance(report: Mapping[str, Any], named: str, *, options: str) -> dict[str, Any]:
    """Where the figures of a report of `showface evaluate` come from."""
    methods = report["methods"]
    return {
        "recorded": f"release {named}, from the report",
        "command": f"showface evaluate --methods {','.join(one for one in methods if one != 'truth')} {options}",
        "weights": sorted({word for one in methods.values() for word in _identity(one).split() if _is_hash(word)}),
        "versions": report["versions"],
    }


def _identity(method: Mapping[str, Any] | str) -> str:
    return method if isinstance(method, str) else str(method["identity"])


def _is_hash(word: str) -> bool:
    return len(word) == 64


def _options(report: Mapping[str, Any], groups: bool) -> str:
    facts = report["protocol"]
    words = [f"--metrics {','.join(report['metrics'])}", f"--data DATA/{facts['faces']} --masks DATA/{facts['masks']}"]
    words += [f"--{name.replace('_', '-')} {facts[name]}" for name, plain in PLAIN.items() if facts[name] != plain]
    return " ".join([*words, *(["--groups"] if groups else []), "--out REPORT"])


def _values(file: Path, metrics: Iterable[str]) -> Values:
    """What was measured on each picture; measures of sets are not among it."""
    found: Values = {}
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
        for metric in metrics:
            if row.get(metric):
                place = found.setdefault((row["method"], row["bucket"], metric), {})
                place[row["face"], row["mask"]] = float(row[metric])
    return found


def _with_errors(table: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The report's table, with the standard error of each mean over pictures."""
    return {
        method: {
            bucket: {name: _cell(cell, values.get((method, bucket, name), {})) for name, cell in cells.items()}
            for bucket, cells in buckets.items()
        }
        for method, buckets in table.items()
    }


def _cell(cell: Mapping[str, Any], values: Mapping[Any, float]) -> dict[str, Any]:
    kept = {name: cell[name] for name in ("mean", "low", "high", "count")}
    return {**kept, "error": standard_error(list(values.values()))}


def standard_error(values: list[float]) -> float | None:
    """Of the mean of `values`; None for fewer than two."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None


def _differences(values: Values) -> dict[str, Any]:
    """Each method minus `full` on the same pictures: method, bucket, metric."""
    found: dict[str, Any] = {}
    for (method, bucket, metric), own in values.items():
        ours = values.get((OURS, bucket, metric), {})
        steps = [own[place] - ours[place] for place in own if place in ours]
        if method != OURS and steps:
            cell = {"mean": statistics.fmean(steps), "error": standard_error(steps), "count": len(steps)}
            found.setdefault(method, {}).setdefault(bucket, {})[metric] = cell
    return found


def _groups(file: Path) -> list[dict[str, Any]]:
    """The rows of groups.csv of `full` and of its gain over another method; none where --groups was not asked for."""
    if not file.exists():
        return []
    rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return [_group(row) for row in rows if row["method"].split(" − ")[0] == OURS and row["metric"] != "share"]


def _group(row: Mapping[str, str]) -> dict[str, Any]:
    words = {name: row[name] for name in ("method", "bucket", "trait", "group", "metric")}
    figures = {name: float(row[name]) if row[name] else None for name in ("mean", "difference", "error")}
    return {**words, "count": int(row["count"]), **figures}


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("name", help="of the file in results/")
    options.add_argument("report", type=Path, help="the folder that the command wrote")
    options.add_argument("--release", help="the name of the weights; default: that of results/release.json")
    chosen = options.parse_args()
    out = RESULTS / f"{chosen.name}.json"
    content = taken(chosen.report, chosen.release or release())
    out.write_text(as_text(content) + "\n", encoding="utf-8")
    print(f"wrote {out}; now make tables")


if __name__ == "__main__":
    main()
