from __future__ import annotations

import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from showface import assets
from showface.errors import SettingError
from showface.layers.regions import downsample_semantic_map
from showface.losses.parsing import parsing_loss
from showface.networks.bisenet import BiSeNet, BiSeNetParser, load_bisenet
from showface.networks.face_parser import FaceParser, FaceParserConfig
from showface.semantics import BISENET_ORDER, merged

SMALL = FaceParserConfig(widths=(8, 8))

# SHA-256 over the names and shapes of the published weights
PUBLISHED_LAYOUT = "089c1094f2e7062f7cc04d87ff7f3ce5e83201634975bdb58bd74ea684852f35"


def image(*, size: int = 64, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def seeded(config: FaceParserConfig) -> FaceParser:
    torch.manual_seed(0)
    return FaceParser(config).eval()


@pytest.fixture(scope="module")
def published() -> BiSeNetParser:
    """The adapter with random weights of useful size, so that all classes occur."""
    torch.manual_seed(0)
    parser = BiSeNetParser()
    torch.nn.init.normal_(parser.bisenet.conv_out.conv_out.weight, std=3)
    return parser


# ---------------------------------------------------------------------------------------------- our own


def test_stays_within_its_budget() -> None:
    parser = seeded(FaceParserConfig())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        parser(image(size=256))
    assert sum(p.numel() for p in parser.parameters()) <= 1_200_000
    assert counter.get_total_flops() / 2 <= 0.9e9


@settings(max_examples=8)
@given(height=st.integers(1, 4), width=st.integers(1, 4), batch=st.integers(1, 2))
def test_half_resolution_for_any_multiple_of_32(height: int, width: int, batch: int) -> None:
    parser = seeded(FaceParserConfig(widths=(8, 8, 8, 8)))
    assert parser.config.multiple == 32
    face = torch.zeros(batch, 3, 32 * height, 32 * width)
    assert parser(face).shape == (batch, 14, 16 * height, 16 * width)


@pytest.mark.parametrize(("fold", "finer", "side"), [(1, 1, 32), (2, 1, 16), (4, 4, 32), (8, 2, 8)])
def test_fold_and_finer_set_the_resolution(fold: int, finer: int, side: int) -> None:
    parser = seeded(FaceParserConfig(fold=fold, finer=finer, widths=(4, 4)))
    assert parser(image(size=32)).shape == (1, 14, side, side)


def test_semantic_map_is_the_likeliest_category() -> None:
    parser = seeded(SMALL)
    logits = parser(image())
    naive = [[max(range(14), key=lambda n: logits[0, n, y, x].item()) for x in range(32)] for y in range(32)]
    torch.testing.assert_close(parser.semantic_map(image(), 32)[0], torch.tensor(naive))


def test_semantic_map_in_other_sizes() -> None:
    parser = seeded(SMALL)
    full = parser.semantic_map(image(), 32)
    assert torch.equal(parser.semantic_map(image(), (16, 8)), downsample_semantic_map(full, (16, 8)))
    finer = parser.semantic_map(image(), 64)
    assert finer.shape == (1, 64, 64) and finer.dtype == torch.int64
    assert (downsample_semantic_map(finer, 32) == full).float().mean() > 0.5


def test_gradient_reaches_the_image_and_every_parameter() -> None:
    parser, face = seeded(SMALL).train(), image(batch=2).requires_grad_()
    parser(face).square().mean().backward()
    assert face.grad is not None and face.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parser.parameters())


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    parser = seeded(SMALL)
    both = torch.cat((image(seed=1), image(seed=2)))
    with torch.no_grad():
        torch.testing.assert_close(parser(both)[1:], parser(both[1:]))


def test_learns_to_tell_dark_from_bright() -> None:
    torch.manual_seed(0)
    parser = FaceParser(FaceParserConfig(widths=(8, 8)))
    optimiser = torch.optim.Adam(parser.parameters(), lr=1e-2)
    for step in range(40):
        labels = torch.nn.functional.interpolate(
            torch.randint(0, 2, (4, 1, 4, 4), generator=torch.Generator().manual_seed(step)).float(), size=(32, 32)
        )
        loss = parsing_loss(parser((labels * 2 - 1).expand(-1, 3, -1, -1)), labels[:, 0].long())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = parser.eval().semantic_map((labels * 2 - 1).expand(-1, 3, -1, -1), 16)
    assert (found == downsample_semantic_map(labels[:, 0].long(), 16)).float().mean() > 0.95


@pytest.mark.parametrize("wrong", [{"widths": ()}, {"fold": 0}, {"widths": (8, 0)}, {"finer": 3}, {"finer": 8}])
def test_contradictions_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="parser"):
        FaceParserConfig(**wrong)


# ---------------------------------------------------------------------------------------------- the published one


def test_layout_is_that_of_the_published_weights() -> None:
    layout = "\n".join(f"{name} {list(value.shape)}" for name, value in sorted(BiSeNet().state_dict().items()))
    assert hashlib.sha256(layout.encode()).hexdigest() == PUBLISHED_LAYOUT


def test_bisenet_gives_nineteen_classes_at_the_input_s_size() -> None:
    with torch.no_grad():
        assert BiSeNet().eval()(image()).shape == (1, 19, 64, 64)
        assert BiSeNet().eval().logits(image()).shape == (1, 19, 8, 8)


def test_probabilities_are_the_summed_mass_of_the_merged_classes(published: BiSeNetParser) -> None:
    with torch.no_grad():
        found = published(image(size=32))
        unit = (torch.nn.functional.interpolate(image(size=32), size=(512, 512), mode="bilinear") + 1) / 2
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        coarse = published.bisenet.logits((unit - mean[:, None, None]) / deviation[:, None, None])
        logits = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear", align_corners=True)
    mass = torch.zeros(1, 14, 32, 32)
    for probability, category in zip(logits.softmax(dim=1)[0], merged(BISENET_ORDER), strict=True):
        mass[0, category] += probability
    torch.testing.assert_close(found.exp(), mass, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(mass.sum(dim=1), torch.ones(1, 32, 32))


def test_semantic_map_looks_up_the_likeliest_class(published: BiSeNetParser) -> None:
    classes = published.bisenet.classes(image())
    assert classes.shape == (1, 512, 512) and len(classes.unique()) > 3
    expected = torch.tensor(merged(BISENET_ORDER))[downsample_semantic_map(classes, (16, 32))]
    assert torch.equal(published.semantic_map(image(), (16, 32)), expected)


def test_adapter_is_frozen_and_differentiable(published: BiSeNetParser) -> None:
    assert not any(p.requires_grad for p in published.parameters())
    assert not any(module.training for module in published.train().modules())
    face = image(size=32).requires_grad_()
    published(face)[:, 1].sum().backward()
    assert face.grad is not None and torch.isfinite(face.grad).all() and face.grad.abs().sum() > 0


@pytest.mark.skipif(
    not (assets.cache_folder() / assets.ASSETS["bisenet"].file).exists(), reason="the published weights are not here"
)
def test_published_weights_load_strictly() -> None:
    parser = load_bisenet(assets.path("bisenet"))
    assert not parser.training and not any(p.requires_grad for p in parser.parameters())
    adapter = BiSeNetParser()
    adapter.load(assets.path("bisenet"))
    torch.testing.assert_close(adapter.bisenet.state_dict(), parser.state_dict(), rtol=0, atol=0)
