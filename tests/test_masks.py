from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from showface.errors import ImageError, MaskError
from showface.masks import (
    BUCKETS,
    binarise,
    composite,
    dilate,
    dilate_by_one,
    downsample_mask,
    draw_free_form,
    extent,
    hole_share,
    mask_of,
    mask_tensor,
    read_mask,
    resize_visible,
    thick_part,
)

MASK = np.zeros((6, 8), dtype=bool)
MASK[2:4, 3:7] = True
WHITE = MASK.astype(np.uint8) * 255


def random_mask(seed: int, height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((1, 1, height, width)) < 0.2).float()


# ------------------------------------------------------------------ reading


def alpha_only(colour: int) -> Image.Image:
    picture = Image.new("RGBA", (8, 6), (colour, colour, colour, 0))
    picture.putalpha(Image.fromarray(WHITE))
    return picture


def strokes_on_a_transparent_layer() -> Image.Image:
    """White strokes, with stray white where nothing is seen."""
    colours = np.where(MASK, 255, 20).astype(np.uint8)
    colours[0, 0] = 255
    picture = Image.fromarray(colours).convert("RGBA")
    picture.putalpha(Image.fromarray(WHITE))
    return picture


def coloured(*colour: int) -> Image.Image:
    return Image.fromarray(np.where(MASK[..., None], np.array(colour, dtype=np.uint8), np.uint8(0)))


def noisy_jpeg() -> Image.Image:
    stream = io.BytesIO()
    Image.fromarray(WHITE.repeat(5, 0).repeat(5, 1)).save(stream, "JPEG", quality=30)
    noisy = np.asarray(Image.open(stream))
    assert len(np.unique(noisy)) > 2
    return Image.fromarray(noisy)


PICTURES = {
    "8 bit": Image.fromarray(WHITE),
    "1 bit": Image.fromarray(MASK),
    "0/1": Image.fromarray(MASK.astype(np.uint8)),
    "soft": Image.fromarray(np.where(MASK, 128, 127).astype(np.uint8)),
    "rgb": coloured(255, 255, 255),
    "red": coloured(255, 0, 0),
    "palette": coloured(255, 255, 255).quantize(2),
    "alpha over black": alpha_only(0),
    "alpha over white": alpha_only(255),
    "layer": strokes_on_a_transparent_layer(),
    "opaque": Image.fromarray(WHITE).convert("RGBA"),
    "grey and alpha": Image.fromarray(WHITE).convert("LA"),
    "16 bit": Image.fromarray(np.where(MASK, 32768, 32767).astype(np.uint16)),
    "0/1 in 16 bit": Image.fromarray(MASK.astype(np.uint16)),
    "float": Image.fromarray(np.where(MASK, 0.51, 0.5).astype(np.float32)),
    "cmyk": coloured(255, 255, 255).convert("CMYK"),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_every_kind_of_mask_picture_gives_the_same_mask(kind: str) -> None:
    assert np.array_equal(mask_of(PICTURES[kind]), MASK)


@pytest.mark.parametrize("kind", ["8 bit", "1 bit", "0/1", "16 bit", "layer", "palette"])
def test_and_from_a_file(tmp_path: Path, kind: str) -> None:
    PICTURES[kind].save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    assert mask.dtype == np.bool_ and np.array_equal(mask, MASK)


def test_jpeg_noise_is_thresholded_away() -> None:
    assert np.array_equal(mask_of(noisy_jpeg()), MASK.repeat(5, 0).repeat(5, 1))


@pytest.mark.parametrize(
    "values",
    [
        MASK, WHITE, MASK.astype(np.int64), MASK.astype(np.float64), WHITE.astype(np.float32) / 255,
        MASK[..., None], np.stack([MASK] * 3, -1), np.where(MASK, 40000, 0).astype(np.uint16),
    ],
)  # fmt: skip
def test_arrays_of_every_type(values: np.ndarray) -> None:
    assert np.array_equal(binarise(values), MASK)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(4), "shape"),
        (np.zeros((2, 2, 5)), "shape"),
        (np.full((2, 2), 255.0), r"in \[0, 1\]"),
        (np.full((2, 2), np.nan), r"in \[0, 1\]"),
        (np.full((2, 2), -1.0), r"in \[0, 1\]"),
        (np.full((2, 2), "x"), "bool, integers or floats"),
    ],
)
def test_what_cannot_be_a_mask_is_refused(values: np.ndarray, reason: str) -> None:
    with pytest.raises(MaskError, match=reason):
        binarise(values)


