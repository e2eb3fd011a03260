"""The coarse network: method.md §2's table, indifference to the hole's content, extreme masks, the fold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from showface.errors import SettingError
from showface.layers.harmonic_fill import harmonic_fill
from showface.networks.coarse import CoarseConfig, CoarseNetwork, folded_picture, seen

PLAIN = CoarseConfig(
    widths=(8, 12, 16), kernels=(5, 3, 3), strides=(2, 2, 2), encoder_blocks=(0, 0, 0), decoder_blocks=(0, 0)
)
FOLDED = CoarseConfig(
    fold=4, widths=(8, 12), kernels=(3, 3), strides=(1, 2), encoder_blocks=(1, 1), decoder_blocks=(1,), norm="none",
)  # fmt: skip
ONES = replace(FOLDED, ones=True, largest_scale=4.0)
INPUT = replace(ONES, fill="input")
EVERY = pytest.mark.parametrize("config", [PLAIN, FOLDED, ONES, INPUT], ids=["plain", "folded", "ones", "input"])


def network(config: CoarseConfig) -> CoarseNetwork:
    torch.manual_seed(0)
    made = CoarseNetwork(config).eval()
    if config.fill == "input":  # which would add nothing yet
        nn.init.xavier_normal_(made.head.convolution.weight)
    return made


def face_and_mask(size: int = 32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.zeros(2, 1, size, size)
    mask[0, :, 5:20, 9:30] = 1
    mask[1, :, ::3] = 1
    return torch.rand(2, 3, size, size, generator=generator) * 2 - 1, mask


def test_the_published_layout_has_its_parameters_and_operations() -> None:
    with FakeTensorMode():  # shapes only, nothing is computed
        made = CoarseNetwork(CoarseConfig())
        with FlopCounterMode(display=False) as counter:
            made(torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256))
    assert sum(p.numel() for p in made.parameters()) / 1e6 == pytest.approx(25.8, abs=0.05)
    assert counter.get_total_flops() / 2e9 == pytest.approx(9.5, abs=0.1)  # GMAC


def test_the_published_layout_is_the_table() -> None:
    with torch.device("meta"):
        made = CoarseNetwork(CoarseConfig())
    kernels = [level.convolution.convolution for level in made.encoder]
    assert [(k.in_channels, k.out_channels, k.kernel_size[0], k.stride[0]) for k in kernels] == [
        (3, 64, 7, 2), (64, 128, 5, 2), (128, 256, 5, 2), (256, 512, 3, 2), *[(512, 512, 3, 2)] * 3,
    ]  # fmt: skip
    kernels = [level.convolution.convolution for level in reversed(made.decoder)] + [made.head.convolution]
    assert [(k.in_channels, k.out_channels, k.kernel_size[0]) for k in kernels] == [
        *[(1024, 512, 3)] * 3, (768, 256, 3), (384, 128, 3), (192, 64, 3), (67, 3, 3),
    ]  # fmt: skip
    norms = [isinstance(level.norm, nn.BatchNorm2d) for level in (*made.encoder, *made.decoder)]
    assert norms == [False] + [True] * 12
    assert [level.slope for level in (*made.encoder, *made.decoder)] == [0.0] * 7 + [0.2] * 6
    biased = [name for name, _ in made.named_parameters() if name.endswith("bias") and ".norm." not in name]
    assert biased == ["head.bias"]


@EVERY
def test_what_the_hole_holds_does_not_matter(config: CoarseConfig) -> None:
    made, (image, mask) = network(config), face_and_mask()
    expected = made(image, mask)
    for content in (0.0, 1e6, torch.nan, torch.inf):
        assert torch.equal(made(image.masked_fill(mask > 0, content), mask), expected), content


@EVERY
def test_every_visible_pixel_matters(config: CoarseConfig) -> None:
    made, (image, mask) = network(config), face_and_mask()
    image.requires_grad_(True)
    made(image, mask).square().sum().backward()
    assert image.grad is not None
    touched = image.grad.abs().sum(dim=1, keepdim=True) > 0
    assert torch.equal(touched, mask == 0)


@EVERY
@pytest.mark.parametrize("share", [0, 1])
def test_extreme_masks(config: CoarseConfig, share: int) -> None:
    made, (image, _) = network(config), face_and_mask()
    found = made(image, torch.full((2, 1, 32, 32), float(share)))
    assert found.shape == image.shape and found.isfinite().all()
    assert torch.equal(found[0], found[1]) == (share == 1)  # nothing was seen of two different pictures


def test_the_fold_keeps_a_plane_for_each_sub_pixel() -> None:
    image, mask = face_and_mask()
    for config, channels in ((FOLDED, 3), (ONES, 4)):
        x, valid = folded_picture(seen(image, mask, config), mask, config)
        assert valid is not None
        assert x.shape == (2, 16 * channels, 8, 8) and valid.shape == (2, 16, 8, 8)
        for row, column in ((0, 0), (1, 3), (3, 2)):
            plane = 4 * row + column
            visible = (1 - mask)[:, :, row::4, column::4]
            assert torch.equal(valid[:, plane : plane + 1], visible)
            group = x[:, channels * plane : channels * (plane + 1)]
            assert torch.equal(group[:, :3], image[:, :, row::4, column::4] * visible)
            assert channels == 3 or torch.equal(group[:, 3:], visible)


def test_residual_blocks_start_as_the_identity_without_norms() -> None:
    """On the features; their mask they let grow, so nothing is hidden here."""
    made, (image, _) = network(FOLDED), face_and_mask()
    bare = CoarseNetwork(replace(FOLDED, encoder_blocks=(0, 0), decoder_blocks=(0,)))
    bare.load_state_dict({name: value for name, value in made.state_dict().items() if "blocks" not in name})
    nothing_hidden = torch.zeros(2, 1, 32, 32)
    assert torch.equal(made(image, nothing_hidden), bare(image, nothing_hidden))


def test_every_parameter_learns() -> None:
    made, (image, mask) = network(replace(PLAIN, encoder_blocks=(1, 1, 1))).train(), face_and_mask(64)
    made(image, mask).square().mean().backward()
    assert [name for name, p in made.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernels": (3, 3)}, r"coarse\.kernels has 2 entries, expected 3"),
        ({"decoder_blocks": (0,)}, r"coarse\.decoder_blocks has 1 entries, expected 2"),
        ({"kernels": (4, 3, 3)}, r"coarse\.kernels must be odd"),
        ({"fold": 0}, "at least 1"),
        ({"largest_scale": -1.0}, "largest_scale"),
        ({"fill": "input"}, r"needs coarse\.ones"),
    ],
)
def test_contradictions_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        replace(PLAIN, **change)


def test_sizes_that_do_not_divide_are_refused() -> None:
    assert (PLAIN.multiple, FOLDED.multiple) == (8, 8)
    with pytest.raises(SettingError, match="36x36 pixels, expected multiples of 8"):
        network(PLAIN)(torch.zeros(1, 3, 36, 36), torch.zeros(1, 1, 36, 36))


def test_a_network_that_is_given_the_fill_begins_with_it_and_adds_to_it() -> None:
    image, mask = face_and_mask()
    fill = harmonic_fill(image, mask)
    assert torch.equal(CoarseNetwork(INPUT)(image, mask), fill)
    made = network(INPUT)
    with torch.no_grad():
        made.head.convolution.weight.zero_()
        made.head.bias.fill_(0.25)  # type: ignore[union-attr]
    torch.testing.assert_close(made(image, mask), fill + 0.25)
    x, valid = folded_picture(seen(image, mask, INPUT), mask, INPUT)
    assert valid is None
    assert torch.equal(x[:, :3], fill[:, :, ::4, ::4]) and torch.equal(x[:, 3:4], (1 - mask)[:, :, ::4, ::4])


def test_a_network_that_is_given_the_fill_learns_from_the_first_steps() -> None:
    image, mask = face_and_mask()
    torch.manual_seed(0)
    made = CoarseNetwork(INPUT).train()
    optimiser = torch.optim.AdamW(made.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = ((made(image, mask) - image) * mask).abs().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
