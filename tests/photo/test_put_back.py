from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from showface.masks import draw_free_form
from showface.photo import put_back as module
from showface.photo.align import SIDE, Frame, take
from showface.photo.mirror import AXIS, DARK, Mirror, mirror_of
from showface.photo.mixing import Change, mixture
from showface.photo.photograph import Photo
from showface.photo.put_back import mirrored_over, put_back, tiles
from showface.photo.seam import seam_of
from showface.photo.symmetry import Places
from showface.photo.texture import texture_of
from tests.photo.drawn_face import RIGHT_EYE, drawn, foggy

RNG = np.random.default_rng(0)
SIZE = (360, 330)
HOLE = np.zeros(SIZE, dtype=bool)
HOLE[120:230, 100:240] = draw_free_form(RNG, (110, 140), (0.5, 0.6))
FRAME = Frame(np.array([[0.8, 0.1, -20.0], [-0.1, 0.8, 5.0]]))


def photo(pixels: np.ndarray) -> Photo:
    return Photo(pixels=pixels, mode="RGB", format="PNG")


def grainy(size: tuple[int, int], grain: float) -> np.ndarray:
    """A smooth shade with grain of this deviation."""
    y, x = np.mgrid[: size[0], : size[1]] / size[0]
    shade = np.stack([150 + 60 * np.sin(3 * x), 120 + 50 * np.cos(2 * y), 110 + 40 * np.sin(2 * x + y)], -1)
    noise = np.random.default_rng(5).normal(0, grain, (*size, 1))
    return np.round(np.clip(shade + noise, 0, 255)).astype(np.uint8)


def completion(taken: Photo, hole: np.ndarray, frame: Frame, offset: float = 0) -> tuple[np.ndarray, np.ndarray]:
    """What `frame` shows if the networks knew everything, but painted `offset` too bright; and what is hidden."""
    everything, _ = take(taken, np.zeros_like(hole), frame)
    _, hidden = take(taken, hole, frame)
    return np.asarray(everything, dtype=np.float32) + np.float32(offset) * hidden[..., None], hidden


# ------------------------------------------------------------------ only the hole changes


@settings(max_examples=12)
@given(
    st.integers(0, 2**32), st.sampled_from([None, 0, 7.5]), st.booleans(), st.sampled_from([np.uint8, np.uint16]),
    st.floats(-90, 90), st.floats(0.3, 3),
)  # fmt: skip
def test_outside_the_part_every_bit_stays(
    seed: int, feather: float | None, grain: bool, depth: type, degrees: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, np.iinfo(depth).max, (90, 70, 3), endpoint=True).astype(depth)
    hole = rng.random((90, 70)) < 0.4
    part = hole & (rng.random((90, 70)) < 0.7)
    turn = scale * np.exp(1j * np.radians(degrees))
    frame = Frame(np.array([[turn.real, -turn.imag, 40.0], [turn.imag, turn.real, 60.0]]))
    values = rng.uniform(0, 255, (SIDE, SIDE, 3)).astype(np.float32)
    hidden = rng.random((SIDE, SIDE)) < 0.4
    before = photo(pixels)
    after = put_back(before, hole, frame, values, hidden, part=part, feather=feather, grain=grain)
    assert after.pixels.dtype == depth
    assert np.array_equal(after.pixels[~part], pixels[~part])
    assert np.array_equal(before.pixels, pixels)


