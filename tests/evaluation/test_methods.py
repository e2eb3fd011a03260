"""The networks behind the runner's interface."""

import copy

import torch

from showface.evaluation.methods import as_levels, as_signal, network_methods
from showface.evaluation.runner import complete
from showface.networks.mdrnets import MDRNets
from showface.pipeline import FaceInpainter


def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=generator)
    masks = torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    masks[:, :, 16:40, 8:50] = True
    return images, masks


def test_every_level_survives_the_way_to_the_network_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert torch.equal(as_levels(as_signal(levels)), levels)


def test_coarse_and_full_are_what_mdrnets_returns(tiny_network: MDRNets) -> None:
    images, masks = pictures()
    network = copy.deepcopy(tiny_network)
    with torch.no_grad():  # an untrained refinement adds nothing to the coarse face
        for parameter in network.refinement.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    methods = network_methods(FaceInpainter(network, device="cpu"))
    with torch.no_grad():
        output = network(as_signal(images), masks.float())
    assert torch.equal(methods["coarse"](images, masks), as_levels(output.coarse))
    assert torch.equal(methods["full"](images, masks), as_levels(output.completed))
    assert not torch.equal(methods["coarse"](images, masks), methods["full"](images, masks))


def test_hidden_pixels_are_not_needed(tiny_network: MDRNets) -> None:
    images, masks = pictures()
    for method in network_methods(FaceInpainter(tiny_network, device="cpu")).values():
        shown = complete(method, images, masks)
        assert torch.equal(complete(method, images.masked_fill(masks, 77), masks)[masks.expand_as(images)],
                           shown[masks.expand_as(images)])  # fmt: skip
