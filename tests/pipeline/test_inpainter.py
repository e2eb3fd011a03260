from __future__ import annotations

import copy
import threading
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from showface import weights
from showface.errors import ImageError, MaskError, SettingError, WeightsError
from showface.images import to_tensor, write_image
from showface.lean.form import LeanForm
from showface.lean.mdrnets import lean
from showface.masks import draw_free_form, mask_tensor
from showface.networks.mdrnets import MDRNets, MDRNetsConfig, MDRNetsOutput
from showface.photo.align import TEMPLATE, TEMPLATE_BOX, take
from showface.photo.confidence import TOO_SMOOTH
from showface.photo.find_faces import Face, FaceFinder
from showface.photo.mirror import Mirror
from showface.photo.photograph import Photo
from showface.photo.put_back import put_back
from showface.photo.symmetry import Places
from showface.pipeline import SIDE, FaceInpainter, levels

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (48, 40, 3), dtype=np.uint8)
HOLE = draw_free_form(RNG, (48, 40), (0.2, 0.3))


@pytest.fixture(scope="module")
def inpaint(tiny_weights: Path) -> FaceInpainter:
    """Without a detector, so that results do not depend on what is in the cache; how faces are chosen is photo's."""
    return FaceInpainter.from_pretrained(tiny_weights, device="cpu", detector="off")


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
    """At the networks' own size, without a feather, the masked pixels are those of `completed`, to the level."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    hole = np.zeros((SIDE, SIDE), dtype=bool)
    hole[40:190, 70:180] = hole[10:240, 30:33] = True  # a thin one, too
    output = inpaint.complete(to_tensor(pixels), mask_tensor(hole))
    expected = ((output.completed[0] + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(inpaint(pixels, hole, feather=0, mirror="off")), expected)
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

    inpaint = FaceInpainter(tiny_network, device="cpu", detector="off")
    inpaint.completer.network = Ramp()  # type: ignore[assignment]
    width = 700
    ramp = ((np.arange(width) + 0.5) / width * 255).round().astype(np.uint8)
    pixels = np.broadcast_to(ramp[None, :, None], (width, width, 3)).copy()
    hole = draw_free_form(np.random.default_rng(0), width, (0.3, 0.4))
    for feather in (None, 0):
        result = np.asarray(inpaint(pixels, hole, feather=feather, mirror="off")).astype(int)
        off = abs(result - pixels)[hole]
        assert off.max() <= 4 and off.mean() < 0.7  # the ramp's own steps of a level come back as grain


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


# ------------------------------------------------------------------ precision


def with_or_without_bfloat16(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    """As if the processor had it, or not; torch emulates it everywhere."""
    for module in ("pipeline.completer", "pipeline.devices", "lean.precision"):
        monkeypatch.setattr(f"showface.{module}.computes_bf16", lambda device: there)


def test_bfloat16_is_asked_for_and_changes_little(tiny_network: MDRNets, monkeypatch: pytest.MonkeyPatch) -> None:
    with_or_without_bfloat16(monkeypatch, True)
    network = other_network(tiny_network)
    exact = np.asarray(FaceInpainter(network, device="cpu", detector="off")(PIXELS, HOLE)).astype(int)
    for precision in ("bfloat16", "auto"):
        inpaint = FaceInpainter(network, device="cpu", detector="off", precision=precision)
        assert inpaint.precision == "bfloat16"
        off = abs(np.asarray(inpaint(PIXELS, HOLE)).astype(int) - exact)
        assert 0 < off[HOLE].max() <= 4 and off[~HOLE].max() == 0, precision


def test_bfloat16_that_is_not_there_is_an_error_and_auto_does_without(
    tiny_network: MDRNets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_or_without_bfloat16(monkeypatch, False)
    with pytest.raises(SettingError, match="bfloat16 was asked for, but this cpu would only emulate it; use auto"):
        FaceInpainter(tiny_network, device="cpu", precision="bfloat16")
    with pytest.raises(SettingError, match="did you mean 'float32'"):
        FaceInpainter.from_pretrained(device="cpu", precision="float23")
    assert FaceInpainter(tiny_network, device="cpu", precision="auto").precision == "float32"


# ------------------------------------------------------------------ the lean form


def other_network(network: MDRNets) -> MDRNets:
    """The same with another coarse face."""
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.coarse.head.bias.add_(0.3)  # type: ignore[union-attr]
    return other


def test_the_lean_form_is_made_once_when_it_is_first_needed(
    tiny_network: MDRNets, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr("showface.lean.form.lean", lambda net, dtype: made.append(net) or lean(net, dtype))
    inpaint = FaceInpainter(tiny_network, device="cpu", detector="off")
    assert made == []
    threads = [threading.Thread(target=lambda: inpaint(PIXELS, HOLE)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [tiny_network]


def test_each_type_of_convolution_has_a_lean_form_of_its_own(tiny_network: MDRNets) -> None:
    form, rounded = LeanForm(), torch.bfloat16
    first = form.of(tiny_network)
    assert form.of(tiny_network) is first and first.refinement.full.head.weight.dtype == torch.float32
    second = form.of(tiny_network, rounded)
    assert form.of(tiny_network, rounded) is second and second.refinement.full.head.weight.dtype == rounded
    assert form.of(tiny_network) is not second


def test_another_network_has_another_lean_form(tiny_network: MDRNets) -> None:
    inpaint = FaceInpainter(tiny_network, device="cpu", detector="off")
    inpaint(PIXELS, HOLE)
    inpaint.completer.network = other = other_network(tiny_network)
    expected = FaceInpainter(other, device="cpu", detector="off")(PIXELS, HOLE)
    assert np.array_equal(inpaint(PIXELS, HOLE), expected)
    assert not np.array_equal(FaceInpainter(tiny_network, device="cpu", detector="off")(PIXELS, HOLE), expected)


def test_weights_that_are_written_to_count(tiny_network: MDRNets) -> None:
    inpaint = FaceInpainter(copy.deepcopy(tiny_network), device="cpu", detector="off")
    before = inpaint(PIXELS, HOLE)
    other = other_network(tiny_network)
    inpaint.network.load_state_dict(other.state_dict())
    after = inpaint(PIXELS, HOLE)
    assert np.array_equal(after, FaceInpainter(other, device="cpu", detector="off")(PIXELS, HOLE))
    assert not np.array_equal(after, before)


def test_both_forms_move_together(tiny_network: MDRNets) -> None:
    """To torch's "meta", which has no values, as if it were the cpu behind a full GPU."""
    inpaint = FaceInpainter(copy.deepcopy(tiny_network), device="cpu", detector="off")
    first = inpaint.lean
    inpaint.network.to("meta")
    inpaint.completer._lean.to(torch.device("meta"))
    assert inpaint.lean is first, "the service's hooks are on it"
    assert {tensor.device.type for tensor in [*first.parameters(), *first.buffers()]} == {"meta"}


