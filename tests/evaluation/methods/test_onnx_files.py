"""Methods in ONNX files: which numbers go in, which come out."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from showface import assets
from showface.errors import DataError, MissingExtraError
from showface.evaluation.measuring.runner import complete
from showface.evaluation.methods import onnx_files
from showface.evaluation.methods.onnx_files import migan, onnx_method, opened

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def made(
    file: Path,
    kind: str,
    nodes: list[object],
    *,
    side: int | str = "s",
    channels: tuple[int, int] = (3, 1),
    operators: int = 17,
) -> Path:
    """A graph from `image` and `mask` to `result`; "float" or "uint8" all through."""
    number = onnx.TensorProto.FLOAT if kind == "float" else onnx.TensorProto.UINT8
    infos = [
        onnx.helper.make_tensor_value_info(name, number, ["n", count, side, side])
        for name, count in (("image", channels[0]), ("mask", channels[1]), ("result", 3))
    ]
    graph = onnx.helper.make_graph(nodes, "method", infos[:2], infos[2:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", operators)], ir_version=8)
    onnx.save(model, str(file))
    return file


def node(kind: str, *names: str) -> object:
    """`node("Add", "a", "b", "sum")`: inputs, then the one output."""
    return onnx.helper.make_node(kind, list(names[:-1]), [names[-1]])


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    masks[..., 8:20, 8:20] = True
    return images, masks


def test_floats_are_in_minus_one_to_one_and_zero_where_hidden(pair: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    """image + mask: unchanged where known, 0 + 1 in the hole, which is white."""
    method = onnx_method(made(tmp_path / "a.onnx", "float", [node("Add", "image", "mask", "result")]))
    images, masks = pair
    result = method(images.masked_fill(masks, 0), masks)
    assert torch.equal(result, images.masked_fill(masks, 255))


def test_bytes_have_255_where_the_hole_is(pair: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    file = made(tmp_path / "a.onnx", "uint8", [node("BitwiseOr", "image", "mask", "result")], operators=18)
    images, masks = pair
    assert torch.equal(onnx_method(file)(images.masked_fill(masks, 0), masks), images.masked_fill(masks, 255))


def test_a_file_with_a_size_of_its_own_gets_it(pair: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    file = made(tmp_path / "a.onnx", "float", [node("Add", "image", "mask", "result")], side=64)
    images, masks = torch.full((1, 3, 32, 32), 90, dtype=torch.uint8), pair[1][:1]
    result = complete(onnx_method(file), images, masks)
    assert result.shape == images.shape
    assert (result[..., 10:18, 10:18] == 255).all() and torch.equal(result[..., :8], images[..., :8])


def test_migan_gets_known_as_255_and_no_black_hole(
    pair: tuple[Tensor, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in gives back the picture: what comes out inside the hole is what was handed in there."""
    masks_seen: list[np.ndarray] = []
    file = made(tmp_path / "m.onnx", "uint8", [node("Identity", "image", "result")])
    monkeypatch.setattr(assets, "path", lambda name: file)
    monkeypatch.setattr(onnx_files, "opened", lambda path: Watched(opened(path), masks_seen))
    images = torch.full((1, 3, 32, 32), 90, dtype=torch.uint8)
    result = migan()(images.masked_fill(pair[1][:1], 0), pair[1][:1])
    assert torch.equal(result, images)
    assert masks_seen[0].shape == (1, 1, 512, 512)
    assert masks_seen[0][0, 0, 200, 200] == 0 and masks_seen[0][0, 0, 0, 0] == 255


class Watched:
    """A session that remembers the masks it is given."""

    def __init__(self, session: object, seen: list[np.ndarray]) -> None:
        self.session, self.seen = session, seen

    def get_inputs(self) -> object:
        return self.session.get_inputs()  # type: ignore[attr-defined]

    def run(self, outputs: None, values: dict[str, np.ndarray]) -> object:
        self.seen.append(values["mask"])
        return self.session.run(outputs, values)  # type: ignore[attr-defined]


def test_files_that_are_no_method_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(DataError, match=r"text\.onnx: not an ONNX file"):
        onnx_method(tmp_path / "text.onnx")
    with pytest.raises(DataError, match=r"none\.onnx: not an ONNX file"):
        onnx_method(tmp_path / "none.onnx")
    wide = made(tmp_path / "wide.onnx", "float", [node("Identity", "image", "result")], channels=(3, 3))
    with pytest.raises(DataError, match="expected inputs picture"):
        onnx_method(wide)


def test_a_result_of_another_shape_is_refused(pair: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    file = made(tmp_path / "a.onnx", "float", [onnx.helper.make_node("Concat", ["image", "image"], ["result"], axis=2)])
    with pytest.raises(DataError, match="expected a picture of shape"):
        onnx_method(file)(*pair)


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> ModuleType:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(onnx_files, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"showface\[onnx\]"):
        opened(tmp_path / "a.onnx")
