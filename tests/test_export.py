"""One ONNX file of the whole network: equal to it, for any batch, or not written at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from showface import weights
from showface.cli.main import main
from showface.errors import SettingError, ShowFaceError
from showface.export import TOLERANCE, difference, export_onnx, quantised, session_of, stored, traced, trial_pictures
from showface.networks.mdrnets import MDRNets
from showface.networks.source_alignment import Aligned

pytestmark = pytest.mark.slow  # traces whole networks

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

SIDE = 32


@pytest.fixture(scope="module")
def saved(tiny_weights: Path) -> MDRNets:
    """The tiny network as it comes back from its files, rounded to float16."""
    return weights.build(*weights.load(tiny_weights))


@pytest.fixture(scope="module")
def graph(saved: MDRNets) -> bytes:
    """The tiny network as an ONNX model, traced once."""
    content: bytes = traced(saved, SIDE).SerializeToString()
    return content


@pytest.fixture
def no_tracing(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("showface.export.traced", lambda network, size: onnx.load_from_string(graph))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_batch_equals_the_network(graph: bytes, saved: MDRNets, count: int) -> None:
    images, masks = trial_pictures(count, SIDE)
    with torch.no_grad():
        expected = saved(images, masks).completed.numpy()
    result = session_of(graph).run(None, {"image": images.numpy(), "mask": masks.numpy()})[0]
    assert result.shape == expected.shape and np.abs(result - expected).max() < 1e-4
    assert np.array_equal(np.where(masks, 0, result), np.where(masks, 0, images))


def test_what_the_hole_holds_does_not_matter(graph: bytes) -> None:
    images, masks = trial_pictures(1, SIDE)
    other = torch.where(masks > 0, torch.full_like(images, 0.7), images)
    session = session_of(graph)
    first, second = (session.run(None, {"image": each.numpy(), "mask": masks.numpy()})[0] for each in (images, other))
    assert masks.any() and np.array_equal(first, second)


def test_only_operators_of_the_standard_and_a_free_batch(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)] and not model.functions
    image = model.graph.input[0].type.tensor_type.shape.dim
    assert image[0].dim_param and [each.dim_value for each in image][1:] == [3, SIDE, SIDE]
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.usefixtures("no_tracing")
def test_what_is_written_is_what_was_compared(saved: MDRNets, tmp_path: Path) -> None:
    file = tmp_path / "face.onnx"
    found = export_onnx(saved, file, size=SIDE, facts={"made": "here"})
    assert found == difference(saved, file.read_bytes(), SIDE) < 1e-4
    written = onnx.load(str(file))
    assert '"made": "here"' in written.metadata_props[-1].value and "1 = hole" in written.doc_string


@pytest.mark.usefixtures("no_tracing")
def test_a_network_that_differs_is_refused_and_nothing_is_written(saved: MDRNets, tmp_path: Path) -> None:
    other = MDRNets(saved.config).eval()
    other.load_state_dict(saved.state_dict())
    with torch.no_grad():
        other.refinement.head.bias.add_(0.1)  # type: ignore[union-attr]
    with pytest.raises(ShowFaceError, match="differs from its original by 1") as refused:
        export_onnx(other, tmp_path / "face.onnx", size=SIDE)
    assert refused.value.exit_code == 1 and not list(tmp_path.iterdir())


def test_sizes_that_do_not_divide_and_unknown_numbers_are_refused(saved: MDRNets, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="multiple of 8 pixels, got 100"):
        export_onnx(saved, tmp_path / "face.onnx", size=100)
    assert not list(tmp_path.iterdir())


def test_int8_is_the_nearest_and_keeps_each_channels_largest() -> None:
    sizes = 10.0 ** np.arange(4)[:, None, None, None]
    kernel = (np.random.default_rng(0).normal(size=(4, 3, 3, 3)) * sizes).astype(np.float32)
    kernel[2] = 0
    whole, scale = quantised(kernel, axis=0)
    assert whole.dtype == np.int8 and scale.shape == (4, 1, 1, 1)
    assert (np.abs(whole * scale - kernel) <= scale / 2 * 1.001).all()
    assert [int(np.abs(whole[i]).max()) for i in range(4)] == [127, 127, 0, 127]


@pytest.mark.parametrize(("numbers", "share", "most"), [("float16", 0.75, 2e-3), ("int8", 0.6, 0.1)])
def test_stored_in_fewer_bytes(
    graph: bytes, saved: MDRNets, monkeypatch: pytest.MonkeyPatch, numbers: Any, share: float, most: float
) -> None:
    monkeypatch.setattr("showface.export.SMALL", 64)
    before = sum(len(tensor.raw_data) for tensor in onnx.load_from_string(graph).graph.initializer)
    after = stored(onnx.load_from_string(graph), numbers)
    assert sum(len(tensor.raw_data) for tensor in after.graph.initializer) < share * before
    onnx.checker.check_model(after, full_check=True)
    assert 0 < difference(saved, after.SerializeToString(), SIDE) < most


@pytest.mark.usefixtures("no_tracing")
def test_the_command(tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "onnx", str(tiny_weights), "--size", str(SIDE), "--out", str(tmp_path / "face.onnx")]
    assert main(words) == 0 and "differs from the network by" in capsys.readouterr().out
    assert main(words) == 2 and "exists already" in capsys.readouterr().err
    assert main([*words[:-1], str(tmp_path / "face.pt")]) == 2 and "ends with .onnx" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------- sources


@pytest.fixture(scope="module")
def sourced_graph(sourced_network: MDRNets) -> bytes:
    """The tiny network that looks at the mirror image, traced once."""
    content: bytes = traced(sourced_network, SIDE).SerializeToString()
    return content


@pytest.mark.parametrize("count", [1, 3])
def test_the_mirror_image_is_warped_as_the_network_does(
    sourced_graph: bytes, sourced_network: MDRNets, count: int
) -> None:
    images, masks = trial_pictures(count, SIDE)
    with torch.no_grad():
        output = sourced_network(images, masks)
    result = session_of(sourced_graph).run(None, {"image": images.numpy(), "mask": masks.numpy()})[0]
    assert np.abs(result - output.completed.numpy()).max() < 1e-4
    assert isinstance(output.aligned, Aligned) and output.aligned.flow.abs().max() * SIDE > 0.1, "it moves something"
    assert difference(sourced_network, sourced_graph, SIDE) < TOLERANCE


def test_warping_is_an_operator_of_the_standard_too(sourced_graph: bytes) -> None:
    model = onnx.load_from_string(sourced_graph)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)] and not model.functions
    assert "GridSample" in {node.op_type for node in model.graph.node}
    assert [given.name for given in model.graph.input] == ["image", "mask"]
    onnx.checker.check_model(model, full_check=True)
