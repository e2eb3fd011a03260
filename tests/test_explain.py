"""The figure: it shows what the network really used, and is drawn for every variant of the network."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from showface.explain import REASONS, Attention, OtherSideOf, attention_of, explain, explanation, reads_of
from showface.images import to_tensor
from showface.layers.correlation import unfold_patches
from showface.masks import downsample_mask, mask_tensor
from showface.networks.mdrnets import MDRNets, MDRNetsConfig
from showface.photo.mirror import Mirror, WhyNot
from showface.photo.symmetry import Places
from showface.semantics import PALETTE, merge

SIDE = 64
PIXELS = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
HOLE = np.zeros((SIDE, SIDE), dtype=bool)
HOLE[20:44, 32:60] = True
COLOURS = dict(zip(merge("A").categories, PALETTE, strict=True))


def nothing(why: WhyNot = "hidden on both sides") -> OtherSideOf:
    return lambda output, hidden: why


def figure(network: MDRNets, hole: np.ndarray = HOLE, other_side: OtherSideOf | None = None) -> Image.Image:
    picture = Image.fromarray(PIXELS).resize(hole.shape)
    photo, photo_hole = picture.resize((300, 100)), np.zeros((100, 300), dtype=bool)
    return explain(
        network, picture, hole, aligned=picture, photo=photo, hole=photo_hole, result=photo,
        other_side=other_side or nothing(),
    )  # fmt: skip


def test_the_patch_is_in_the_middle_of_the_hole_and_its_shares_are_its_row(tiny_network: MDRNets) -> None:
    image, mask = to_tensor(PIXELS), mask_tensor(HOLE)
    with torch.no_grad():
        output = tiny_network(image, mask)
        attention = attention_of(tiny_network, output, mask)
    assert attention is not None
    left, top, right, bottom = (edge * SIDE for edge in attention.patch)
    assert HOLE[int(top) : int(bottom), int(left) : int(right)].all()
    assert abs((left + right) / 2 - 46) <= 8 and abs((top + bottom) / 2 - 32) <= 8
    assert attention.shares.sum() == pytest.approx(1, abs=1e-5)
    cells = output.semantic_map.shape[1]
    patches = unfold_patches(downsample_mask(mask, cells), patch=2, stride=2).shape[1]
    assert attention.shares.size == patches


def test_every_category_that_occurs_tells_how_much_of_it_is_hidden(tiny_network: MDRNets) -> None:
    mask = mask_tensor(HOLE)
    with torch.no_grad():
        output = tiny_network(to_tensor(PIXELS), mask)
    reads = reads_of(output, mask, COLOURS)
    occurring = output.semantic_map.unique().tolist()
    assert [read.name for read in reads] == [merge("A").categories[number] for number in occurring]
    hidden = downsample_mask(mask, output.semantic_map.shape[1])[0, 0] > 0
    for read, number in zip(reads, occurring, strict=True):
        cells = output.semantic_map[0] == number
        assert read.hidden == pytest.approx(float(hidden[cells].float().mean()), abs=1e-6)


def test_the_figure_is_drawn(tiny_network: MDRNets) -> None:
    sheet = figure(tiny_network)
    assert sheet.mode == "RGB" and sheet.width > 1500 and 500 < sheet.height < 900
    assert len(sheet.resize((200, 80)).getcolors(1 << 16) or ()) > 500


def test_without_memory_or_correlation_their_part_stays_empty(tiny_config: MDRNetsConfig) -> None:
    for config in (
        replace(tiny_config, use_mask_region=False),
        replace(tiny_config, use_mask_region=False, use_memory=False),
    ):
        network = MDRNets(config).eval()
        with torch.no_grad():
            output = network(to_tensor(PIXELS), mask_tensor(HOLE))
            assert attention_of(network, output, mask_tensor(HOLE)) is None
        assert figure(network).width > 1500


def test_an_empty_and_a_full_hole_can_be_drawn(tiny_network: MDRNets) -> None:
    for hole in (np.zeros_like(HOLE), np.ones_like(HOLE)):
        assert figure(tiny_network, hole).width > 1500


def test_shares_of_nothing_are_no_division_by_zero() -> None:
    from showface.explain import _heated

    picture = _heated(Image.fromarray(PIXELS), Attention(np.zeros((4, 4), np.float32), (0.25, 0.25, 0.5, 0.5)))
    assert picture.size == (256, 256)


def test_the_pictures_of_an_explanation_are_what_the_network_computed(tiny_network: MDRNets) -> None:
    picture = Image.fromarray(PIXELS)
    found = explanation(tiny_network, picture, HOLE, aligned=picture, other_side=nothing())
    known = ~HOLE
    np.testing.assert_array_equal(np.asarray(found.completed)[known], PIXELS[known])
    assert (np.asarray(found.visible)[HOLE] == 255).all()
    sources = found.sources()
    assert found.attention is not None and sources is not None and sources.size == found.semantic_map.size
    with torch.no_grad():
        semantic_map = tiny_network(to_tensor(PIXELS), mask_tensor(HOLE)).semantic_map
    assert {colour for _, colour in found.semantic_map.getcolors() or ()} == {PALETTE[n] for n in semantic_map.unique()}


# ------------------------------------------------------------------ the other side of the face

WIDE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8))
EYE = np.zeros((256, 256), dtype=bool)
EYE[90:130, 60:110] = True


def mirror(share: float) -> Mirror:
    """About the middle of the picture, in the light as it is, `share` of what `EYE` hides."""
    xs, ys = np.meshgrid(np.arange(256, dtype=np.float32), np.arange(256, dtype=np.float32))
    return Mirror(Places(255 - xs, ys), np.ones((256, 256, 3), np.float32), np.float32(share) * EYE)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_what_was_taken_stands_in_colour_on_the_faded_face(tiny_network: MDRNets, share: float) -> None:
    found = explanation(tiny_network, WIDE, EYE, aligned=WIDE, other_side=lambda output, hidden: mirror(share))
    other = found.other_side
    assert (
        other.found == "taken" and other.share == pytest.approx(share) and other.words() == f"{share:.0%} of the hole"
    )
    shown = np.asarray(other.picture).astype(float)
    mirrored = np.asarray(WIDE)[:, ::-1].astype(float)
    faded = explanation(tiny_network, WIDE, EYE, aligned=WIDE, other_side=nothing()).other_side.picture
    expected = share * mirrored + (1 - share) * np.asarray(faded)
    assert np.abs(shown - expected)[EYE].max() <= 1.5
    assert (shown == np.asarray(faded))[~EYE].all()


def test_the_face_below_is_grey_and_pale_and_nothing_stands_where_nothing_was_taken(tiny_network: MDRNets) -> None:
    faded = np.asarray(explanation(tiny_network, WIDE, EYE, aligned=WIDE, other_side=nothing()).other_side.picture)
    assert (faded[EYE] == 255).all() and faded.min() >= 160
    assert (faded[..., :1] == faded).all()
    grey = np.asarray(WIDE.convert("L")).astype(float)
    assert np.corrcoef(grey[~EYE], faded[..., 0][~EYE])[0, 1] > 0.999


def test_the_networks_completion_stays_theirs(tiny_network: MDRNets) -> None:
    one, other = (
        explanation(tiny_network, WIDE, EYE, aligned=WIDE, other_side=side)
        for side in (nothing(), lambda output, hidden: mirror(1.0))
    )
    assert (np.asarray(one.completed) == np.asarray(other.completed)).all()


def test_every_reason_has_words(tiny_network: MDRNets) -> None:
    assert set(REASONS) == set(get_args(WhyNot))
    for why, words in REASONS.items():
        found = explanation(tiny_network, Image.fromarray(PIXELS), HOLE, aligned=WIDE, other_side=nothing(why))
        assert (found.other_side.found, found.other_side.share) == (why, 0) and found.other_side.words().endswith(words)


def test_the_figure_has_a_place_for_the_other_side(tiny_network: MDRNets) -> None:
    """It differs there alone, whether something was taken, and in the words below."""
    sheets = [figure(tiny_network, EYE, side) for side in (nothing(), nothing("turned head"), lambda *_: mirror(1.0))]
    none, other, taken = (np.asarray(sheet).astype(int) for sheet in sheets)
    assert none.shape == taken.shape
    for sheet in (other, taken):
        rows, columns = np.nonzero((none != sheet).any(axis=2))
        assert len(rows) and columns.min() > 4 * 270 and columns.max() < 18 + 5 * 270 and rows.min() > 300
    assert (none != other).any(axis=2).sum() < 3000 < (none != taken).any(axis=2).sum(), "words, and a picture"