def test_without_feather_and_grain_the_completion_is_pasted() -> None:
    pixels = grainy((SIDE, SIDE), 9)
    values = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.float32)
    hole = draw_free_form(np.random.default_rng(2), SIDE, (0.3, 0.4))
    frame = Frame(np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    after = put_back(photo(pixels), hole, frame, values, hole, feather=0, grain=False)
    assert np.array_equal(after.pixels[hole], values[hole])


def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = photo(grainy(SIZE, 4))
    values, hidden = completion(taken, HOLE, FRAME, offset=20)
    whole = put_back(taken, HOLE, FRAME, values, hidden)
    monkeypatch.setattr(module, "TILE", 100)
    pieces = put_back(taken, HOLE, FRAME, values, hidden)
    difference = np.abs(whole.pixels.astype(int) - pieces.pixels)[HOLE]
    assert difference.mean() < 0.3 and np.quantile(difference, 0.99) <= 3


# ------------------------------------------------------------------ and it cannot be seen where it begins


def test_a_completion_of_another_brightness_leaves_no_step() -> None:
    taken = photo(grainy(SIZE, 0))
    values, hidden = completion(taken, HOLE, FRAME, offset=25)
    pasted = seam_of(put_back(taken, HOLE, FRAME, values, hidden, feather=0, grain=False), HOLE)
    met = put_back(taken, HOLE, FRAME, values, hidden)
    seam = seam_of(met, HOLE)
    assert pasted.step > 15 and pasted.colour > 10 and pasted.visibility > 10
    assert seam.step < seam.usual + 1 and seam.colour < 1.5
    assert np.abs(met.pixels.astype(int) - taken.pixels)[HOLE].mean() < 2


def test_a_feather_bends_the_completion_near_the_border_only() -> None:
    taken = photo(grainy(SIZE, 0))
    hole = np.zeros(SIZE, dtype=bool)
    hole[130:230, 110:220] = True
    values, hidden = completion(taken, hole, FRAME)
    values[hidden] = (values[hidden] + 40).clip(0, 255)
    plain = put_back(taken, hole, FRAME, values, hidden, feather=0, grain=False).pixels.astype(int)
    bent = put_back(taken, hole, FRAME, values, hidden, feather=10, grain=False).pixels.astype(int)
    away = np.abs(bent - plain).max(2)
    assert away[145:215, 125:205].max() <= 2, "deeper than the feather nothing is bent"
    assert away[130:132, 120:210].mean() > 25, "at the border all is"
    assert seam_of(photo(bent.astype(np.uint8)), hole).step < 4


def test_the_grain_of_the_surroundings_goes_on_in_the_hole() -> None:
    frame = Frame(np.array([[0.5, 0, 10.0], [0, 0.5, 10.0]]))
    hole = np.zeros(SIZE, dtype=bool)
    hole[130:230, 110:220] = True
    inner = np.s_[140:220, 120:210]

    def sharpness(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels[inner].astype(float), axis=1)).mean())

    for grain in (0.0, 3.0, 9.0):
        taken = photo(grainy(SIZE, grain))
        values, hidden = completion(taken, hole, frame)
        with_grain, without = (
            put_back(taken, hole, frame, values, hidden, grain=wanted).pixels for wanted in (True, False)
        )
        truth = sharpness(taken.pixels)
        assert sharpness(with_grain) == pytest.approx(truth, rel=0.2, abs=0.3)
        if grain:
            assert sharpness(without) < 0.6 * truth


def test_texture_is_copied_from_what_looks_alike() -> None:
    """Left half bright and grainy, right half dark and smooth: so are the two halves of the hole."""
    pixels = np.full((*SIZE, 3), 60, dtype=np.uint8)
    noise = np.random.default_rng(3).normal(0, 12, (SIZE[0], 165, 1))
    pixels[:, :165] = np.clip(180 + noise, 0, 255).astype(np.uint8)
    hole = np.zeros(SIZE, dtype=bool)
    hole[140:220, 100:230] = True
    taken, frame = photo(pixels), Frame(np.array([[0.5, 0, 10.0], [0, 0.5, 10.0]]))
    values, hidden = completion(taken, hole, frame)
    texture = texture_of(taken, hole, frame, values, hidden)
    assert texture is not None
    fine = texture.of((100, 140, 230, 220))
    assert fine[:, 5:50].std() > 6 and fine[:, 80:125].std() < 1.5


