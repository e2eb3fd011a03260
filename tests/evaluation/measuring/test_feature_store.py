"""Features by the hash of the pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from showface.errors import DataError
from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.runner import content_hashes


class Means:
    """A network of means that counts what it is given."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, pictures: Tensor) -> Tensor:
        self.given += len(pictures)
        return pictures.float().mean(dim=(2, 3))


def pictures(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)


def test_each_content_is_computed_once_and_comes_back_in_order(tmp_path: Path) -> None:
    network, images = Means(), pictures(4)
    hashes = content_hashes(images)
    store = FeatureStore(network, own=tmp_path / "own", shared=tmp_path / "shared")
    store.add(images[:2], hashes[:2], shared=True)
    store.add(images, hashes)
    assert network.given == 4 and len(list((tmp_path / "shared").rglob("*.npy"))) == 2
    expected = images.double().mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(store.get(hashes[::-1]), expected[::-1], rtol=1e-6)
    later = FeatureStore(network, own=tmp_path / "elsewhere", shared=tmp_path / "shared")
    assert [later.has(content) for content in hashes] == [True, True, False, False]


def test_no_part_of_a_file_is_left_and_damage_is_named(tmp_path: Path) -> None:
    images = pictures(1)
    hashes = content_hashes(images)
    store = FeatureStore(Means(), own=tmp_path, shared=tmp_path)
    store.add(images, hashes)
    assert not list(tmp_path.rglob("*.part"))
    file = next(tmp_path.rglob("*.npy"))
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(DataError, match="damaged features"):
        store.get(hashes)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("occupied")
    store = FeatureStore(Means(), own=tmp_path / "own", shared=tmp_path / "shared")
    with pytest.raises(DataError, match="cannot be written"):
        store.add(pictures(1), ["ab"])
