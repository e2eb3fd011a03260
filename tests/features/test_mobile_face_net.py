"""MobileFaceNet: the cut-out, faces two at a time, and, where the weights are in the cache, what it says of faces."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from showface import assets
from showface.errors import ImageError, MissingExtraError
from showface.features import mobile_face_net as module
from showface.features.mobile_face_net import ALIGNED, ARCFACE, MobileFaceNet, network_input, similarity
from showface.images import read_image, resize_image
from showface.photo.align import TEMPLATE
from showface.weights import bundled


class FakeInterpreter:
    """Takes exactly two faces; a vector is a face's first 192 numbers."""

    def __init__(self, model_path: str, num_threads: int) -> None:
        self.calls = 0

    def allocate_tensors(self) -> None: ...

    def get_input_details(self) -> list[dict[str, int]]:
        return [{"index": 3}]

    def get_output_details(self) -> list[dict[str, int]]:
        return [{"index": 5}]

    def set_tensor(self, index: int, signal: np.ndarray) -> None:
        assert index == 3 and signal.shape == (2, 112, 112, 3) and signal.dtype == np.float32
        self.signal = signal

    def invoke(self) -> None:
        self.calls += 1

    def get_tensor(self, index: int) -> np.ndarray:
        assert index == 5
        return self.signal.reshape(2, -1)[:, :192]


def test_the_alignments_points_are_those_that_photographs_are_brought_to() -> None:
    assert np.array_equal(np.array(ALIGNED), TEMPLATE)


def test_a_similarity_is_found_again() -> None:
    turn = np.array(((0.4, -0.3, 5.0), (0.3, 0.4, -2.0)))
    moved = tuple(map(tuple, (np.array(ALIGNED) @ turn[:, :2].T + turn[:, 2]).tolist()))
    assert np.allclose(similarity(ALIGNED, moved), turn)


def test_the_eyes_lie_where_arcface_has_them() -> None:
    """White squares round the alignment's eyes come out round ArcFace's; the sides keep to the range."""
    picture = torch.zeros(1, 3, 256, 256, dtype=torch.uint8)
    for x, y in ALIGNED[:2]:
        picture[..., round(y) - 4 : round(y) + 4, round(x) - 4 : round(x) + 4] = 255
    cut = network_input(picture)[0, ..., 0]
    assert cut.min() == pytest.approx(-127.5 / 128) and 0.9 < cut.max() < 0.997
    for (x, y), half in zip(ARCFACE[:2], (slice(0, 56), slice(56, 112)), strict=True):
        ys, xs = np.nonzero(cut[:, half] > 0)
        assert abs(xs.mean() + 0.5 + half.start - x) < 2 and abs(ys.mean() + 0.5 - y) < 2


def test_a_face_of_another_size_gives_the_same_cut_out() -> None:
    ramp = torch.linspace(0, 255, 512).to(torch.uint8).expand(1, 3, 512, 512)
    small = torch.nn.functional.avg_pool2d(ramp.float(), 2).round().to(torch.uint8)
    assert np.abs(network_input(ramp) - network_input(small)).max() < 0.03


@pytest.mark.parametrize("count", [1, 2, 5])
def test_faces_go_in_by_twos(count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(module, "_interpreter", lambda: FakeInterpreter)
    network = MobileFaceNet(bundled())
    faces = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 3, 128, 128)).astype(np.uint8))
    vectors = network(faces)
    assert vectors.shape == (count, 192)
    assert np.array_equal(vectors.numpy(), network_input(faces).reshape(count, -1)[:, :192])


def test_what_is_no_aligned_face_is_refused() -> None:
    for shape in ((1, 3, 128, 100), (1, 3, 32, 32)):
        with pytest.raises(ImageError, match=f"expected square, aligned faces .* found {shape[2]} x {shape[3]}"):
            network_input(torch.zeros(shape, dtype=torch.uint8))


def test_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MissingExtraError, match=r"showface\[evaluate\]"):
        MobileFaceNet.pretrained()


def test_a_face_is_like_itself_and_others_are_not() -> None:
    pytest.importorskip("ai_edge_litert", reason="needs the extra evaluate")
    if not (assets.cache_folder() / assets.ASSETS["mobilefacenet"].file).exists():
        pytest.skip("the MobileFaceNet weights are not in the cache folder")
    files = sorted((bundled().parent / "samples" / "faces").iterdir())[:3]
    faces = torch.from_numpy(np.stack([np.array(resize_image(read_image(file), 256)) for file in files]))
    faces = faces.permute(0, 3, 1, 2)
    softer = torch.nn.functional.avg_pool2d(faces.float(), 3, 1, 1).to(torch.uint8)
    network = MobileFaceNet.pretrained()
    vectors, others = network(faces), network(softer)
    assert (cosine_similarity(vectors, others) > 0.8).all()
    assert (cosine_similarity(vectors, others.roll(1, 0)) < 0.6).all()