def test_nothing_finer_than_the_photograph_is_made_up() -> None:
    small = photo(grainy((200, 200), 5))
    frame = Frame(np.array([[1.28, 0, 0], [0, 1.28, 0]]))
    hole = np.zeros((200, 200), dtype=bool)
    hole[80:120, 80:120] = True
    values, hidden = completion(small, hole, frame)
    assert texture_of(small, hole, frame, values, hidden) is None


# ------------------------------------------------------------------ boxes and seams


def test_tiles_cover_a_window_once() -> None:
    window, covered = (10, 20, 2100, 1500), np.zeros((1500, 2100), int)
    for left, top, right, bottom in tiles(window):
        covered[top:bottom, left:right] += 1
    assert (covered[20:, 10:] == 1).all() and not covered[:20].any()


def test_a_seam_is_measured_as_it_was_made() -> None:
    pixels = np.full((60, 60, 3), 100, dtype=np.uint8)
    hole = np.zeros((60, 60), dtype=bool)
    hole[20:40, 20:40] = True
    pixels[hole] = 110
    seam = seam_of(photo(pixels), hole)
    assert (seam.step, seam.usual) == (10, 0) and seam.colour == pytest.approx(10, abs=0.1) and seam.visibility == 20
    assert seam_of(photo(pixels), np.zeros_like(hole)).step == 0


def test_grain_is_no_step_of_colour() -> None:
    hole = np.zeros((200, 200), dtype=bool)
    hole[60:140, 60:140] = True
    pixels = np.random.default_rng(0).integers(90, 110, (200, 200, 3), dtype=np.uint8)
    seam = seam_of(photo(pixels), hole)
    assert seam.visibility == pytest.approx(1, abs=0.1) and seam.colour < seam.step / 2.5


# ------------------------------------------------------------------ the other side of a face


def shades(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """RGB at continuous places of a photograph, each colour another wave of 12 pixels and more."""
    waves = (np.sin(x / 2) + np.sin(y / 3), np.sin(x / 3 - y / 2.5), np.cos(x / 2.2 + y / 4))
    return np.stack([128 + 50 * wave for wave in waves], -1)


@pytest.mark.parametrize("degrees", [0.0, 20.0, -75.0])
@pytest.mark.parametrize("scale", [0.8, 0.45])
def test_mirrored_pixels_are_the_photographs_own(degrees: float, scale: float) -> None:
    """A reflection about the frame's axis is one about a line of the photograph, to a fraction of its pixels."""
    size = (700, 640)
    ys, xs = np.mgrid[: size[0], : size[1]] + 0.5
    taken = photo(shades(xs, ys).round().astype(np.uint8))
    turn = scale * np.exp(1j * np.radians(degrees))
    shift = 128 + 128j - turn * (330 + 340j)
    frame = Frame(np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]))
    columns, rows = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
    share = ((columns - 170) ** 2 + (rows - 120) ** 2 < 35**2).astype(np.float32)
    light = np.full((SIDE, SIDE, 3), 1.2, np.float32)
    mirror = Mirror(Places(np.float32(254) - columns, rows), light, share)
    box = (0, 0, size[1], size[0])
    base = mirrored_over(np.zeros((*size, 3), np.float32), taken, frame, mirror, box)
    placed = turn * (xs + 1j * ys) + shift  # in the frame; its axis is at x = 127.5
    back = ((255 - placed.real) + 1j * placed.imag - shift) / turn
    wanted = (shades(back.real, back.imag) + DARK) * 1.2 - DARK
    inside = np.abs(placed - (170.5 + 120.5j)) < 33
    assert inside.sum() > 3000 and np.abs(base - wanted)[inside].mean() < 1.5
    assert not base[np.abs(placed - (170.5 + 120.5j)) > 38].any()
    parts = [mirrored_over(np.zeros((size[0], 320, 3), np.float32), taken, frame, mirror, (x, 0, x + 320, size[0]))
             for x in (0, 320)]  # fmt: skip
    assert np.abs(np.concatenate(parts, axis=1) - base).max() < 2  # tiles meet


