"""method.md §9: cosine similarity of face embeddings, on the bundled synthetic faces."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from showface.errors import ImageError, MissingExtraError
from showface.features.cache import FeatureCache
from showface.features.face_embedding import FaceEmbedding, models_folder
from showface.images import read_image, resize_image
from showface.metrics.identity import identity
from showface.weights import bundled

FACES = sorted((bundled().parent / "samples" / "faces").iterdir())[:3]


def faces(side: int = 256) -> Tensor:
    pictures = [np.array(resize_image(read_image(file), side)) for file in FACES]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def network() -> FaceEmbedding:
    pytest.importorskip("dlib", reason="needs the extra identity")
    return FaceEmbedding()


def test_the_cosine_of_two_vectors() -> None:
    """A stand-in for the network: the first two levels are the vector."""

    def first_levels(pictures: Tensor) -> Tensor:
        return pictures[:, 0, 0, :2].float()

    truth = torch.zeros(3, 3, 2, 2, dtype=torch.uint8)
    picture = truth.clone()
    truth[:, 0, 0, 0] = 10
    picture[0, 0, 0, 0], picture[1, 0, 0, 1], picture[2, 0, 0] = 200, 7, 5
    expected = torch.tensor([1, 0, 0.5**0.5], dtype=torch.float64)
    torch.testing.assert_close(identity(picture, truth, first_levels), expected)


def test_known_truths_are_not_computed_again() -> None:
    def levels(pictures: Tensor) -> Tensor:
        return pictures.float().flatten(1)

    known = FeatureCache(levels)
    picture, truth = torch.randint(0, 256, (2, 4, 3, 5, 5), dtype=torch.uint8)
    for _ in range(2):
        torch.testing.assert_close(
            identity(picture, truth, levels, truth_network=known), identity(picture, truth, levels)
        )
    assert known.computed == 4


def test_people_are_told_apart(network: FaceEmbedding) -> None:
    """The same face darker, or in half the resolution, is the same; another is not."""
    truth = faces()
    assert identity(truth, truth, network).min() == pytest.approx(1)
    darker = (truth.float() * 0.8).byte()
    assert identity(darker, truth, network).min() > 0.97
    assert identity(truth.roll(1, dims=0), truth, network).max() < 0.95


def test_neither_the_batch_nor_the_size_matters(network: FaceEmbedding) -> None:
    together = network(faces())
    alone = torch.cat([network(face[None]) for face in faces()])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5)
    smaller = network(faces(side=160))
    assert torch.nn.functional.cosine_similarity(smaller, together).min() > 0.97


def test_the_fixed_box_serves_as_well_as_dlibs_own_detector(network: FaceEmbedding) -> None:
    import dlib

    detect = dlib.get_frontal_face_detector()
    points = dlib.shape_predictor(str(models_folder() / "shape_predictor_5_face_landmarks.dat"))
    recognise = dlib.face_recognition_model_v1(str(models_folder() / "dlib_face_recognition_resnet_model_v1.dat"))
    for ours, face in zip(network(faces()), faces().permute(0, 2, 3, 1), strict=True):
        array = face.contiguous().numpy()
        (box,) = detect(array, 0)
        theirs = torch.tensor(recognise.compute_face_descriptor(array, points(array, box)), dtype=torch.float64)
        assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0) > 0.99


def test_pictures_that_are_no_aligned_faces_are_refused(network: FaceEmbedding) -> None:
    with pytest.raises(ImageError, match="square, aligned faces of at least 64 px, got 64 x 80"):
        network(torch.zeros(1, 3, 64, 80, dtype=torch.uint8))
    with pytest.raises(ImageError, match="got 32 x 32"):
        network(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingExtraError, match=r"showface\[identity\]"):
        FaceEmbedding()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"showface\[identity\]"):
        models_folder()
