"""An evaluation that was stopped goes on, with the same numbers (faults.md 39)."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from showface.errors import DataError
from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.journal import FILE, Journal
from showface.evaluation.measuring.measures import PLAIN
from showface.evaluation.measuring.runner import Measurement, evaluate
from showface.evaluation.protocol.pairs import Protocol, ProtocolConfig, make_protocol

pytestmark = pytest.mark.slow  # whole evaluations

Folders = tuple[Path, Path]


class Grey:
    """Fills holes with one grey; counts its calls and stops the run at one of them."""

    def __init__(self, level: int = 100, *, stops_at: int = 0) -> None:
        self.level, self.stops_at, self.calls = level, stops_at, 0

    def __call__(self, images: Tensor, masks: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.stops_at:
            raise KeyboardInterrupt
        return torch.full_like(images, self.level)


@pytest.fixture
def protocol(folders: Folders) -> Protocol:
    return make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48))


def run(protocol: Protocol, folder: Path, grey: Grey, **more: object) -> list[Measurement]:
    journal = Journal(folder, protocol, {"grey": f"grey {grey.level}"}, list(PLAIN), **more)  # type: ignore[arg-type]
    return evaluate(protocol, {"grey": grey}, batch=2, memory=journal)


def same(one: Sequence[Measurement], other: Sequence[Measurement]) -> bool:
    return [(r.bucket, r.face, r.mask, r.values, r.completed) for r in one] == [
        (r.bucket, r.face, r.mask, r.values, r.completed) for r in other
    ]


def test_a_stopped_run_goes_on_where_it_stopped_with_equal_numbers(protocol: Protocol, tmp_path: Path) -> None:
    whole = run(protocol, tmp_path / "whole", Grey())
    stopped = Grey(stops_at=5)
    with pytest.raises(KeyboardInterrupt):
        run(protocol, tmp_path / "parts", stopped)
    going_on = Grey()
    assert same(run(protocol, tmp_path / "parts", going_on), whole)
    assert going_on.calls == 9 - 4  # nine batches of two, four were done
    idle = Grey()
    assert run(protocol, tmp_path / "parts", idle) == run(protocol, tmp_path / "parts", Grey()) and idle.calls == 0


@pytest.mark.parametrize("lost", [1, 40, 200])
def test_a_line_cut_short_by_a_kill_is_measured_again(protocol: Protocol, tmp_path: Path, lost: int) -> None:
    whole = run(protocol, tmp_path, Grey())
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-lost])
    again = Grey()
    assert same(run(protocol, tmp_path, again), whole) and again.calls == 1
    assert all(json.loads(line) for line in (tmp_path / FILE).read_bytes().splitlines())


def test_another_identity_or_a_further_metric_is_measured(protocol: Protocol, tmp_path: Path) -> None:
    run(protocol, tmp_path, Grey(100))
    other = Grey(200)
    assert not same(run(protocol, tmp_path, other), run(protocol, tmp_path, Grey(100))) and other.calls == 9
    further = Grey(100)
    metrics = {**PLAIN, "twice": lambda picture, truth: 2 * PLAIN["l1"](picture, truth)}
    journal = Journal(tmp_path, protocol, {"grey": "grey 100"}, list(metrics))
    rows = evaluate(protocol, {"grey": further}, metrics=metrics, batch=2, memory=journal)
    assert further.calls == 9 and all(row.values["twice"] == 2 * row.values["l1"] for row in rows)
    fewer = Journal(tmp_path, protocol, {"grey": "grey 100"}, ["l1"])
    idle = Grey(100)
    assert list(evaluate(protocol, {"grey": idle}, batch=2, memory=fewer)[0].values) == ["l1"] and idle.calls == 0


def test_another_protocol_is_refused_or_starts_anew(protocol: Protocol, folders: Folders, tmp_path: Path) -> None:
    run(protocol, tmp_path, Grey())
    before = (tmp_path / FILE).read_bytes()
    other = make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48, seed=3))
    with pytest.raises(DataError, match=f"protocol {protocol.digest[:12]}, this is {other.digest[:12]}"):
        run(other, tmp_path, Grey())
    assert (tmp_path / FILE).read_bytes() == before
    anew = Grey()
    run(other, tmp_path, anew, overwrite=True)
    assert anew.calls == 9


def test_a_damaged_line_is_named(protocol: Protocol, tmp_path: Path) -> None:
    run(protocol, tmp_path, Grey())
    lines = (tmp_path / FILE).read_bytes().splitlines()
    for damage in (b"{", b"[]", b'{"face": 1}'):
        (tmp_path / FILE).write_bytes(b"\n".join([*lines[:3], damage, *lines[4:], b""]))
        with pytest.raises(DataError, match="line 4"):
            run(protocol, tmp_path, Grey())


def test_what_is_not_defined_comes_back_so(protocol: Protocol, tmp_path: Path) -> None:
    metrics = {"identity": lambda picture, truth: torch.full((len(picture),), math.nan)}
    rows = []
    for _ in range(2):
        journal = Journal(tmp_path, protocol, {"grey": "grey"}, list(metrics))
        rows = evaluate(protocol, {"grey": Grey()}, metrics=metrics, batch=4, memory=journal)
    assert len(rows) == 15 and all(math.isnan(row.values["identity"]) for row in rows)
    assert b"NaN" not in (tmp_path / FILE).read_bytes()


def test_other_packages_are_told(protocol: Protocol, tmp_path: Path) -> None:
    run(protocol, tmp_path, Grey(), versions={"torch": "1"})
    run(protocol, tmp_path, Grey(), versions={"torch": "1"})
    with pytest.warns(UserWarning, match="torch 1 is now 2"):
        run(protocol, tmp_path, Grey(), versions={"torch": "2"})


def test_features_and_pictures_that_got_lost_are_made_again(protocol: Protocol, tmp_path: Path) -> None:
    computed: list[int] = []

    def network(pictures: Tensor) -> Tensor:
        computed.append(len(pictures))
        return pictures.float().mean(dim=(2, 3))

    def store() -> FeatureStore:
        return FeatureStore(network, own=tmp_path / "own", shared=tmp_path / "shared")

    def again() -> Grey:
        grey = Grey()
        run(protocol, tmp_path, grey, features=store(), pictures=tmp_path / "pictures")
        return grey

    assert again().calls == 9 and sum(computed) == 5 + 15  # each face once, not once a bucket
    assert again().calls == 0
    next((tmp_path / "own").rglob("*.npy")).unlink()
    assert again().calls == 1
    (tmp_path / "pictures" / "grey" / "1-20" / "3.png").unlink()
    assert again().calls == 1 and (tmp_path / "pictures" / "grey" / "1-20" / "3.png").is_file()
    rows = run(protocol, tmp_path, Grey(), features=store())
    features = store().get([row.truth for row in rows])
    np.testing.assert_array_equal(features[:5], features[5:10])  # the same faces in the next bucket
