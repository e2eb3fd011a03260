"""MDRNets as one ONNX file, for programs without Python or PyTorch (extra `onnx`).

    image   float32 (batch, 3, size, size), RGB in [-1, 1]; what the hole's pixels hold does not matter
    mask    float32 (batch, 1, size, size), 1 = hole
    result  float32 (batch, 3, size, size), the image where the mask is 0, bit by bit, completed where it is 1

What is exported is the lean form (`lean/mdrnets.py`); the batch is free, the size is not. Before anything is written
onnxruntime runs the file on pictures of its own, and what comes out is held to what the network gives.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from showface.errors import MissingExtraError, SettingError, ShowFaceError, unknown
from showface.lean.mdrnets import lean
from showface.networks.mdrnets import MDRNets
from showface.weights import write_whole

OPSET = 18  # onnxruntime 1.14 and later; the oldest that PyTorch's exporter writes without conversion
TOLERANCE = 1e-3  # of [-1, 1]: an eighth of a level of 255
SMALL = 1024  # values; tensors of fewer stay float32
Numbers = Literal["float32", "float16", "int8"]


def export_onnx(
    network: MDRNets,
    file: Path,
    *,
    size: int = 256,
    numbers: Numbers = "float32",
    tolerance: float = TOLERANCE,
    facts: dict[str, str] | None = None,
) -> float:
    """Writes `network` to `file` once it is known to equal it; returns the largest difference found, of [-1, 1].

    `numbers` is how weights are stored; computed is in float32 always. `facts` are kept in the file's metadata.
    Raises `ShowFaceError`, and writes nothing, if the difference is above `tolerance`.
    """
    if numbers not in get_args(Numbers):
        raise SettingError(unknown("way to store weights", numbers, get_args(Numbers)))
    if size < 1 or size % network.multiple:
        raise SettingError(f"expected a size that is a multiple of {network.multiple} pixels, got {size}")
    model = stored(traced(network, size), numbers)
    _describe(model, {"numbers": numbers, **(facts or {})})
    content: bytes = model.SerializeToString()
    found = difference(network, content, size)
    if not found <= tolerance:
        raise ShowFaceError(
            f"{file}: the exported network differs from its original by {found:.1e} of [-1, 1], more than "
            f"{tolerance:.0e}; nothing was written"
        )
    write_whole(file, content)
    return found


class Completion(nn.Module):
    """Picture and mask to the completed picture alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        completed: Tensor = self.network(image, mask).completed
        return completed


def traced(network: MDRNets, size: int) -> Any:
    """The ONNX model of `network`, of any batch."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        _extra(package)
    batch = torch.export.Dim("batch")
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            Completion(lean(network)).eval(),
            trial_pictures(2, size),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=["image", "mask"],
            output_names=["result"],
            dynamic_shapes={"image": {0: batch}, "mask": {0: batch}},
        )
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what PyTorch's exporter tells about itself: the result is tested, not trusted."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        log.setLevel(level)


def _describe(model: Any, facts: dict[str, str]) -> None:
    """What people who open the file should know, in the file."""
    model.producer_name = "showface"
    model.doc_string = (
        "Face completion. image: RGB in [-1, 1], NCHW; mask: 1 = hole; result: the image with the hole completed."
    )
    entry = model.metadata_props.add()
    entry.key, entry.value = "showface", json.dumps(facts, sort_keys=True)


# ---------------------------------------------------------------------------------------------- storing


def stored(model: Any, numbers: Numbers) -> Any:
    """`model` with its large kernels as `numbers`, and in front of the graph what makes them float32 again.

    `int8` has a scale for each output channel.
    """
    if numbers == "float32":
        return model
    onnx = _extra("onnx")
    steps, values, axes = [], [], _output_axes(model)
    for tensor in model.graph.initializer:
        name, array = tensor.name, onnx.numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < SMALL or name not in axes:
            values.append(tensor)
        elif numbers == "float16":
            values.append(onnx.numpy_helper.from_array(array.astype(np.float16), f"{name}.half"))
            steps.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=1))
        else:
            whole, scale = quantised(array, axes[name])
            values.append(onnx.numpy_helper.from_array(whole, f"{name}.whole"))
            values.append(onnx.numpy_helper.from_array(scale, f"{name}.scale"))
            steps.append(onnx.helper.make_node("Cast", [f"{name}.whole"], [f"{name}.float"], to=1))
            steps.append(onnx.helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]))
    nodes = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(values)
    model.graph.node.extend(steps + nodes)
    return model


def _output_axes(model: Any) -> dict[str, int]:
    """The kernels of all convolutions by name, and which of their axes counts the output channels."""
    axes = {"Conv": 0, "ConvTranspose": 1}
    return {node.input[1]: axes[node.op_type] for node in model.graph.node if node.op_type in axes}


def quantised(kernel: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """int8 and float32 scales, whose product is nearest to `kernel`; a scale for each index of `axis`."""
    others = tuple(i for i in range(kernel.ndim) if i != axis)
    scale = np.abs(kernel).max(axis=others, keepdims=True) / 127
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.clip(np.round(kernel / scale), -127, 127).astype(np.int8), scale


# ---------------------------------------------------------------------------------------------- comparing


def difference(network: MDRNets, content: bytes, size: int) -> float:
    """The largest difference between `network` and the ONNX file `content` over batches of one and of three."""
    session = session_of(content)
    found = 0.0
    for count in (1, 3):
        images, masks = trial_pictures(count, size)
        with torch.no_grad():
            expected = network(images, masks).completed
        result = session.run(None, {"image": images.numpy(), "mask": masks.numpy()})[0]
        gap = float(np.abs(result - expected.numpy()).max()) if result.shape == expected.shape else float("inf")
        found = max(found, gap) if np.isfinite(gap) else float("inf")
    return found


def session_of(content: bytes) -> Any:
    """What runs the ONNX file `content` on the CPU, as parallel as torch is."""
    runtime = _extra("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def trial_pictures(count: int, size: int) -> tuple[Float[Tensor, "b 3 s s"], Float[Tensor, "b 1 s s"]]:
    """Soft colours with some grain, 0 where hidden, under a blob and strokes, nothing, nearly everything, in turn."""
    random = torch.Generator().manual_seed(count)
    soft = F.interpolate(torch.rand(count, 3, 8, 8, generator=random), size=(size, size), mode="bicubic")
    images = (soft * 2 - 1 + 0.05 * torch.randn(soft.shape, generator=random)).clamp(-1, 1)
    masks = torch.zeros(count, 1, size, size)
    third = size // 3
    masks[::3, :, third : 2 * third, third:-third] = 1
    masks[::3, :, :, third // 2 : third // 2 + max(1, size // 32)] = 1
    masks[2::3, :, third // 4 :, third // 4 :] = 1
    return images * (1 - masks), masks


def _extra(package: str) -> Any:
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"ONNX files need {package}: pip install 'showface[onnx]'") from error
