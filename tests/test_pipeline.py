from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from showface import weights
from showface.errors import ImageError, MaskError, NonFiniteError, SettingError, ShowFaceError, WeightsError
from showface.images import to_tensor, write_image
from showface.masks import draw_free_form, mask_tensor
from showface.networks.mdrnets import MDRNets, MDRNetsConfig, MDRNetsOutput
from showface.pipeline import SIDE, FaceInpainter

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (48, 40, 3), dtype=np.uint8)
HOLE = draw_free_form(RNG, (48, 40), (0.2, 0.3))


@pytest.fixture(scope="module")
def inpaint(tiny_weights: Path) -> FaceInpainter:
    return FaceInpainter.from_pretrained(tiny_weights, device="cpu")


# ------------------------------------------------------------------ what comes out


@settings(max_examples=20)
@given(
    st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.sampled_from([(1, 2), (7, 5), (256, 256), (257, 251), (3, 2000), (400, 300)]),
    ),
    st.integers(0, 2**32),
    st.floats(0, 1),
)
def test_outside_the_mask_every_pixel_is_equal(
    inpaint: FaceInpainter, size: tuple[int, int], seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    hole = rng.random(size) < share
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if hole.all():
            with pytest.raises(MaskError):
                inpaint(pixels, hole)
            return
        result = np.asarray(inpaint(pixels, hole))
    assert result.shape == pixels.shape and result.dtype == np.uint8
    assert np.array_equal(result[~hole], pixels[~hole])


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_what_the_hole_holds_does_not_matter(inpaint: FaceInpainter, seed: int) -> None:
    other = np.where(HOLE[..., None], np.random.default_rng(seed).integers(0, 256, PIXELS.shape), PIXELS)
    assert np.array_equal(inpaint(PIXELS, HOLE), inpaint(other.astype(np.uint8), HOLE))


def test_the_hole_is_filled_by_the_networks(inpaint: FaceInpainter) -> None:
    """At the networks' own size the masked pixels are those of `completed`, to the level."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    hole = draw_free_form(rng, SIDE, (0.3, 0.4))
    output = inpaint.complete(to_tensor(pixels), mask_tensor(hole))
    expected = ((output.completed[0] + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(inpaint(pixels, hole)), expected)
    assert np.array_equal(expected[~hole], pixels[~hole])


def test_paths_pictures_and_arrays_give_the_same(inpaint: FaceInpainter, tmp_path: Path) -> None:
    write_image(tmp_path / "face.png", Image.fromarray(PIXELS))
    Image.fromarray(HOLE).save(tmp_path / "mask.png")
    expected = np.asarray(inpaint(PIXELS, HOLE))
    for image, mask in [
        (tmp_path / "face.png", tmp_path / "mask.png"),
        (str(tmp_path / "face.png"), str(tmp_path / "mask.png")),
        (Image.fromarray(PIXELS), Image.fromarray(HOLE)),
        (Image.fromarray(PIXELS).convert("RGBA"), HOLE.astype(np.float32)),
        (PIXELS, HOLE.astype(np.uint8) * 255),
    ]:
        result = inpaint(image, mask)
        assert result.mode == "RGB" and np.array_equal(np.asarray(result), expected)


def test_a_flat_face_is_resized_back_without_a_shift(tiny_network: MDRNets) -> None:
    """With networks that return a left-to-right ramp, the hole continues the visible ramp of a larger picture."""

    class Ramp(torch.nn.Module):
        def forward(self, image: torch.Tensor, mask: torch.Tensor) -> MDRNetsOutput:
            output: MDRNetsOutput = tiny_network(image, mask)
            ramp = torch.linspace(-1, 1, 2 * SIDE + 1)[1::2].expand(1, 3, SIDE, SIDE)
            return MDRNetsOutput(**{**vars(output), "completed": ramp.contiguous()})

    inpaint = FaceInpainter(tiny_network, device="cpu")
    inpaint.network = Ramp()  # type: ignore[assignment]
    width = 700
    ramp = ((np.arange(width) + 0.5) / width * 255).round().astype(np.uint8)
    pixels = np.broadcast_to(ramp[None, :, None], (300, width, 3)).copy()
    hole = draw_free_form(np.random.default_rng(0), (300, width), (0.3, 0.4))
    result = np.asarray(inpaint(pixels, hole)).astype(int)
    assert abs(result - pixels).max() <= 3


def test_the_colour_profile_stays(inpaint: FaceInpainter) -> None:
    picture = Image.fromarray(PIXELS)
    picture.info["icc_profile"] = b"profile"
    assert inpaint(picture, HOLE).info["icc_profile"] == b"profile"


def test_two_threads_give_the_same(inpaint: FaceInpainter) -> None:
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(np.asarray(inpaint(PIXELS, HOLE)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and all(np.array_equal(result, results[0]) for result in results)


def test_completing_leaves_no_trace_in_the_networks(tiny_config: MDRNetsConfig) -> None:
    network = MDRNets(tiny_config)
    network.memory.slots.normal_()
    network.memory.initialised.fill_(True)
    inpaint = FaceInpainter(network, device="cpu")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    inpaint(PIXELS, HOLE)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


# ------------------------------------------------------------------ masks that ask for nothing or too much


def test_an_empty_mask_gives_the_picture_back_with_a_warning(inpaint: FaceInpainter) -> None:
    with pytest.warns(UserWarning, match="mask is empty"):
        result = inpaint(PIXELS, np.zeros_like(HOLE))
    assert np.array_equal(np.asarray(result), PIXELS)


def test_a_full_mask_is_refused(inpaint: FaceInpainter) -> None:
    with pytest.raises(MaskError, match="whole picture"):
        inpaint(PIXELS, np.ones_like(HOLE))


def test_a_mask_of_another_size_is_refused_with_both_sizes(inpaint: FaceInpainter) -> None:
    with pytest.raises(MaskError, match="size 40 x 48, found 48 x 40"):
        inpaint(PIXELS, HOLE.T)


def test_a_mask_that_looks_inverted_is_pointed_out(inpaint: FaceInpainter) -> None:
    hole = np.ones_like(HOLE)
    hole[10:30, 10:30] = False
    with pytest.warns(UserWarning, match="is it inverted"):
        inpaint(PIXELS, hole)


# ------------------------------------------------------------------ bad inputs


@pytest.mark.parametrize(
    "image", [PIXELS.astype(np.float32), PIXELS[..., 0], PIXELS[..., :2], np.zeros((0, 4, 3), dtype=np.uint8)]
)
def test_other_arrays_are_refused(inpaint: FaceInpainter, image: np.ndarray) -> None:
    with pytest.raises(ImageError, match="expected a uint8 array"):
        inpaint(image, np.ones(image.shape[:2], dtype=bool))


def test_nan_becomes_no_picture(tiny_config: MDRNetsConfig) -> None:
    network = MDRNets(tiny_config)
    with torch.no_grad():
        for parameter in network.refinement.parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(NonFiniteError, match="weights"):
        FaceInpainter(network, device="cpu")(PIXELS, HOLE)


# ------------------------------------------------------------------ weights and devices


def test_saved_and_loaded_again_it_gives_the_same(inpaint: FaceInpainter, tmp_path: Path) -> None:
    again = FaceInpainter.from_pretrained(inpaint.save_pretrained(tmp_path / "mine"), device="cpu")
    assert np.array_equal(again(PIXELS, HOLE), inpaint(PIXELS, HOLE))
    alone = FaceInpainter.from_pretrained(tmp_path / "mine" / weights.MODEL, device="cpu")
    assert np.array_equal(alone(PIXELS, HOLE), inpaint(PIXELS, HOLE))


def test_without_a_source_the_bundled_weights_are_used(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "bundled", lambda: tiny_weights)
    assert FaceInpainter.from_pretrained().network.config.memory.slots == 4


def test_a_name_with_one_slash_is_a_hub_id(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(weights, "fetch", lambda name: asked.append(name) or tiny_weights)
    FaceInpainter.from_pretrained("someone/faces", device="cpu")
    assert asked == ["someone/faces"]


@pytest.mark.parametrize("source", ["nowhere", "a/b/c", "/tmp/none/at/all", "model.safetensors"])
def test_missing_weights_are_said(source: str) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        FaceInpainter.from_pretrained(source)


def test_devices_are_strict() -> None:
    with pytest.raises(SettingError, match="did you mean 'cuda'"):
        FaceInpainter.from_pretrained(device="cud")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none(tiny_weights: Path) -> None:
    with pytest.raises(SettingError, match="torch finds none"):
        FaceInpainter.from_pretrained(tiny_weights, device="cuda")
    assert FaceInpainter.from_pretrained(tiny_weights, device="auto").device.type == "cpu"


class Hungry(torch.nn.Module):
    """Runs out of memory the first time."""

    def __init__(self, network: MDRNets) -> None:
        super().__init__()
        self.network, self.calls = network, 0

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> MDRNetsOutput:
        self.calls += 1
        if self.calls == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        output: MDRNetsOutput = self.network(image, mask)
        return output


def test_out_of_memory_goes_on_with_the_cpu_once(tiny_network: MDRNets) -> None:
    inpaint = FaceInpainter(tiny_network, device="auto")
    inpaint.network = Hungry(inpaint.network)  # type: ignore[assignment]
    with pytest.warns(UserWarning, match="going on with the cpu"):
        result = inpaint(PIXELS, HOLE)
    assert np.array_equal(result, inpaint(PIXELS, HOLE))


def test_out_of_memory_on_the_device_that_was_asked_for_is_an_error(tiny_network: MDRNets) -> None:
    inpaint = FaceInpainter(tiny_network, device="cpu")
    inpaint.network = Hungry(tiny_network)  # type: ignore[assignment]
    with pytest.raises(ShowFaceError, match="out of memory on cpu"):
        inpaint(PIXELS, HOLE)
