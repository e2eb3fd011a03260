"""A whole comparison: the same command says the same, goes on, and loses nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from showface.data.fingerprints import FILE, as_lines, hash_pictures
from showface.errors import DataError
from showface.evaluation import comparison as module
from showface.evaluation.comparison import ComparisonConfig, compare, gallery_of, write_report
from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.measures import chosen_measures
from showface.evaluation.measuring.runner import content_hashes
from showface.evaluation.methods.contender import Contender
from showface.evaluation.protocol.pairs import Protocol, ProtocolConfig, make_protocol
from showface.evaluation.report.gallery import Shown

FILES = ["pictures.csv", "protocol.json", "report.html", "report.json", "table.csv", "table.md"]


@pytest.fixture
def protocol(folders: tuple[Path, Path]) -> Protocol:
    return make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48))


@pytest.fixture(autouse=True)
def features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Means of colours and their products in place of Inception."""

    def network(pictures: Tensor) -> Tensor:
        means = pictures.float().mean(dim=(2, 3)) / 255
        return torch.cat([means, means * means.roll(1, 1)], dim=1)

    def store(own: Path, *, device: str) -> FeatureStore:
        return FeatureStore(network, own=own, shared=own.parent / "shared")

    monkeypatch.setattr(module, "feature_store", store)


def grey(level: int, name: str = "grey") -> Contender:
    return Contender(name, lambda images, masks: torch.full_like(images, level), f"grey {level}", "a colour")


def run(protocol: Protocol, out: Path, *chosen: Contender, metrics: str = "l1,psnr,fid,kid", **more: object) -> None:
    config = ComparisonConfig(out=out, batch=2, **more)  # type: ignore[arg-type]
    done = compare(protocol, chosen, chosen_measures(metrics), config)
    write_report(done, protocol, out)


def read(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


def test_a_second_run_gives_identical_numbers(protocol: Protocol, tmp_path: Path) -> None:
    for name in ("one", "other"):
        run(protocol, tmp_path / name, grey(90), grey(160, "light"))
    reports = [json.loads((tmp_path / name / "report.json").read_text()) for name in ("one", "other")]
    for report in reports:
        report.pop("seconds per picture")
    assert reports[0] == reports[1] and reports[0]["metrics"] == ["l1", "psnr", "fid", "kid"]
    one, other = read(tmp_path / "one"), read(tmp_path / "other")
    assert all(one[name] == other[name] for name in FILES if name not in ("report.json", "report.html"))


def test_the_same_command_on_a_finished_report_changes_no_byte(protocol: Protocol, tmp_path: Path) -> None:
    run(protocol, tmp_path, grey(90))
    before = read(tmp_path)
    run(protocol, tmp_path, replace(grey(90), method=lambda images, masks: pytest.fail("measured again")))
    assert read(tmp_path) == before


def test_a_report_may_grow_but_loses_nothing(protocol: Protocol, tmp_path: Path) -> None:
    run(protocol, tmp_path, grey(90), metrics="l1")
    run(protocol, tmp_path, grey(90), grey(160, "light"), metrics="l1,psnr")
    for chosen, metrics, lost in (
        ([grey(90)], "l1,psnr", "method light"),
        ([grey(90), grey(160, "light")], "psnr", "metric l1"),
        ([grey(90), grey(170, "light")], "l1,psnr", "method light"),
    ):
        with pytest.raises(DataError, match=f"exists already .*{lost}"):
            run(protocol, tmp_path, *chosen, metrics=metrics)
    moved = [replace(one, source="elsewhere") for one in (grey(90), grey(160, "light"))]
    run(protocol, tmp_path, *moved, metrics="l1,psnr")
    run(protocol, tmp_path, grey(90), metrics="psnr", overwrite=True)
    assert list(json.loads((tmp_path / "report.json").read_text())["table"]) == ["grey"]


def test_another_protocol_is_refused_before_anything_is_measured(
    protocol: Protocol, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    run(protocol, tmp_path, grey(90))
    other = make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48, limit=4))
    with pytest.raises(DataError, match="holds what the new one would not: protocol"):
        run(other, tmp_path, grey(90))
    (tmp_path / "report.json").unlink()
    with pytest.raises(DataError, match="holds measurements of protocol"):
        run(other, tmp_path, grey(90))


def test_what_is_no_report_of_ours_is_not_replaced(protocol: Protocol, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("notes")
    with pytest.raises(DataError, match="no report of ours"):
        run(protocol, tmp_path, grey(90))


def test_faces_trained_on_are_refused_and_others_are_told(protocol: Protocol, tmp_path: Path) -> None:
    seen = tmp_path / FILE
    seen.write_text(as_lines(hash_pictures([protocol.config.faces / "3.png"])))
    for chosen, trained_on in ((replace(grey(90), records=(seen,)), ()), (grey(90), (seen,))):
        with pytest.raises(DataError, match=r"1 of 5 faces were trained on, .*: 3\.png"):
            run(protocol, tmp_path / "out", chosen, trained_on=trained_on)
    assert not (tmp_path / "out").exists()
    seen.write_text(f"{'0' * 64}  other.png\n")
    run(protocol, tmp_path / "out", grey(90), trained_on=(seen,))
    told = json.loads((tmp_path / "out" / "report.json").read_text())["not trained on"]
    assert told == {str(seen): "1 pictures, none of them measured"}


def test_the_gallery_shows_what_was_measured(protocol: Protocol, tmp_path: Path) -> None:
    chosen = [grey(90), grey(160, "light")]
    done = compare(protocol, chosen, chosen_measures("psnr"), ComparisonConfig(out=tmp_path, batch=2))
    shown = gallery_of(done, protocol, chosen)
    assert len(shown) == 3 * 3 and {one.choice.method for one in shown} == {"light"}
    for one in shown:
        row = next(r for r in done.measurements if (r.method, r.bucket, r.face) == ("grey", *_place(one)))
        assert content_hashes(one.completed["grey"][None]) == [row.completed]
    write_report(done, protocol, tmp_path, gallery=shown)
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("<img") == 9 * 4


def _place(one: Shown) -> tuple[str, str]:
    return one.choice.bucket, one.choice.face


def test_every_file_and_its_hash_are_in_the_report(protocol: Protocol, tmp_path: Path) -> None:
    run(protocol, tmp_path, grey(90), metrics="l1")
    table = json.loads((tmp_path / "protocol.json").read_text())
    assert table["files"] == protocol.files and len(table["files"]["faces"]) == 5
    assert table["pairs"]["1-20"] == [[p.face.name, p.mask.name] for p in protocol.pairs["1-20"]]
    told = json.loads((tmp_path / "report.json").read_text())["protocol"]
    assert told["version"] == table["version"] == 2 and told["files"]["faces"].startswith("5, sha256 ")
    assert told["pairs"] == {"1-20": 5, "20-40": 5, "40-60": 5}
