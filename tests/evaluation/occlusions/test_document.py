"""docs/occlusions.md shows what results/occlusions.json holds, and the script that joins reports keeps no path."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from showface.evaluation.occlusions.columns import COLUMNS
from showface.occluders.kinds import KINDS

ROOT = Path(__file__).parents[3]
PAGE, RESULTS = ROOT / "docs" / "occlusions.md", ROOT / "results" / "occlusions.json"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        return runpy.run_path(str(ROOT / "benchmarks" / "occlusion_tables.py"))


def report(faces: str, methods: tuple[str, ...], count: int = 4) -> dict[str, Any]:
    figures = {name: {"mean": 0.5, "error": 0.0125, "count": count} for name in COLUMNS}
    figures["iris"] = {"mean": None, "error": None, "count": 0}
    return {
        "protocol": {"faces": faces, "sha256": "ab" * 32, "seed": 3, "pairs": {"mouth": count}},
        "metrics": list(COLUMNS),
        "methods": {name: {"source": "/home/someone/runs/x", "identity": f"{name} 12"} for name in methods},
        "measured by": {"parser": "cd" * 32},
        "not trained on": {"/home/someone/list": "3 pictures"},
        "versions": {"torch": "2"},
        "seconds per picture": dict.fromkeys(methods, 0.1),
        "table": {name: {"mouth": figures} for name in methods},
    }


def write(folder: Path, **content: Any) -> Path:
    folder.mkdir()
    (folder / "occlusions.json").write_text(json.dumps(content))
    return folder


def test_the_page_shows_what_the_file_holds(script: dict[str, Any]) -> None:
    page, results = PAGE.read_text(encoding="utf-8"), json.loads(RESULTS.read_text(encoding="utf-8"))
    assert page == script["with_block"](page, script["block"](results))


def test_the_page_names_every_kind_and_measure_and_stops() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(page.encode()) <= 15_000
    assert all(len(line) <= 160 for line in page.splitlines() if not line.startswith("|"))
    assert all(f"`{kind}`" in page for kind in KINDS)
    assert page.splitlines()[2].startswith("For ") and page.index("showface evaluate") < 300


def test_reports_are_joined_without_paths(script: dict[str, Any], tmp_path: Path) -> None:
    one = write(tmp_path / "one", **report("a/val", ("full", "truth")))
    other = write(tmp_path / "other", **report("b/test", ("full",)))
    found = script["joined"]([one, other / "occlusions.json"])
    assert [each["faces"] for each in found["sets"]] == ["a/val", "b/test"]
    assert found["sets"][0]["methods"] == {"full": "full 12", "truth": "truth 12"}
    assert "/home" not in json.dumps(found)
    assert found["sets"][0]["provenance"]["command"].startswith("showface evaluate --methods full --data DATA/a/val")


@pytest.mark.skipif(not (ROOT / "history").exists(), reason="the sdist leaves the history out")
def test_a_report_is_of_the_release_whose_weights_it_measured(script: dict[str, Any], tmp_path: Path) -> None:
    """By the hash of `full`; what is in no row of the history is the bundled release."""
    first = json.loads((ROOT / "history" / "releases.json").read_text(encoding="utf-8"))["releases"][0]
    content = report("a/val", ("full", "telea"))
    content["methods"]["full"]["identity"] = f"full {first['sha256']}"
    (one,) = script["joined"]([write(tmp_path / "one", **content)])["sets"]
    assert one["release"] == first["release"] and one["provenance"]["recorded"].startswith("release r1,")
    assert "| telea |" not in script["block"]({"sets": [one]})


def test_a_cell_has_its_error_in_units_of_the_last_digit(script: dict[str, Any], tmp_path: Path) -> None:
    one = write(tmp_path / "one", **report("a/val", ("full", "other")))
    text = script["block"](script["joined"]([one]))
    bundled = json.loads((ROOT / "results" / "release.json").read_text(encoding="utf-8"))["name"]
    assert text.startswith(f"**a/val**, release {bundled}, 4 faces a kind, seed 3, protocol `abababababab`:")
    assert "| mouth | full | **0.500**(12) |" in text and "|  | other | 0.500(12) |" in text and " – |" in text


def test_the_results_hold_no_path() -> None:
    text = RESULTS.read_text(encoding="utf-8")
    assert not any(place in text for place in ("/home", "/root", "/tmp", "/work", "\\\\"))


def test_a_page_without_marks_is_refused(script: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match="expected one block"):
        script["with_block"]("nothing", "")