def test_a_bad_mask_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"mask\.png"):
        read_mask(tmp_path / "mask.png")
    Image.fromarray(np.full((2, 2), 7, dtype=np.float32)).save(tmp_path / "mask.tif")
    with pytest.raises(MaskError, match=r"mask\.tif: .*\[0, 1\]"):
        read_mask(tmp_path / "mask.tif")


# ------------------------------------------------------------------ tensors


def test_mask_tensor_and_share() -> None:
    tensor = mask_tensor(MASK)
    assert tensor.shape == (1, 1, 6, 8) and tensor.dtype == torch.float32
    assert hole_share(tensor) == pytest.approx(8 / 48) == hole_share(MASK)


def test_composite_is_exact_and_deaf_to_the_other_side() -> None:
    mask = random_mask(0, 8, 8)
    known, filled = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8)
    joined = composite(known, filled, mask.expand(2, 1, 8, 8))
    hole = mask.bool().expand(2, 3, 8, 8)
    assert torch.equal(joined[hole], filled[hole]) and torch.equal(joined[~hole], known[~hole])
    assert torch.allclose(joined, (1 - mask) * known + mask * filled)
    deaf = composite(known.masked_fill(hole, torch.nan), filled.masked_fill(~hole, torch.inf), mask.expand(2, 1, 8, 8))
    assert torch.equal(deaf, joined)


def test_composite_passes_gradients_only_where_it_takes_from() -> None:
    mask = random_mask(1, 6, 6)
    known, filled = torch.randn(1, 3, 6, 6, requires_grad=True), torch.randn(1, 3, 6, 6, requires_grad=True)
    composite(known, filled, mask).sum().backward()
    assert filled.grad is not None and torch.equal(filled.grad, mask.expand(1, 3, 6, 6))
    assert known.grad is not None and torch.equal(known.grad, (1 - mask).expand(1, 3, 6, 6))


@given(st.integers(0, 99), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))
def test_a_cell_is_a_hole_if_any_pixel_is(seed: int, rows: int, columns: int, tall: int, wide: int) -> None:
    mask = random_mask(seed, rows * tall, columns * wide)
    small = downsample_mask(mask, (rows, columns))
    for y in range(rows):
        for x in range(columns):
            cell = mask[0, 0, y * tall : (y + 1) * tall, x * wide : (x + 1) * wide]
            assert small[0, 0, y, x] == cell.max()


def test_downsampling_refuses_a_size_that_does_not_divide() -> None:
    with pytest.raises(MaskError, match="6 x 8, found 4 x 4"):
        downsample_mask(mask_tensor(MASK), 4)


@given(st.integers(0, 99), st.integers(0, 3))
def test_dilation_agrees_with_a_loop(seed: int, radius: int) -> None:
    mask = random_mask(seed, 7, 9)
    grown = dilate(mask, radius)
    for y in range(7):
        for x in range(9):
            near = mask[0, 0, max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
            assert grown[0, 0, y, x] == near.max()


def test_dilate_by_one() -> None:
    dot = torch.zeros(1, 1, 5, 5)
    dot[0, 0, 2, 2] = 1
    assert dilate_by_one(dot).sum() == 9


# ------------------------------------------------------------------ resizing


@given(st.integers(0, 99), st.integers(1, 40), st.integers(1, 40), st.integers(1, 24), st.integers(1, 24))
def test_what_is_hidden_never_shows_at_another_size(
    seed: int, height: int, width: int, rows: int, columns: int
) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < 0.5
    mask[0, 0] = False
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    other = np.where(mask[..., None], 255 - pixels, pixels)
    small, small_mask = resize_visible(Image.fromarray(pixels), mask, (rows, columns))
    small_other, mask_other = resize_visible(Image.fromarray(other), mask, (rows, columns))
    assert small.size == (columns, rows) and small_mask.shape == (rows, columns)
    assert not small_mask.all()
    assert np.array_equal(small_mask, mask_other)
    assert np.array_equal(np.asarray(small)[~small_mask], np.asarray(small_other)[~small_mask])


def test_the_same_size_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    pixels, mask = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), rng.random((16, 16)) < 0.4
    same, same_mask = resize_visible(Image.fromarray(pixels), mask, (16, 16))
    assert np.array_equal(same_mask, mask) and np.array_equal(np.asarray(same)[~mask], pixels[~mask])


