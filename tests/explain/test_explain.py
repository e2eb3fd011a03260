"""The figure: it shows what the network really used, and is drawn for every variant of the network."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from showface.explain import OtherSideOf, explain, explanation
from showface.explain.findings import REASONS, Attention
from showface.explain.network import _apart, attention_of, reads_of
from showface.explain.pictures import NEEDLE, heated, needled
from showface.images import to_tensor
from showface.layers.correlation import unfold_patches
from showface.masks import downsample_mask, mask_tensor
from showface.networks.mask_region_enhanced import MaskRegionEnhanced
from showface.networks.mdrnets import MDRNets, MDRNetsConfig
from showface.networks.sources import Sources
from showface.photo.mirror import Mirror, WhyNot
from showface.photo.symmetry import Places
from showface.semantics import CATEGORIES, PALETTE

SIDE = 64
PIXELS = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
HOLE = np.zeros((SIDE, SIDE), dtype=bool)
HOLE[20:44, 32:60] = True


def nothing(why: WhyNot = "hidden on both sides") -> OtherSideOf:
    return lambda output, hidden: why


def figure(
    network: MDRNets, hole: np.ndarray = HOLE, other_side: OtherSideOf | None = None, further: Sources | None = None
) -> Image.Image:
    picture = Image.fromarray(PIXELS).resize(hole.shape)
    photo, photo_hole = picture.resize((300, 100)), np.zeros((100, 300), dtype=bool)
    return explain(
        network, picture, hole, aligned=picture, photo=photo, hole=photo_hole, result=photo,
        other_side=other_side or nothing(), further=further,
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
    reads = reads_of(tiny_network, output, mask)
    occurring = output.semantic_map.unique().tolist()
    assert [read.name for read in reads] == [CATEGORIES[number] for number in occurring]
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
    picture = heated(Image.fromarray(PIXELS), np.zeros((4, 4), np.float32), (0.25, 0.25, 0.5, 0.5))
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


# ------------------------------------------------------------------ sources


def views(count: int = 1) -> Sources:
    """Other pictures of the person, the upper rows hidden."""
    hidden = torch.zeros(1, count, 1, SIDE, SIDE)
    hidden[..., :16, :] = 1
    return Sources(torch.rand(1, count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(4)) * 2 - 1, hidden)


@pytest.mark.parametrize("count", [0, 2])
def test_the_shares_are_those_by_which_the_network_mines(
    sourced_network: MDRNets, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the patch that is shown, in the picture of which most is taken."""
    given: list[tuple[torch.Tensor, ...]] = []
    forward = MaskRegionEnhanced.forward

    def noted(self: MaskRegionEnhanced, *inputs: torch.Tensor) -> torch.Tensor:
        given.append(inputs)
        return forward(self, *inputs)

    image, mask = to_tensor(PIXELS), mask_tensor(HOLE)
    monkeypatch.setattr(MaskRegionEnhanced, "forward", noted)
    with torch.no_grad():
        output = sourced_network(image, mask, views(count))
        attention = attention_of(sourced_network, output, mask, views(count))
        shares = sourced_network.mask_region.shares(*given[0])[0]
    assert attention is not None
    cells = output.semantic_map.shape[1] // 2  # patches of 2 x 2 cells, in a row and in a column
    left, top = (round(edge * cells) for edge in attention.patch[:2])
    pictures = shares[top * cells + left].reshape(2 + count, cells, cells)
    totals = pictures.sum(dim=(1, 2))
    assert attention.picture == int(totals.argmax()) and attention.total == pytest.approx(float(totals.max()), abs=1e-5)
    np.testing.assert_allclose(attention.shares, pictures[attention.picture].numpy(), atol=1e-6)


def test_stacked_shares_are_taken_apart_by_where_their_patches_begin() -> None:
    """Patches of two cells at every cell of two pictures three cells high: the fifth begins in the second picture."""
    rows = np.arange(5)[:, None] * np.ones((1, 2))
    first, second = _apart(rows, 1, 3)
    assert first[:, 0].tolist() == [0, 1, 2] and second[:, 0].tolist() == [3, 4]
    (alone,) = _apart(rows, 2, 10)
    assert len(alone) == 5


@pytest.mark.parametrize(
    ("attention", "words"),
    [
        (Attention(np.full((4, 4), 1 / 16), (0.0, 0.0, 1.0, 1.0)), "largest share 6.25%, 1.0 times the mean"),
        (Attention(np.full((2, 2), 0.2), (0.0, 0.0, 1.0, 1.0), 1, 0.8), "mirror image: 80% in all, up to 20.00%"),
        (Attention(np.full((2, 2), 0.2), (0.0, 0.0, 1.0, 1.0), 3, 0.8), "source 2: 80% in all, up to 20.00%"),
        (Attention(np.full((2, 2), 0.1), (0.0, 0.0, 1.0, 1.0), 0, 0.4), "the face: 40% in all, up to 10.00%"),
    ],
)
def test_the_picture_that_heat_is_drawn_on_is_named(attention: Attention, words: str) -> None:
    assert attention.words() == words