# ------------------------------------------------------------------ faces of a photograph


class Known(FaceFinder):
    """Knows where the faces are."""

    def __init__(self, *faces: tuple[float, float, float]) -> None:
        self.faces = []
        for scale, left, top in faces:
            box = (np.array(TEMPLATE_BOX) * scale + np.array((left, top, left, top))).tolist()
            self.faces.append(Face((box[0], box[1], box[2], box[3]), TEMPLATE * scale + np.array((left, top)), 0.9))

    def touched(self, photo: Photo, hole: np.ndarray) -> list[Face]:
        return [face for face in self.faces if face.is_touched_by(hole)]

    def again(self, photo: Photo, face: Face) -> Face | None:
        return face


TWO = ((0.8, 20, 30), (0.5, 260, 60))  # scale, left and top of the two faces of a scene


@pytest.fixture
def two_faces(tiny_network: MDRNets, monkeypatch: pytest.MonkeyPatch) -> FaceInpainter:
    """Finds two faces, and paints what it completes red."""

    class Red(torch.nn.Module):
        config = tiny_network.config

        def forward(self, image: torch.Tensor, mask: torch.Tensor) -> MDRNetsOutput:
            output: MDRNetsOutput = tiny_network(image, mask)
            red = torch.tensor([1.0, -1, -1])[None, :, None, None]
            return MDRNetsOutput(**{**vars(output), "completed": red.where(mask > 0.5, image)})

    monkeypatch.setattr("showface.pipeline.inpainter.face_finder", lambda *, fetch: Known(*TWO))
    inpaint = FaceInpainter(tiny_network, device="cpu")
    inpaint.completer.network = Red()  # type: ignore[assignment]
    monkeypatch.setattr("showface.pipeline.inpainter.mirror_of", lambda *given: "sides differ")
    return inpaint


