"""Results of anybody's method as a folder of pictures (faults.md 39)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from showface.errors import DataError
from showface.evaluation.measuring.result_folder import (
    is_result_folder,
    picture_file,
    result_folder,
    unique_stems,
    write_inputs,
    write_picture,
)
from showface.evaluation.measuring.runner import complete, evaluate, read_batch
from showface.evaluation.protocol.pairs import Pair, Protocol, ProtocolConfig, make_protocol, read_face, read_sized_mask

pytestmark = pytest.mark.slow  # whole evaluations

Folders = tuple[Path, Path]


@pytest.fixture
def protocol(folders: Folders) -> Protocol:
    return make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48, limit=3))


def invert(images: Tensor, masks: Tensor) -> Tensor:
    return images.bitwise_not()


@pytest.fixture
def results(protocol: Protocol, tmp_path: Path) -> Path:
    """What `invert` makes of every pair."""
    for bucket, pairs in protocol.pairs.items():
        completed = complete(invert, *read_batch(pairs, 48))
        for pair, picture in zip(pairs, completed, strict=True):
            write_picture(picture_file(tmp_path / "peer", bucket, pair.face.name), picture)
    return tmp_path / "peer"


def test_results_that_were_written_score_as_the_method_itself(protocol: Protocol, results: Path) -> None:
    peer, digest = result_folder(results, protocol)
    rows = evaluate(protocol, {"peer": peer, "invert": invert})
    values = {name: [row.values for row in rows if row.method == name] for name in ("peer", "invert")}
    assert values["peer"] == values["invert"] and len(values["peer"]) == 9
    assert len(digest) == 64 and is_result_folder(results, protocol) and not is_result_folder(results.parent, protocol)


def test_known_pixels_of_results_do_not_count(protocol: Protocol, results: Path) -> None:
    before = evaluate(protocol, {"peer": result_folder(results, protocol)[0]})
    pair = protocol.pairs["1-20"][0]
    file, hole = results / "1-20" / f"{pair.face.stem}.png", read_sized_mask(pair.mask, 48)
    pixels = np.array(Image.open(file))
    pixels[~hole] = 7
    Image.fromarray(pixels).save(file)
    peer, digest = result_folder(results, protocol)
    assert [row.values for row in evaluate(protocol, {"peer": peer})] == [row.values for row in before]
    pixels[hole] = 7
    Image.fromarray(pixels).save(file)
    assert result_folder(results, protocol)[1] != digest


def test_missing_double_and_misfitting_results_are_listed(protocol: Protocol, results: Path) -> None:
    (results / "1-20" / "0.png").rename(results / "1-20" / "other.png")  # others are left alone
    Image.open(results / "1-20" / "2.png").save(results / "1-20" / "2.webp", lossless=True)
    with pytest.raises(DataError, match=r"1 missing: 1-20/0; 1 there twice: 1-20/2\.png and 1-20/2\.webp"):
        result_folder(results, protocol)
    (results / "1-20" / "other.png").rename(results / "1-20" / "0.png")
    (results / "1-20" / "2.webp").unlink()
    Image.new("RGB", (40, 48)).save(results / "20-40" / "1.png")
    with pytest.raises(DataError, match=r"1 pictures are not 48 x 48: .*1\.png \(40 x 48\)"):
        result_folder(results, protocol)
    (results / "40-60").rename(results / "40-61")
    (results / "1-20" / "1.png").unlink()
    with pytest.raises(DataError, match=r"expected 9 results .*; 4 missing: 1-20/1, 40-60/0, 40-60/1, 40-60/2"):
        result_folder(results, protocol)


def test_faces_of_one_name_cannot_be_told_apart() -> None:
    pairs = [Pair(Path(f"{folder}/7.png"), Path("m.png")) for folder in "ab"]
    with pytest.raises(DataError, match="1 faces share their name: 7"):
        unique_stems(pairs, "1-20")


def test_inputs_hold_what_a_method_may_see_and_nothing_else(protocol: Protocol, tmp_path: Path) -> None:
    assert write_inputs(tmp_path / "inputs", protocol) == 9
    for bucket, pairs in protocol.pairs.items():
        for pair in pairs:
            hole = torch.from_numpy(read_sized_mask(pair.mask, 48))
            shown = read_face(tmp_path / "inputs" / "images" / bucket / f"{pair.face.stem}.png", 48)
            assert torch.equal(shown, read_face(pair.face, 48).masked_fill(hole, 0))
            mask = read_sized_mask(tmp_path / "inputs" / "masks" / bucket / f"{pair.face.stem}.png", 48)
            np.testing.assert_array_equal(mask, hole.numpy())
    with pytest.raises(DataError, match="expected a new or empty folder"):
        write_inputs(tmp_path / "inputs", protocol)