def test_a_flat_picture_stays_flat_beside_the_hole() -> None:
    pixels = np.full((64, 64, 3), 90, dtype=np.uint8)
    mask = np.zeros((64, 64), dtype=bool)
    mask[10:37, 21:50] = True
    pixels[mask] = 255
    small, small_mask = resize_visible(Image.fromarray(pixels), mask, (16, 16))
    assert abs(np.asarray(small)[~small_mask].astype(int) - 90).max() <= 1
    assert abs(small_mask.mean() - mask.mean()) < 0.05


# ------------------------------------------------------------------ drawing


@given(
    st.integers(0, 2**32), st.integers(1, 70), st.integers(1, 70), st.floats(0, 1), st.floats(0, 1)
)  # fmt: skip
def test_the_hole_share_lies_within_what_was_asked(seed: int, height: int, width: int, a: float, b: float) -> None:
    low, high = sorted((a, b))
    try:
        mask = draw_free_form(np.random.default_rng(seed), (height, width), (low, high))
    except MaskError:
        n = height * width
        assert not any(low <= k / n <= high for k in range(n + 1))
        return
    assert mask.shape == (height, width) and mask.dtype == np.bool_
    assert low - 1e-9 <= mask.mean() <= high + 1e-9


def test_the_share_is_uniform_within_the_range() -> None:
    rng = np.random.default_rng(0)
    shares = np.array([draw_free_form(rng, 64, (0.2, 0.4)).mean() for _ in range(200)])
    assert np.histogram(shares, bins=4, range=(0.2, 0.4))[0].min() >= 30  # 50 expected in each


def test_the_same_seed_draws_the_same_mask_and_another_another() -> None:
    first, again, other = (draw_free_form(np.random.default_rng(seed), 64, (0.2, 0.4)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_masks_are_made_of_pieces_not_of_dust() -> None:
    """Almost every hole pixel has hole around it, at every share."""
    rng = np.random.default_rng(0)
    for bucket in BUCKETS.values():
        mask = mask_tensor(draw_free_form(rng, 128, bucket))
        core = 1 - dilate_by_one(1 - mask)  # eroded by one
        assert (dilate_by_one(core) * mask).sum() / mask.sum() > 0.9


def test_an_impossible_share_is_refused() -> None:
    with pytest.raises(MaskError, match=r"no mask of 2 x 2 .* between 0\.3 and 0\.4"):
        draw_free_form(np.random.default_rng(0), 2, (0.3, 0.4))


def test_drawing_is_fast_enough_to_feed_a_training_run() -> None:
    rng, times = np.random.default_rng(0), []
    for _ in range(20):
        start = time.process_time()
        draw_free_form(rng, 256)
        times.append(time.process_time() - start)
    assert np.median(times) < 0.02  # 5 ms on an idle core


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.int64])
def test_wide_integers_beyond_one_are_refused_not_taken_for_an_empty_mask(kind: type[np.integer]) -> None:
    with pytest.raises(MaskError, match="uint8"):
        binarise(np.array([[0, 255], [0, 0]], dtype=kind))


def test_extent_is_the_smallest_rectangle_that_holds_all() -> None:
    part = np.zeros((9, 12), dtype=bool)
    assert not part[extent(part)].size
    part[2, 7] = part[6, 3] = True
    assert extent(part) == (slice(2, 7), slice(3, 8))
    assert extent(np.ones((9, 12), dtype=bool)) == (slice(0, 9), slice(0, 12))


def test_thick_parts_are_where_a_square_fits() -> None:
    """Strokes of 8 px are thin for squares of 17, a hole of 40 x 40 is thick, both for squares of 3."""
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., 20:28, :] = 1  # a stroke from border to border
    mask[..., 60:100, 60:100] = 1
    thick = thick_part(mask, 17)
    assert (thick[..., :40, :] == 0).all() and (thick[mask < 0.5] == 0).all()
    assert (thick[..., 62:98, 62:98] == 1).all() and 0 < float(thick[0, 0, 60, 60]) <= 1
    assert (thick_part(mask, 3)[..., 22:26, 5:-5] == 1).all()


def test_a_hole_at_the_border_goes_on_beyond_it() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :9, :] = 1  # 9 px are seen of it
    assert (thick_part(mask, 17)[..., :6, :] == 1).all()
    assert (thick_part(torch.ones(1, 1, 64, 64), 17) == 1).all() and (
        thick_part(torch.zeros(1, 1, 64, 64), 17) == 0
    ).all()
