"""What is refused before anything is measured: pairs that cannot be, other files than then, faces trained on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.data.fingerprints import FILE, SHORT, as_lines, hash_pictures, pictures_seen
from showface.errors import DataError, SettingError
from showface.evaluation.methods.named import contenders
from showface.evaluation.protocol.checks import listed
from showface.evaluation.protocol.frozen import frozen_protocol
from showface.evaluation.protocol.overlap import record_of, refuse_overlap
from showface.evaluation.protocol.pairs import MadeMask, Pair, Protocol, ProtocolConfig, make_protocol
from showface.evaluation.report.files import as_json, protocol_table
from showface.weights import bundled

Folders = tuple[Path, Path]


@pytest.fixture
def config(folders: Folders) -> ProtocolConfig:
    return ProtocolConfig(faces=folders[0], masks=folders[1], size=48, seed=4)


def left_half(size: int) -> np.ndarray:
    hole = np.zeros((size, size), dtype=bool)
    hole[:, : size // 2] = True
    return hole


def halves(config: ProtocolConfig) -> dict[str, list[Pair]]:
    return {"left half": [Pair(config.faces / f"{i}.png", MadeMask("half", f"{i}.png", 0, left_half)) for i in (1, 3)]}


def frozen(protocol: Protocol, place: Path) -> Path:
    file = place / "protocol.json"
    file.write_text(as_json(protocol_table(protocol)))
    return file


def test_copies_and_misshapen_pictures_are_listed(config: ProtocolConfig, folders: Folders) -> None:
    (folders[0] / "9.png").write_bytes((folders[0] / "1.png").read_bytes())
    with pytest.raises(DataError, match=r"1 faces are there more than once: 1\.png = 9\.png"):
        make_protocol(config)
    (folders[0] / "9.png").unlink()
    for name, colour in (("7.png", "red"), ("8.png", "blue")):
        Image.new("RGB", (48, 40), colour).save(folders[0] / name)
    with pytest.raises(DataError, match=r"2 faces are not square: .*7\.png \(48 x 40\), .*8\.png \(48 x 40\)"):
        make_protocol(config)


def test_a_long_list_is_counted() -> None:
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
    assert listed(["a"]) == "a"


def test_made_masks_are_hashed_by_their_pixels(config: ProtocolConfig) -> None:
    protocol = make_protocol(config, more=halves(config))
    assert [p.face.name for p in protocol.pairs["left half"]] == ["1.png", "3.png"]
    other = {"left half": [Pair(p.face, MadeMask("half", p.face.name, 0, lambda size: ~left_half(size)))
                           for p in protocol.pairs["left half"]]}  # fmt: skip
    assert (
        make_protocol(config, more=other).digest != protocol.digest == make_protocol(config, more=halves(config)).digest
    )
    with pytest.raises(DataError, match="there twice"):
        make_protocol(config, more={"1-20": halves(config)["left half"]})
    nothing = {
        "left half": [Pair(config.faces / "1.png", MadeMask("half", "1", 0, lambda size: left_half(size) & False))]
    }
    with pytest.raises(DataError, match="mask half/1#0: expected some of 48 x 48 pixels"):
        make_protocol(config, more=nothing)


def test_masks_may_all_be_made(folders: Folders) -> None:
    config = ProtocolConfig(faces=folders[0], masks=None, size=48)
    assert list(make_protocol(config, more=halves(config)).pairs) == ["left half"]
    with pytest.raises(DataError, match="no pair of face and mask"):
        make_protocol(config)


def test_a_frozen_table_is_measured_again_whatever_else_lies_there(
    config: ProtocolConfig, folders: Folders, tmp_path: Path
) -> None:
    protocol = make_protocol(config, more=halves(config))
    file = frozen(protocol, tmp_path)
    Image.new("RGB", (48, 48)).save(folders[0] / "0a.png")
    again = frozen_protocol(file, ProtocolConfig(faces=folders[0], masks=folders[1], size=48), more=halves(config))
    assert again.digest == protocol.digest != make_protocol(config, more=halves(config)).digest


def test_what_differs_from_a_frozen_table_is_listed(config: ProtocolConfig, folders: Folders, tmp_path: Path) -> None:
    file = frozen(make_protocol(config, more=halves(config)), tmp_path)
    with pytest.raises(DataError, match=r"bucket left half: .* ask for it with --rows or --occlusions"):
        frozen_protocol(file, config)
    Image.new("RGB", (48, 48), "red").save(folders[0] / "3.png")
    with pytest.raises(DataError, match=r"1 files are others than those measured then: 3\.png"):
        frozen_protocol(file, config, more=halves(config))
    (folders[0] / "3.png").unlink()
    with pytest.raises(DataError, match=r"1 faces are missing: .*3\.png"):
        frozen_protocol(file, config, more=halves(config))
    with pytest.raises(SettingError, match="measured at 48 px, this is 64"):
        frozen_protocol(file, ProtocolConfig(faces=folders[0], masks=folders[1], size=64))
    content = json.loads(file.read_text())
    for damage in (content | {"version": 1}, {"version": 2}, []):
        file.write_text(json.dumps(damage))
        with pytest.raises(DataError, match=r"protocol version 1|expected the protocol\.json"):
            frozen_protocol(file, config)


def test_faces_that_were_trained_on_are_refused(config: ProtocolConfig, folders: Folders, tmp_path: Path) -> None:
    protocol, run, harmless = make_protocol(config), tmp_path / "run", tmp_path / "harmless"
    for folder in (run / "weights", harmless):
        folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(harmless / "x.png")
    assert record_of(run) is None and refuse_overlap(protocol, [harmless]) == {str(harmless): 1}
    (run / FILE).write_text(as_lines(hash_pictures([folders[0] / "2.png", harmless / "x.png"])))
    assert record_of(run / "weights") == record_of(run / "weights" / "model.safetensors") == run / FILE
    for place in (run, run / FILE, folders[0]):
        with pytest.raises(DataError, match=r"of 5 faces were trained on, .*2\.png"):
            refuse_overlap(protocol, [harmless, place])


def test_what_the_bundled_weights_were_trained_on_is_known(config: ProtocolConfig) -> None:
    record = record_of(bundled())
    assert record is not None
    seen = pictures_seen(record)
    assert len(seen) > 1000 and all(len(digest) == SHORT for digest in seen.values())
    protocol = make_protocol(config)
    assert refuse_overlap(protocol, [record]) == {str(record): len(seen)}
    met = {name: digest for name, digest in zip(protocol.files["faces"], seen.values(), strict=False)}
    trained = replace(protocol, files=protocol.files | {"faces": {name: met[name] + "0" * 48 for name in met}})
    with pytest.raises(DataError, match=f"{len(met)} of {len(met)} faces were trained on"):
        refuse_overlap(trained, [record])
    name, *_ = contenders("full", source=None, device="cpu", protocol=protocol)
    assert name.records == (record,)
