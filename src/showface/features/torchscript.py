"""The tensors of a TorchScript file, read without running the program in it."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from showface.errors import AssetError


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Parameters and buffers by their full names, in the file's order.

    Raises `AssetError` if the file holds anything but modules, plain values and float32 tensors.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(index) as stream:
                content = _TensorUnpickler(stream, archive, index.removesuffix(".pkl")).load()
    except (
        pickle.UnpicklingError, zipfile.BadZipFile, EOFError, OSError, ValueError, TypeError, LookupError, RuntimeError,
        AttributeError,
    ) as error:  # fmt: skip
        raise AssetError(f"{file}: expected a TorchScript file of float32 tensors ({error}); delete it") from error
    return dict(_walk(content, ""))


class _Module:
    """Stands for any module: its members are its attributes."""


class _TensorUnpickler(pickle.Unpickler):
    """Admits modules, as `_Module`, and float32 tensors; all else that a pickle can do is refused."""

    def __init__(self, stream: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(stream)
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "__torch__":
            return _Module
        known = {
            ("torch", "FloatStorage"): "float32",
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch.jit._pickle", "build_intlist"): list,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is not admitted")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Tensor:
        """("storage", type, key, device, number of values): the values lie in a file of their own."""
        return torch.frombuffer(bytearray(self.archive.read(f"{self.folder}/{pid[2]}")), dtype=torch.float32)


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object) -> Tensor:
    return storage.as_strided(size, stride, offset).clone()


def _walk(content: object, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Depth first, members in their order."""
    members: Mapping[str, object] = vars(content) if isinstance(content, _Module) else {}
    for name, value in members.items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        yield from _walk(value, f"{prefix}{name}.")
