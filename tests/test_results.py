"""Pages show what results/*.json hold: `make tables` changes nothing, and a changed figure changes the pages."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "results").glob("*.json"))
MODULES = ("blocks", "cells", "marks", "record", "tables", "take_report")


@pytest.fixture(scope="module")
def scripts() -> Iterator[Any]:
    """The scripts in benchmarks/, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})


@pytest.fixture
def results(scripts: Any, tmp_path: Path) -> Any:
    """A copy of the results that a test may change."""
    shutil.copytree(ROOT / "results", tmp_path / "results")
    return scripts.blocks.Results(tmp_path / "results")


def changed_pages(scripts: Any, results: Any) -> set[str]:
    return {path.name for path, old, new in scripts.tables.written(ROOT, results) if old != new}


def change(results: Any, name: str, *keys: str | int, by: float = 1) -> None:
    """Adds `by` to one figure of a file."""
    content = inside = results[name]
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] += by
    (results.folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


# ---------------------------------------------------------------------------------------------- pages


def test_pages_are_as_the_results_write_them(scripts: Any, results: Any) -> None:
    assert changed_pages(scripts, results) == set(), "run make tables"


# the set of faces under whose occluders the bundled weights were measured
RELEASE = json.loads((ROOT / "results" / "release.json").read_text(encoding="utf-8"))["name"]
OCCLUDED = json.loads((ROOT / "results" / "occlusions.json").read_text(encoding="utf-8"))["sets"]
INDEX = next((i for i, one in enumerate(OCCLUDED) if one["release"] == RELEASE), 0)
PLACE = ("val", "london")[INDEX]


@pytest.mark.parametrize(
    ("name", "keys", "pages"),
    [
        ("val", ("table", "full", "1-20", "psnr", "mean"), {"README.md", "results.md", "MODEL_CARD.md"}),
        (PLACE, ("differences", "coarse", "40-60", "psnr", "mean"), {"README.md", "results.md"}),
        ("london", ("table", "coarse", "20-40", "lpips", "mean"), {"results.md"}),
        ("occlusions", ("sets", INDEX, "table", "full", "one_eye", "lpips", "mean"), {"README.md", "results.md"}),
        ("occlusions", ("sets", 1, "table", "full", "box", "kid", "mean"), {"occlusions.md"}),
        ("release", ("hours",), {"README.md", "results.md", "MODEL_CARD.md"}),
        ("speed", ("milliseconds", "lean"), {"README.md", "results.md", "MODEL_CARD.md"}),
        ("parser", ("sets", 0, "scores", 0, "mean"), {"results.md"}),
        ("baselines", ("table", "pconv", "1-20", "lpips", "mean"), {"results.md"}),
        ("table_2", ("table", "Full", "1-20", "psnr", "mean"), {"results.md"}),
        ("fid", ("table", "full", "40-60", "fid", "mean"), {"results.md"}),
        ("failures", ("rows", 2, "psnr"), {"MODEL_CARD.md"}),
        ("failures", ("worst", "seen", 0, "pictures"), {"MODEL_CARD.md"}),
    ],
)
def test_a_changed_figure_changes_its_pages(
    scripts: Any, results: Any, name: str, keys: tuple[str | int, ...], pages: set[str]
) -> None:
    change(results, name, *keys)
    assert pages <= changed_pages(scripts, results)


def test_groups_stand_on_the_card_and_in_short_on_the_page_of_results(scripts: Any, results: Any) -> None:
    content = results["val"]
    for row in content["groups"]:
        if (row["metric"], row["group"]) == ("ssim", "tan"):
            row["difference"] = -1.0
    (results.folder / "val.json").write_text(json.dumps(content), encoding="utf-8")
    assert {"MODEL_CARD.md", "results.md"} <= changed_pages(scripts, results)
    assert "**tan**" in scripts.blocks.gains(results) and "**-1.000" in scripts.blocks.groups(results)


def test_every_block_can_be_written(scripts: Any, results: Any) -> None:
    for name, write in scripts.blocks.BLOCKS.items():
        text = write(results)
        assert text and "nan" not in text.lower().split() and "None" not in text, name


def test_sizes() -> None:
    assert (ROOT / "docs" / "results.md").stat().st_size <= 14_000
    assert (ROOT / "README.md").stat().st_size <= 9_000


def test_prose_holds_nothing_of_the_weights() -> None:
    """Outside its blocks a page names neither the hash nor a score of the bundled weights."""
    content = json.loads((ROOT / "results" / "val.json").read_text(encoding="utf-8"))
    cells = content["table"]["full"].values()
    scores = {f"{cell['psnr']['mean']:.{digits}f}" for cell in cells for digits in (1, 2)}
    for path in (ROOT / "README.md", ROOT / "src" / "showface" / "release" / "MODEL_CARD.md"):
        prose = re.sub(
            r"<!-- results: ([\w-]+) -->.*?<!-- end: \1 -->", "", path.read_text(encoding="utf-8"), flags=re.S
        )
        assert not re.search(r"\b[0-9a-f]{64}\b", prose)
        assert not scores & set(re.findall(r"\d+\.\d+", prose))


# ---------------------------------------------------------------------------------------------- data


def parts(content: dict[str, Any]) -> list[dict[str, Any]]:
    """What says where it comes from: a whole file, its sets, or each of its parts."""
    if "provenance" in content:
        return [content]
    return list(content["sets"] if "sets" in content else content.values())


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_file_says_where_it_comes_from(scripts: Any, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for part in parts(json.loads(text)):
        assert all(part["provenance"][name] for name in scripts.record.PROVENANCE)
        assert part["provenance"]["recorded"].split()[0] in ("release", "commit")
    assert not any(place in text for place in ("/home", "/root", "/tmp", "/work", "\\\\"))


def test_the_results_are_of_the_bundled_weights() -> None:
    from showface.weights import bundled, weights_hash

    for name in ("val", "london", "release"):
        signed = json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))["provenance"]
        assert weights_hash(bundled()) in signed["weights"], f"{name}: measure the bundled weights and take the report"