def test_a_large_face_gets_an_eye_as_sharp_as_the_other() -> None:
    truth, _ = drawn()
    large = cv2.resize(truth, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    far = np.abs(np.arange(1024) + 0.5 - (AXIS + 0.5) * 4)[None]
    large += 15 * (np.sin(far * 1.1) * np.sin(np.arange(1024)[:, None] * 0.9))[..., None]  # finer than a frame holds
    taken = photo(large.clip(0, 255).round().astype(np.uint8))
    hole = cv2.resize(RIGHT_EYE.astype(np.uint8), (1024, 1024), interpolation=cv2.INTER_NEAREST) > 0
    frame = Frame(np.array([[0.25, 0.0, 0.0], [0.0, 0.25, 0.0]]))
    values, hidden = completion(taken, hole, frame)
    values = foggy(values, hidden)
    mirror = mirror_of(values, hidden, drawn()[1])
    assert isinstance(mirror, Mirror)

    def fine(result: Photo) -> float:
        """The energy of what a frame cannot hold, in the middle of the hole, by that of the truth."""
        core = cv2.erode(hole.astype(np.uint8), np.ones((41, 41))) > 0
        energies = [
            (one.rgb().astype(float) - cv2.GaussianBlur(one.rgb().astype(float), (0, 0), 3))[core].std()
            for one in (result, taken)
        ]
        return energies[0] / energies[1]

    with_mirror = put_back(taken, hole, frame, values, hidden, mirror=mirror)
    assert 0.8 < fine(with_mirror) < 1.15
    assert fine(put_back(taken, hole, frame, values, hidden, grain=False)) < 0.3
    assert (with_mirror.pixels[~hole] == taken.pixels[~hole]).all()
    for fidelity in (0.3, 0.6, 0.9):  # the texture takes over from mirrored grain
        answer = mixture(values, values, hidden, fidelity, mirror=mirror)
        between = put_back(taken, hole, frame, answer.completed, hidden, mirror=answer.mirror, change=answer.change)
        assert 0.7 < fine(between) < 1.15
        assert (between.pixels[~hole] == taken.pixels[~hole]).all()


@pytest.mark.parametrize("feather", [None, 0, 6.5])
def test_a_change_is_as_if_the_completion_had_been_another(feather: float | None) -> None:
    taken = photo(grainy(SIZE, 6))
    values, hidden = completion(taken, HOLE, FRAME)
    levels = RNG.normal(0, 20, values.shape).astype(np.float32) * hidden[..., None]
    change = Change(levels, np.zeros((SIDE, SIDE), np.float32))
    apart = put_back(taken, HOLE, FRAME, values, hidden, feather=feather, change=change).pixels.astype(int)
    at_once = put_back(taken, HOLE, FRAME, values + levels, hidden, feather=feather).pixels
    assert np.abs(apart - at_once).max() <= 1
    assert (apart == taken.pixels)[~HOLE].all()


def test_nothing_is_taken_from_beyond_the_photograph() -> None:
    """A face of which one side lies outside: its frame shows the picture's mirrored border there."""
    taken = photo(grainy((300, 300), 5))
    frame = Frame(np.array([[0.2, 0.0, 200.0], [0.0, 0.2, 100.0]]))  # its axis lies 363 pixels left of the picture
    columns, rows = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
    mirror = Mirror(
        Places(np.float32(254) - columns, rows), np.ones((SIDE, SIDE, 3), np.float32), np.ones((SIDE, SIDE), np.float32)
    )
    base = np.full((300, 300, 3), 7, np.float32)
    assert (mirrored_over(base.copy(), taken, frame, mirror, (0, 0, 300, 300)) == base).all()