def test_what_the_person_answers_is_no_read_of_slots(sourced_network: MDRNets) -> None:
    with torch.no_grad():
        output = sourced_network(to_tensor(PIXELS), mask_tensor(HOLE))
    reads = reads_of(sourced_network, output, mask_tensor(HOLE))
    seen = [read for read in reads if read.hidden < 1]
    assert seen and all(read.personal and not read.weights.any() for read in seen)
    assert {read.words() for read in seen} == {"none: what is seen of the person answered"}
    with torch.no_grad():
        unseen = sourced_network(to_tensor(PIXELS), torch.ones(1, 1, SIDE, SIDE))
    slots = [read for read in reads_of(sourced_network, unseen, torch.ones(1, 1, SIDE, SIDE)) if read.weights.any()]
    assert slots and not any(read.personal for read in slots)


def test_what_the_sources_show_is_what_the_network_brought(sourced_network: MDRNets) -> None:
    picture, mask = Image.fromarray(PIXELS), mask_tensor(HOLE)
    found = explanation(sourced_network, picture, HOLE, aligned=picture, other_side=nothing(), further=views())
    with torch.no_grad():
        aligned = sourced_network(to_tensor(PIXELS), mask, views()).aligned
    assert found.brought is not None and aligned is not None
    shown = (aligned.face[0].permute(1, 2, 0).numpy() + 1) * 127.5
    assert np.abs(np.asarray(found.brought.face) - shown.clip(0, 255)).max() <= 0.51
    np.testing.assert_array_equal(np.asarray(found.brought.face)[~HOLE], PIXELS[~HOLE])
    trusted = aligned.confidence[0, :, 0].numpy()[:, HOLE].mean(axis=1)
    assert found.brought.source == trusted.argmax() + 1
    assert found.brought.confidence == pytest.approx(trusted.max(), abs=1e-5)
    assert found.brought.share == pytest.approx(float(aligned.share[0, 0].numpy()[HOLE].mean()), abs=1e-5)
    flow = aligned.flow[0, found.brought.source - 1].numpy() * SIDE
    assert 0 < found.brought.farthest <= np.hypot(*flow).max() + 1e-5
    assert explanation(
        sourced_network, picture, np.zeros_like(HOLE), aligned=picture, other_side=nothing("nothing whole")
    ).attention is None  # fmt: skip


def test_without_sources_nothing_is_brought(tiny_network: MDRNets) -> None:
    picture = Image.fromarray(PIXELS)
    found = explanation(tiny_network, picture, HOLE, aligned=picture, other_side=nothing())
    assert found.brought is None and found.attention is not None and found.attention.picture == 0
    assert found.looked_at == found.coarse


def test_needles_point_to_where_the_flow_looks() -> None:
    """A quarter to the right and an eighth down from the first place, which is in the hole; dots elsewhere."""
    flow, hole = np.zeros((2, 16, 16), np.float32), np.zeros((16, 16), dtype=bool)
    flow[0, 0, 0], flow[1, 0, 0], hole[0, 0] = 0.25, 0.125, True
    drawn = np.asarray(needled(Image.new("RGB", (SIDE, SIDE)), flow, hole)).max(axis=2) > 0
    first = NEEDLE // 2
    assert drawn[first, first] and drawn[first + 32, first + 64] and drawn[first + 16, first + 32]
    second = drawn[NEEDLE : 2 * NEEDLE, 8 * NEEDLE : 9 * NEEDLE]
    assert second[first, first] and second.sum() <= 4


@pytest.mark.parametrize("count", [0, 1])
def test_the_figure_with_sources_has_two_panels_more(
    sourced_network: MDRNets, tiny_network: MDRNets, count: int
) -> None:
    plain, wide = figure(tiny_network), figure(sourced_network, further=views(count))
    assert wide.width - plain.width == 2 * 270 and wide.height == plain.height
    for number in range(8):
        panel = wide.crop((18 + number * 270, 42, 18 + number * 270 + 256, 42 + 256))
        assert len(panel.getcolors(1 << 16) or range(9999)) > (2 if number else 1), "nothing is drawn there"
    for hole in (np.zeros_like(HOLE), np.ones_like(HOLE)):
        assert figure(sourced_network, hole).width == wide.width