def test_json_is_a_line_for_each_figure(scripts: Any) -> None:
    content = {"a": {"mean": 1.5, "count": 2}, "b": [1, 2], "c": [{"x": None}], "d": {}}
    text = scripts.record.as_text(content)
    assert json.loads(text) == content and ' "a": {"mean": 1.5, "count": 2},' in text.splitlines()


# ---------------------------------------------------------------------------------------------- marks


def test_a_mark_alone_is_refused(scripts: Any) -> None:
    with pytest.raises(SystemExit, match="in pairs"):
        scripts.marks.names("<!-- results: val -->\n<!-- end: london -->")


def test_an_unknown_block_is_refused(scripts: Any, results: Any) -> None:
    with pytest.raises(SystemExit, match="found 'nothing'"):
        scripts.tables.block("nothing", results)


def test_only_what_is_between_the_marks_is_written(scripts: Any) -> None:
    page = "before\n<!-- results: a -->\nold\n<!-- end: a -->\nafter\n"
    assert scripts.marks.filled(page, str.upper) == "before\n<!-- results: a -->\n\nA\n\n<!-- end: a -->\nafter\n"


# ---------------------------------------------------------------------------------------------- taking a report


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of `showface evaluate` of two methods on two faces."""
    folder = tmp_path / "report"
    folder.mkdir()
    means = {"full": 30.0, "coarse": 29.0}
    cells = {name: {"1-20": {"psnr": _cell(mean)}} for name, mean in means.items()}
    facts = {"faces": "a/val", "masks": "m/test", "size": 128, "seed": 0, "limit": 0, "bucket_by": "share"}
    content = {
        "table": cells,
        "protocol": facts | {"sha256": "ab" * 32, "pairs": {"1-20": 2}},
        "metrics": ["psnr"],
        "methods": {name: {"source": "/home/x", "identity": f"{name} {'c' * 64}"} for name in means},
        "not trained on": {"/home/x/list": "3 pictures, none of them measured"},
        "versions": {"torch": "2"},
        "seconds per picture": dict.fromkeys(means, 0.1),
    }
    (folder / "report.json").write_text(json.dumps(content))
    lines = ["method,bucket,face,mask,share,psnr"]
    lines += [f"{name},1-20,{face}.png,m.png,0.1,{mean + face}" for name, mean in means.items() for face in (-1, 1)]
    (folder / "pictures.csv").write_text("\n".join(lines))
    return folder


def _cell(mean: float) -> dict[str, Any]:
    return {"mean": mean, "low": mean - 1, "high": mean + 1, "count": 2, "caveat": ""}


def test_a_report_is_taken_with_errors_and_differences(scripts: Any, report: Path) -> None:
    found = scripts.take_report.taken(report, "r1")
    assert found["table"]["full"]["1-20"]["psnr"] == {"mean": 30.0, "low": 29.0, "high": 31.0, "count": 2, "error": 1.0}
    assert found["differences"] == {"coarse": {"1-20": {"psnr": {"mean": -1.0, "error": 0.0, "count": 2}}}}
    assert found["groups"] == [] and "/home" not in json.dumps(found)


def test_a_report_is_taken_with_the_command_that_made_it(scripts: Any, report: Path) -> None:
    signed = scripts.take_report.taken(report, "r1")["provenance"]
    command = "showface evaluate --methods full,coarse --metrics psnr --data DATA/a/val --masks DATA/m/test --size 128"
    assert signed["command"] == f"{command} --out REPORT"
    assert signed["weights"] == ["c" * 64] and signed["recorded"] == "release r1, from the report"


def test_groups_are_those_of_full_and_of_its_gain(scripts: Any, report: Path) -> None:
    lines = ["method,bucket,trait,group,metric,count,mean,low,high,difference,error"]
    lines += [f"{name},1-20,hat,hat,{metric},2,1.5,1,2,0.5,"
              for name in ("full", "full − telea", "telea") for metric in ("psnr", "share")]  # fmt: skip
    (report / "groups.csv").write_text("\n".join(lines), encoding="utf-8")
    rows = scripts.take_report.taken(report, "r1")["groups"]
    assert [(row["method"], row["metric"]) for row in rows] == [("full", "psnr"), ("full − telea", "psnr")]
    assert rows[0]["difference"] == 0.5 and rows[0]["error"] is None


def test_a_report_of_parsers_is_taken_without_where_the_weights_lay(scripts: Any, tmp_path: Path) -> None:
    scores = [{"parser": "ours", "faces": "true", "mean": 0.51234567, "iou": {"skin": 0.8}, "count": 2}]
    content = {
        "scores": scores,
        "protocol": {"faces": "a/val", "masks": "m/test"},
        "weights": {"source": "/home/x", "sha256": "c" * 64},
        "versions": {"torch": "2"},
    }
    (tmp_path / "parser.json").write_text(json.dumps(content))
    (found,) = scripts.take_report.taken(tmp_path, "r1")["sets"]
    assert found["provenance"]["weights"] == "c" * 64 and found["scores"][0]["mean"] == 0.512346
    command = "showface evaluate-parser --data DATA/a/val --masks DATA/m/test --no-bisenet --out REPORT"
    assert found["provenance"]["command"] == command and "/home" not in json.dumps(found)
