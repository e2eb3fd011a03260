"""history/releases.json: a row for each release of the compact weights, in order, the bundled ones last."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILE = ROOT / "history" / "releases.json"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the sdist leaves the history out")
CONTENT = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"buckets": [], "releases": []}
ROWS = CONTENT["releases"]
METRICS = ("psnr", "ssim", "l1", "lpips")
RUN = ("run", "stage", "start", "steps", "pictures", "seed", "rate", "minutes")
RUN += ("faces", "hole_share", "occluders", "new_settings")


def test_rows_are_numbered_from_the_first_on() -> None:
    assert len(ROWS) >= 18
    assert [row["release"] for row in ROWS] == [f"r{number + 1}" for number in range(len(ROWS))]
    assert [row["date"] for row in ROWS] == sorted(row["date"] for row in ROWS)


def test_each_started_from_an_earlier_one() -> None:
    before: list[str | None] = [None]
    for row in ROWS:
        assert row["started_from"] in before, row["release"]
        words = f"{[run['start'] for run in row['trained']]} {row['average']}"
        assert set(re.findall(r"\br\d+\b", words)) <= set(before[1:]), row["release"]
        before.append(row["release"])


def test_hashes_and_commits_name_one_release_each() -> None:
    hashes, commits = [row["sha256"] for row in ROWS], [row["commit"] for row in ROWS]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes)
    assert all(re.fullmatch(r"[0-9a-f]{40}|v\d+\.\d+\.\d+", commit) for commit in commits)
    assert len(set(hashes)) == len(set(commits)) == len(ROWS)


def test_the_bundled_weights_are_the_last_row() -> None:
    golden = json.loads((ROOT / "tests" / "golden" / "golden.json").read_text(encoding="utf-8"))
    assert ROWS[-1]["sha256"] == golden["weights"], "new weights: add their row, see history/README.md"


@pytest.mark.parametrize("row", ROWS[:18], ids=lambda row: row["release"])
def test_its_commit_holds_these_weights(row: dict[str, str]) -> None:
    """As config.json named them then; a clone without its past has nothing to compare."""
    named = f"{row['commit']}:src/showface/release/compact/config.json"
    shown = subprocess.run(["git", "show", named], cwd=ROOT, capture_output=True, text=True)
    if shown.returncode:
        pytest.skip("this clone does not have the commit")
    assert json.loads(shown.stdout)["sha256"] == row["sha256"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["release"])
def test_what_was_trained(row: dict) -> None:
    assert row["changed"].endswith(".") and row["trained"]
    for run in row["trained"]:
        assert tuple(run) == RUN
        assert run["stage"] in ("coarse", "face_parser", "reconstruction", "alignment", "mdrnets")
        assert run["pictures"] % run["steps"] == 0
        assert 0 <= run["hole_share"][0] < run["hole_share"][1] <= 1 and 0 <= run["occluders"] <= 1
        assert all(setting.split(".")[0] in ("networks", run["stage"]) for setting in run["new_settings"])
    shares = [share for share in (row["average"] or {"all": 1}).values() if not isinstance(share, str)]
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("place", ["val", "london"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["release"])
def test_scores_have_the_buckets_and_get_worse_with_what_is_hidden(row: dict, place: str) -> None:
    scores = row["scores"][place]
    assert list(scores) == ["faces", "protocol", *METRICS] and scores["faces"] > 0
    for metric in METRICS:
        means = scores[metric]
        assert means is None or len(means) == len(CONTENT["buckets"]) == 3
        if means is not None:
            assert means == sorted(means, reverse=metric in ("psnr", "ssim")), metric


def test_the_sdist_leaves_the_history_out() -> None:
    builds = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    included = builds["sdist"]["include"]
    assert included and all(re.match("/[a-zA-Z]", pattern) for pattern in included)  # a name at the root, not any depth
    assert not any(pattern.startswith("/history") for pattern in included)
    assert builds["wheel"]["packages"] == ["src/showface"]
