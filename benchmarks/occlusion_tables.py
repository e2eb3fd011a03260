"""Joins reports of `showface evaluate --occlusions` and writes their tables into docs/occlusions.md.

    python benchmarks/occlusion_tables.py reports/celebamask reports/london [--out results/occlusions.json]
        [--page docs/occlusions.md]

A REPORT is an occlusions.json or its folder; the sets keep the order given. Without a REPORT the page is written again
from the file. What is joined holds no path of the machine that measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marks import filled, names
from record import RESULTS, as_text, release
from take_report import provenance

from showface.evaluation.occlusions.columns import COLUMNS, TRUTH
from showface.evaluation.occlusions.study import REPORT
from showface.evaluation.occlusions.table import Figure, Table, best, from_plain, kinds_of

PAGE = RESULTS.parent / "docs" / "occlusions.md"
RELEASES = RESULTS.parent / "history" / "releases.json"
BLOCK = "occlusions"  # the name of the page's block
SHOWN = [name for name in COLUMNS if name != "lpips_vgg"]  # on the page, which is to stay short: the file has all
LEFT_OUT = ("telea",)  # likewise
KEPT = ("protocol", "metrics", "measured by", "seconds per picture", "table")


def joined(reports: Sequence[Path]) -> dict[str, Any]:
    """What the reports say, one set after the other, without the places where things lay."""
    files = [path / REPORT if path.is_dir() else path for path in reports]
    return {"sets": [_set(json.loads(file.read_text(encoding="utf-8"))) for file in files]}


def _set(report: Mapping[str, Any]) -> dict[str, Any]:
    faces, named = report["protocol"]["faces"], named_by(str(report["methods"]["full"]["identity"]).split()[-1])
    return {
        "provenance": provenance(report, named, options=f"--data DATA/{faces} --occlusions --out REPORT"),
        "release": named,
        "faces": faces,
        "methods": {name: one["identity"] for name, one in report["methods"].items()},
        **{name: report[name] for name in KEPT},
    }


def named_by(digest: str) -> str:
    """The release whose weights have that hash; the bundled one if the history, or a row of it, is not there."""
    if not RELEASES.exists():
        return release()
    rows = json.loads(RELEASES.read_text(encoding="utf-8"))["releases"]
    return next((str(row["release"]) for row in rows if row["sha256"] == digest), release())


def block(results: dict[str, Any]) -> str:
    """The tables of all sets, as they stand on the page."""
    return "\n".join(_of_set(one) for one in results["sets"])


def _of_set(one: dict[str, Any]) -> str:
    table, protocol = from_plain(one["table"]), one["protocol"]
    counts = protocol["pairs"].values()
    faces = str(max(counts)) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
    lines = [
        f"**{one['faces']}**, release {one['release']}, {faces} faces a kind, seed {protocol['seed']}, "
        f"protocol `{protocol['sha256'][:12]}`:\n",
        f"| hidden | method | {' | '.join(COLUMNS[name].heading for name in SHOWN)} |",
        "|---|---|" + "---:|" * len(SHOWN),
    ]
    for kind in kinds_of(table):
        methods = [method for method, rows in table.items() if kind in rows and method not in LEFT_OUT]
        for method in methods:
            name = kind.replace("_", " ") if method == methods[0] else ""
            cells = [cell(table, kind, method, column) for column in SHOWN]
            lines.append(f"| {name} | {method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(table: Table, kind: str, method: str, name: str) -> str:
    """A mean with its standard error in units of the last digit: 0.098(4)."""
    figure, digits = table[method][kind][name], COLUMNS[name].digits
    if figure.mean is None:
        return "–"
    if method == TRUTH and name not in ("kid", "iris_other"):
        return f"{figure.mean:.0f}"  # 0 or 1 by definition
    mean = f"{figure.mean:.{digits}f}"
    return (f"**{mean}**" if best(table, kind, name) == method else mean) + _bracket(figure, digits)


def _bracket(figure: Figure, digits: int) -> str:
    return "" if figure.error is None else f"({figure.error * 10**digits:.0f})"


def with_block(page: str, tables: str) -> str:
    """The page with `tables` in its block."""
    if names(page) != [BLOCK]:
        raise SystemExit(f"expected one block {BLOCK!r} in the page, found {names(page)}; see benchmarks/marks.py")
    return filled(page, lambda _: tables)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("reports", nargs="*", type=Path, metavar="REPORT")
    options.add_argument("--out", type=Path, default=RESULTS / "occlusions.json")
    options.add_argument("--page", type=Path, default=PAGE)
    chosen = options.parse_args()
    if chosen.reports:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        content = joined(chosen.reports)
        chosen.out.write_text(as_text(content) + "\n", encoding="utf-8")
    results = json.loads(chosen.out.read_text(encoding="utf-8"))
    page = with_block(chosen.page.read_text(encoding="utf-8"), block(results))
    chosen.page.write_text(page, encoding="utf-8")
    print(f"wrote {chosen.out} and {chosen.page}")


if __name__ == "__main__":
    main()