def scene() -> tuple[Photo, np.ndarray]:
    rng = np.random.default_rng(4)
    pixels = rng.integers(90, 110, (260, 430, 3), dtype=np.uint8)
    return Photo(pixels=pixels, mode="RGB", format="JPEG"), np.zeros((260, 430), dtype=bool)


def test_a_mask_over_two_faces_completes_both(two_faces: FaceInpainter) -> None:
    photo, hole = scene()
    hole[120:150, 100:140] = hole[110:130, 310:340] = True
    restoration = two_faces.restore(photo, hole, feather=0)
    assert restoration.faces == 2 and restoration.outside_faces == 0
    assert set(restoration.notes) <= {TOO_SMOOTH}, "random weights fill noise with what is none"
    assert restoration.mirror == ("sides differ",) * 2 and restoration.mirrored == 0
    for inner in (np.s_[125:145, 105:135], np.s_[115:125, 315:335]):
        assert abs(restoration.photo.pixels[inner].astype(int) - (255, 0, 0)).mean() < 15
    assert np.array_equal(restoration.photo.pixels[~hole], photo.pixels[~hole])


def test_the_other_face_stays_as_it_is(two_faces: FaceInpainter) -> None:
    photo, hole = scene()
    hole[110:130, 310:340] = True
    restoration = two_faces.restore(photo, hole)
    assert restoration.faces == 1 and restoration.hole_share == pytest.approx(hole.mean())
    assert np.array_equal(restoration.photo.pixels[:, :250], photo.pixels[:, :250])


def test_what_lies_outside_the_faces_is_filled_in_from_its_rim_and_that_is_said(two_faces: FaceInpainter) -> None:
    photo, hole = scene()
    hole[120:150, 100:140] = hole[240:252, 250:420] = True
    share = 12 * 170 / hole.sum()
    with pytest.warns(UserWarning, match=f"{share:.1%} of the hole lies outside the faces") as caught:
        restoration = two_faces.restore(photo, hole, feather=0)
    assert restoration.notes == tuple(str(one.message) for one in caught)
    assert len(set(restoration.notes) - {TOO_SMOOTH}) == 1
    assert restoration.outside_faces == pytest.approx(share)
    filled = restoration.photo.pixels[240:252, 250:420].astype(int)
    assert (abs(filled - 100) < 25).all(), "the colours of the rim, not the red of the networks"


def test_a_hole_across_the_border_of_a_face_has_no_seam_there(two_faces: FaceInpainter) -> None:
    photo, hole = scene()
    hole[100:180, 190:260] = True  # the first face's square ends at 224.8
    with pytest.warns(UserWarning, match="outside the faces"):
        pixels = two_faces.restore(photo, hole).photo.pixels.astype(int)
    assert abs(pixels[100:180, 225] - pixels[100:180, 224]).mean() < 20
    assert np.array_equal(pixels[~hole], photo.pixels[~hole])


def test_a_face_that_was_named_is_the_only_one(two_faces: FaceInpainter) -> None:
    photo, hole = scene()
    hole[120:150, 100:140] = True
    points = [(x, y) for x, y in (TEMPLATE * 0.8 + np.array((20, 30))).tolist()]
    found = two_faces.restore(photo, hole)
    named = two_faces.restore(photo, hole, face_points=points)
    assert [view.how for view in named.views] == ["given"]
    assert np.array_equal(found.photo.pixels, named.photo.pixels)
    by_box = two_faces.restore(photo, hole, face_box=(69, 70, 110, 147))
    assert by_box.faces == 1 and np.array_equal(by_box.photo.pixels[~hole], photo.pixels[~hole])


