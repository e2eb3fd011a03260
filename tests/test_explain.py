"""The figure: it shows what the network really used, and is drawn for every variant of the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from showface.explain import Attention, attention_of, explain, explanation, reads_of
from showface.images import to_tensor
from showface.layers.correlation import unfold_patches
from showface.masks import downsample_mask, mask_tensor
from showface.networks.mdrnets import MDRNets, MDRNetsConfig
from showface.semantics import PALETTE, merge

SIDE = 64
PIXELS = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
HOLE = np.zeros((SIDE, SIDE), dtype=bool)
HOLE[20:44, 32:60] = True
COLOURS = dict(zip(merge("A").categories, PALETTE, strict=True))


def figure(network: MDRNets, hole: np.ndarray = HOLE) -> Image.Image:
    picture = Image.fromarray(PIXELS)
    photo, photo_hole = picture.resize((300, 100)), np.zeros((100, 300), dtype=bool)
    return explain(network, picture, hole, aligned=picture, photo=photo, hole=photo_hole, result=photo)


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
    found = explanation(tiny_network, picture, HOLE, aligned=picture)
    known = ~HOLE
    np.testing.assert_array_equal(np.asarray(found.completed)[known], PIXELS[known])
    assert (np.asarray(found.visible)[HOLE] == 255).all()
    sources = found.sources()
    assert found.attention is not None and sources is not None and sources.size == found.semantic_map.size
    with torch.no_grad():
        semantic_map = tiny_network(to_tensor(PIXELS), mask_tensor(HOLE)).semantic_map
    assert {colour for _, colour in found.semantic_map.getcolors() or ()} == {PALETTE[n] for n in semantic_map.unique()}
