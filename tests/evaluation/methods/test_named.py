"""The networks behind the runner's interface."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from showface.data.fingerprints import FILE
from showface.errors import SettingError, WeightsError
from showface.evaluation.measuring.levels import as_levels, as_signal
from showface.evaluation.measuring.result_folder import picture_file, write_picture
from showface.evaluation.measuring.runner import FromPairs, complete, result_of
from showface.evaluation.methods.contender import records
from showface.evaluation.methods.named import NAMES, contenders, refuse_unknown_methods
from showface.evaluation.methods.networks import TAKEN_AWAY, network_methods
from showface.evaluation.protocol.pairs import Protocol, ProtocolConfig, make_protocol
from showface.networks.mdrnets import MDRNets
from showface.networks.without import without
from showface.photo.mirror import Mirror
from showface.photo.symmetry import Places
from showface.pipeline import FaceInpainter


def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=generator)
    masks = torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    masks[:, :, 16:40, 8:50] = True
    return images, masks


def test_every_level_survives_the_way_to_the_network_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert torch.equal(as_levels(as_signal(levels)), levels)


def test_coarse_and_full_are_what_mdrnets_returns(tiny_network: MDRNets) -> None:
    images, masks = pictures()
    network = copy.deepcopy(tiny_network)
    with torch.no_grad():  # an untrained refinement adds nothing to the coarse face
        for parameter in network.refinement.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    methods = network_methods(FaceInpainter(network, device="cpu"))
    with torch.no_grad():
        output = network(as_signal(images), masks.float())
    for name, expected in (("coarse", output.coarse), ("full", output.completed)):
        # the methods compute in the lean form, whose last bit may round the other way: one level, of few pixels
        off = (methods[name](images, masks).int() - as_levels(expected).int()).abs()
        assert off.max() <= 1 and (off > 0).float().mean() < 1e-3, name
    assert not torch.equal(methods["coarse"](images, masks), methods["full"](images, masks))


def test_hidden_pixels_are_not_needed(tiny_network: MDRNets) -> None:
    images, masks = pictures()
    methods = network_methods(FaceInpainter(tiny_network, device="cpu"))
    for method in (methods["coarse"], methods["full"]):
        shown = complete(method, images, masks)
        assert torch.equal(complete(method, images.masked_fill(masks, 77), masks)[masks.expand_as(images)],
                           shown[masks.expand_as(images)])  # fmt: skip


def test_mirrored_is_full_with_what_the_other_side_has(tiny_network: MDRNets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two faces the first has an other side; what its hole holds does not matter."""
    images = torch.randint(0, 256, (2, 3, 256, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    masks = torch.zeros(2, 1, 256, 256, dtype=torch.bool)
    masks[..., 90:130, 30:80] = True
    xs, ys = np.meshgrid(np.arange(256, dtype=np.float32), np.arange(256, dtype=np.float32))
    asked: list[np.ndarray] = []

    def mirror_of(completed: np.ndarray, hidden: np.ndarray, *more: np.ndarray) -> Mirror | str:
        asked.append(hidden)
        found = Mirror(Places(255 - xs, ys), np.ones((256, 256, 3), np.float32), hidden.astype(np.float32))
        return found if len(asked) % 2 else "turned head"

    monkeypatch.setattr("showface.pipeline.inpainter.mirror_of", mirror_of)
    methods = network_methods(FaceInpainter(tiny_network, device="cpu"))
    shown = complete(methods["mirrored"], images, masks)
    assert torch.equal(shown[0], torch.where(masks[0], images[0].flip(-1), images[0]))
    assert (shown[1].int() - complete(methods["full"], images, masks)[1].int()).abs().max() <= 1
    assert torch.equal(complete(methods["mirrored"], images.masked_fill(masks, 77), masks), shown)
    assert [bool((hidden == masks[0, 0].numpy()).all()) for hidden in asked] == [True] * 4


# ---------------------------------------------------------------------------------------------- by name


@pytest.fixture
def protocol(folders: tuple[Path, Path]) -> Protocol:
    return make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=64, limit=2))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("telea,harmonik", "unknown method 'harmonik'; did you mean 'harmonic'"),
        ("telea, telea", "method telea: named twice"),
        ("telea,telea=x", "named twice"),
        (" , ", "expected methods, got none"),
        ("a b=x", "expected NAME or NAME=PATH"),
        ("peer=", "expected NAME or NAME=PATH"),
    ],
)
def test_words_that_name_no_methods(words: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        refuse_unknown_methods(words)


def test_every_name_is_known() -> None:
    assert [name for name, _ in refuse_unknown_methods(",".join(NAMES))] == list(NAMES)


def test_networks_of_one_folder_are_loaded_once_and_carry_their_hash(protocol: Protocol, tiny_weights: Path) -> None:
    found = contenders(
        f"full,coarse,same={tiny_weights},rough={tiny_weights}@coarse", source=str(tiny_weights), device="cpu",
        protocol=protocol,
    )  # fmt: skip
    kinds = [one.identity.split()[0] for one in found]
    assert kinds == ["full", "coarse", "full", "coarse"]
    assert len({one.identity.split()[1] for one in found}) == 1 and found[0].identity == found[2].identity
    images, masks = pictures()
    assert torch.equal(found[1].method(images, masks), found[3].method(images, masks))  # type: ignore[operator]
    assert torch.equal(found[0].method(images, masks), found[2].method(images, masks))  # type: ignore[operator]


def test_what_a_run_was_trained_on_comes_along(protocol: Protocol, tiny_weights: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "weights").symlink_to(tiny_weights)
    (run / FILE).write_text("")
    found = contenders(f"telea,ours={run},rough={run}@coarse", source=None, device="cpu", protocol=protocol)
    assert records(found) == [run / FILE]


def test_a_folder_of_results_and_an_onnx_file_are_methods(protocol: Protocol, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    infos = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, ["n", channels, "h", "w"])
             for name, channels in (("image", 3), ("mask", 1), ("result", 3))]  # fmt: skip
    same = onnx.helper.make_node("Identity", ["image"], ["result"])
    graph = onnx.helper.make_graph([same], "same", infos[:2], infos[2:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(tmp_path / "same.onnx"))
    for bucket, pairs in protocol.pairs.items():
        for pair in pairs:
            picture = torch.full((3, 64, 64), 200, dtype=torch.uint8)
            write_picture(picture_file(tmp_path / "peer", bucket, pair.face.name), picture)
    words = f"peer={tmp_path / 'peer'},same={tmp_path / 'same.onnx'}"
    peer, same_ = contenders(words, source=None, device="cpu", protocol=protocol)
    images, masks = pictures()
    assert isinstance(peer.method, FromPairs) and peer.identity.startswith("results ")
    assert (result_of(peer.method, "1-20", protocol.pairs["1-20"], images, masks)[masks.expand_as(images)] == 200).all()
    assert same_.identity.startswith("onnx ") and torch.equal(same_.method(images, masks), images)  # type: ignore


def test_a_place_that_holds_nothing_says_so(protocol: Protocol, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json: No such file"):
        contenders(f"ours={tmp_path}", source=None, device="cpu", protocol=protocol)
    with pytest.raises(SettingError, match=r"unknown network in ours=.* 'coarsest'; did you mean 'coarse'"):
        contenders(f"ours={tmp_path}@coarsest", source=None, device="cpu", protocol=protocol)


def test_rows_without_a_box_are_the_networks_without_it(
    protocol: Protocol, sourced_network: MDRNets, sourced_weights: Path
) -> None:
    words = ",".join(("full", *TAKEN_AWAY, f"same={sourced_weights}@no-memory"))
    chosen = {one.name: one for one in
              contenders(words, source=str(sourced_weights), device="cpu", protocol=protocol)}  # fmt: skip
    assert len({one.identity for one in chosen.values()}) == 1 + len(TAKEN_AWAY)
    assert chosen["same"].identity == chosen["no-memory"].identity
    images, masks = pictures()
    masks[:, :, 8:] = True  # whole categories are hidden
    found = {name: complete(one.method, images, masks) for name, one in chosen.items()}  # type: ignore[arg-type]
    for name, box in TAKEN_AWAY.items():
        with torch.no_grad():
            output = without(sourced_network, box)(as_signal(images), masks.float())
        expected = torch.where(masks, as_levels(output.completed), images)
        off = (found[name].int() - expected.int()).abs()
        assert off.max() <= 1 and (off > 0).float().mean() < 0.02, name  # weights were rounded to float16
        assert not torch.equal(found[name], found["full"]), name
    assert torch.equal(found["same"], found["no-memory"])


def test_boxes_that_weights_do_not_have_are_refused(protocol: Protocol, tiny_weights: Path) -> None:
    for words, name in (("no-sources", "no-sources"), (f"mine={tiny_weights}@no-personal", "no-personal")):
        with pytest.raises(SettingError, match=f"{name}: expected a network with the box .* found one without it"):
            contenders(words, source=str(tiny_weights), device="cpu", protocol=protocol)
    with pytest.raises(SettingError, match="unknown method 'no-source'; did you mean 'no-sources'"):
        refuse_unknown_methods("no-source")


def test_mirrored_is_refused_at_other_sizes(protocol: Protocol, tiny_weights: Path) -> None:
    for words in ("mirrored", f"mine={tiny_weights}@mirrored"):
        with pytest.raises(SettingError, match="mirrored: expected faces of 256 pixels, found --size 64; leave it out"):
            contenders(words, source=str(tiny_weights), device="cpu", protocol=protocol)