def test_what_each_face_has_of_its_other_side_is_told_in_order(
    two_faces: FaceInpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the two holes, of 1,200 and 600 pixels, the first is taken whole: its pixels are those of the other side."""
    xs, ys = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
    light = np.ones((SIDE, SIDE, 3), np.float32)
    asked = iter([True, False])

    def mirror_of(completed: np.ndarray, hidden: np.ndarray, *more: np.ndarray) -> Mirror | str:
        found = Mirror(Places(255 - xs, ys), light, hidden.astype(np.float32))
        return found if next(asked) else "turned head"

    monkeypatch.setattr("showface.pipeline.inpainter.mirror_of", mirror_of)
    photo, hole = scene()
    hole[120:150, 100:140] = hole[110:130, 310:340] = True
    restoration = two_faces.restore(photo, hole, feather=0)
    assert restoration.mirror == ("taken", "turned head")
    assert restoration.mirrored == pytest.approx(1200 / 1800, abs=0.06)
    assert abs(restoration.photo.pixels[125:145, 105:135].astype(int) - 100).mean() < 15, "grey, as the other side is"
    assert abs(restoration.photo.pixels[115:125, 315:335].astype(int) - (255, 0, 0)).mean() < 15, "the networks' red"


class Mistaken(Known):
    """Finds the first face by some pixels too far to the right while it is hidden, and where it is afterwards."""

    def __init__(self, away: float, *faces: tuple[float, float, float]) -> None:
        super().__init__(*faces)
        self.away, self.asked = away, 0

    def again(self, photo: Photo, face: Face) -> Face | None:
        self.asked += 1
        return Face(face.box, face.points - (self.away, 0), face.score)


@pytest.mark.parametrize(("away", "moved"), [(0.5, False), (6.0, True)])
def test_a_face_that_lies_elsewhere_than_it_seemed_is_completed_there(
    two_faces: FaceInpainter, monkeypatch: pytest.MonkeyPatch, away: float, moved: bool
) -> None:
    finder = Mistaken(away, *TWO)
    monkeypatch.setattr("showface.pipeline.inpainter.face_finder", lambda *, fetch: finder)
    photo, hole = scene()
    eye_x, eye_y = (TEMPLATE[0] * 0.8 + np.array((20, 30))).astype(int)
    hole[eye_y - 12 : eye_y + 12, eye_x - 12 : eye_x + 12] = True
    restoration = two_faces.restore(photo, hole)
    (view,) = restoration.views
    assert finder.asked == 1 and view.face is not None
    assert view.face.points[0, 0] == pytest.approx(TEMPLATE[0, 0] * 0.8 + 20 - (away if moved else 0))
    assert np.array_equal(restoration.photo.pixels[~hole], photo.pixels[~hole])


def test_faces_whose_points_show_are_not_looked_for_again(
    two_faces: FaceInpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = Mistaken(6.0, *TWO)
    monkeypatch.setattr("showface.pipeline.inpainter.face_finder", lambda *, fetch: finder)
    photo, hole = scene()
    nose_x, nose_y = (TEMPLATE[2] * 0.8 + np.array((20, 30))).astype(int)
    hole[nose_y - 8 : nose_y + 8, nose_x - 8 : nose_x + 8] = True  # the nose has no say
    two_faces.restore(photo, hole)
    two_faces.restore(photo, hole, face_box=(69, 70, 110, 147))
    assert finder.asked == 0


def test_where_no_face_is_nothing_has_another_side(inpaint: FaceInpainter) -> None:
    photo = Photo(pixels=np.tile(PIXELS, (1, 4, 1)), mode="RGB", format="PNG")
    hole = np.zeros((48, 160), dtype=bool)
    hole[10:30, 60:80] = True
    with pytest.warns(UserWarning, match="no face|region"):
        assert inpaint.restore(photo, hole).mirror == ("no face",)
    with pytest.warns(UserWarning, match="no face|region"):
        assert inpaint.restore(photo, hole, mirror="off").mirror == ("off",)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_every_kind_of_photograph_keeps_its_kind(inpaint: FaceInpainter, mode: str, depth: type) -> None:
    if (mode, depth) == ("CMYK", np.uint16):
        pytest.skip("there is no such file")
    channels = {"L": 1, "LA": 2, "RGBA": 4, "CMYK": 4}[mode]
    pixels = RNG.integers(0, np.iinfo(depth).max, (48, 40, channels), endpoint=True).astype(depth)
    photo = Photo(pixels=pixels, mode=mode, format="TIFF")  # type: ignore[arg-type]
    result = inpaint.restore(photo, HOLE).photo
    assert result.mode == mode and result.pixels.dtype == depth and result.format == "TIFF"
    assert np.array_equal(result.pixels[~HOLE], pixels[~HOLE])
    assert not np.array_equal(result.pixels[HOLE], pixels[HOLE])


def test_the_seam_is_measured(inpaint: FaceInpainter) -> None:
    photo, hole = scene()
    hole[100:160, 100:180] = True
    with pytest.warns(UserWarning, match="detector is not at hand"):
        pasted, met = (inpaint.restore(photo, hole, feather=feather).seam for feather in (0, None))
    assert met.step < pasted.step and met.usual == pasted.usual > 0


@pytest.mark.parametrize("feather", [-1, float("nan")])
def test_feathers_are_not_negative(inpaint: FaceInpainter, feather: float) -> None:
    with pytest.raises(SettingError, match="feather of 0 pixels or more"):
        inpaint(PIXELS, HOLE, feather=feather)


def test_detectors_are_these(tiny_network: MDRNets) -> None:
    with pytest.raises(SettingError, match="did you mean 'cached'"):
        FaceInpainter(tiny_network, device="cpu", detector="cache")


# ------------------------------------------------------------------ between natural and faithful


def coarse_alone(inpaint: FaceInpainter) -> FaceInpainter:
    """The same with networks whose answer is the coarse face."""

    class Coarse(torch.nn.Module):
        config = inpaint.network.config

        def forward(self, image: torch.Tensor, mask: torch.Tensor) -> MDRNetsOutput:
            output: MDRNetsOutput = inpaint.lean(image, mask)
            return MDRNetsOutput(**{**vars(output), "completed": output.coarse})

    other = FaceInpainter(inpaint.network, device="cpu", detector="off")
    other.completer.network = Coarse()  # type: ignore[assignment]
    return other


BLOCKS = Photo(pixels=np.kron(PIXELS[:40, :40], np.ones((8, 8, 1), np.uint8)), mode="RGB", format="PNG")
PATCH = np.zeros((320, 320), dtype=bool)
PATCH[120:180, 60:140] = True


@pytest.mark.usefixtures("reflecting")
@pytest.mark.parametrize("feather", [None, 0, 5])
def test_at_0_the_natural_answer_is_put_back(inpaint: FaceInpainter, feather: float | None) -> None:
    natural = inpaint.restore(BLOCKS, PATCH, feather=feather, fidelity=0)
    (view,) = natural.views
    small, hidden = take(BLOCKS, PATCH, view.frame)
    output = inpaint.complete(to_tensor(small), mask_tensor(hidden))
    mirror = inpaint.other_side(output, hidden, view=view)
    assert isinstance(mirror, Mirror)
    expected = put_back(BLOCKS, PATCH, view.frame, levels(output), hidden, feather=feather, mirror=mirror)
    assert np.array_equal(natural.photo.pixels, expected.pixels)
    assert (natural.fidelity, natural.mirror) == (0, ("taken",))
    assert natural.mirrored == pytest.approx(1, abs=0.02)


@pytest.mark.usefixtures("reflecting")
@pytest.mark.parametrize("feather", [None, 0, 5])
def test_at_1_the_coarse_face_alone_is_put_back(inpaint: FaceInpainter, feather: float | None) -> None:
    faithful = inpaint.restore(BLOCKS, PATCH, feather=feather, fidelity=1)
    expected = coarse_alone(inpaint).restore(BLOCKS, PATCH, feather=feather, mirror="off")
    assert np.array_equal(faithful.photo.pixels, expected.photo.pixels)
    assert (faithful.fidelity, faithful.mirror, faithful.mirrored) == (1, ("off",), 0)


@pytest.mark.usefixtures("reflecting")
def test_in_between_it_comes_nearer_to_the_faithful_answer_step_by_step(inpaint: FaceInpainter) -> None:
    found = [inpaint.restore(BLOCKS, PATCH, fidelity=fidelity) for fidelity in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    pictures = [one.photo.pixels.astype(int) for one in found]
    away = [np.square(picture - pictures[-1])[PATCH].mean() for picture in pictures]
    assert all(before > after for before, after in pairwise(away))
    assert all(np.array_equal(picture[~PATCH], BLOCKS.pixels[~PATCH]) for picture in pictures)
    shares = [one.mirrored / found[0].mirrored for one in found]
    assert shares == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0], abs=1e-3)
    assert [one.mirror for one in found] == [("taken",)] * 5 + [("off",)]
    assert [one.fidelity for one in found] == [0, 0.2, 0.4, 0.6, 0.8, 1]


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
def test_outside_the_hole_every_bit_stays_at_any_fidelity(inpaint: FaceInpainter, mode: str, depth: type) -> None:
    if (mode, depth) == ("CMYK", np.uint16):
        pytest.skip("there is no such file")
    channels = {"L": 1, "RGBA": 4, "CMYK": 4}[mode]
    pixels = RNG.integers(0, np.iinfo(depth).max, (48, 40, channels), endpoint=True).astype(depth)
    photo = Photo(pixels=pixels, mode=mode, format="TIFF")  # type: ignore[arg-type]
    for fidelity in (0.3, 1):
        result = inpaint.restore(photo, HOLE, fidelity=fidelity).photo.pixels
        assert result.dtype == depth and np.array_equal(result[~HOLE], pixels[~HOLE])


@pytest.mark.usefixtures("reflecting")
def test_an_aligned_face_is_mixed_as_well(inpaint: FaceInpainter) -> None:
    """For measurements, in the networks' own size and without putting back."""
    image = to_tensor(np.asarray(Image.fromarray(BLOCKS.pixels).resize((SIDE, SIDE))))
    hidden = np.zeros((SIDE, SIDE), dtype=bool)
    hidden[90:140, 50:110] = True
    mask = mask_tensor(hidden)
    natural, between, faithful = (inpaint.with_other_side(image, mask, fidelity=it) for it in (0, 0.5, 1))
    coarse = (inpaint.complete(image, mask).coarse[0].clamp(-1, 1) + 1).mul(127.5).permute(1, 2, 0).numpy()
    assert np.abs(faithful - coarse).max() < 1e-3 and np.array_equal(natural, inpaint.with_other_side(image, mask))
    away = [np.square(one - faithful)[hidden].mean() for one in (natural, between)]
    assert away[0] > away[1] > 0 and np.array_equal(between[~hidden], natural[~hidden])


def test_a_face_is_looked_for_in_its_natural_completion_whatever_the_fidelity(
    two_faces: FaceInpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []

    class Watching(Mistaken):
        def again(self, photo: Photo, face: Face) -> Face | None:
            seen.append(photo.pixels)
            return super().again(photo, face)

    monkeypatch.setattr("showface.pipeline.inpainter.face_finder", lambda *, fetch: Watching(6.0, *TWO))
    photo, hole = scene()
    eye_x, eye_y = (TEMPLATE[0] * 0.8 + np.array((20, 30))).astype(int)
    hole[eye_y - 12 : eye_y + 12, eye_x - 12 : eye_x + 12] = True
    found = [two_faces.restore(photo, hole, feather=0, fidelity=fidelity) for fidelity in (0, 0.5, 1)]
    assert np.array_equal(seen[0], seen[1]) and np.array_equal(seen[0], seen[2])
    frames = [one.views[0].frame.matrix for one in found]
    assert np.array_equal(frames[0], frames[1]) and np.array_equal(frames[0], frames[2])
    red = [(one.photo.pixels[hole].astype(int) @ (2, -1, -1)).mean() for one in found]
    assert red[0] > red[1] > red[2], "the natural answer is red"


@pytest.mark.parametrize("fidelity", [-0.1, 1.1, float("nan"), float("inf")])
def test_fidelities_are_from_0_to_1(inpaint: FaceInpainter, fidelity: float) -> None:
    with pytest.raises(SettingError, match="expected a fidelity from 0"):
        inpaint(PIXELS, HOLE, fidelity=fidelity)


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


# ------------------------------------------------------------------ weights and devices


def test_saved_and_loaded_again_it_gives_the_same(inpaint: FaceInpainter, tmp_path: Path) -> None:
    again = FaceInpainter.from_pretrained(inpaint.save_pretrained(tmp_path / "mine"), device="cpu")
    assert np.array_equal(again(PIXELS, HOLE), inpaint(PIXELS, HOLE))


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
