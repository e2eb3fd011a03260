"""Muon: the orthogonalisation against the singular value decomposition, the update by hand, what is left to Adam."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from showface.training.configuration import OptimiserConfig
from showface.training.muon import MOMENTUM, Muon, orthogonalised
from showface.training.state import TrainState
from showface.training.update import make_optimiser


class Network(nn.Module):
    """A kernel, its bias, a kernel of too few rows, a matrix."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kernel, self.small = nn.Conv2d(8, 48, 3), nn.Conv2d(48, 3, 3)
        self.matrix = nn.Parameter(torch.randn(40, 33))


def with_gradients(network: nn.Module) -> dict[str, Tensor]:
    for parameter in network.parameters():
        parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape))
    return {
        name: parameter.grad.clone() for name, parameter in network.named_parameters() if parameter.grad is not None
    }


@pytest.mark.parametrize("shape", [(32, 288), (96, 40), (64, 64)], ids=str)
def test_singular_values_come_near_one_and_the_directions_stay(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    u, values, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    values = values.clamp_min(0.05 * values.max())
    found = orthogonalised(u * values @ v)
    assert found.shape == shape
    inner = u.T @ found @ v.T
    assert (inner - inner.diag().diag()).abs().max() < 1e-3
    assert inner.diag().min() > 0.6 and inner.diag().max() < 1.3


def test_what_is_zero_stays_zero() -> None:
    assert torch.equal(orthogonalised(torch.zeros(32, 64)), torch.zeros(32, 64))


def test_the_size_of_the_gradient_does_not_matter() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(32, 64)
    torch.testing.assert_close(orthogonalised(gradient), orthogonalised(1e-3 * gradient), rtol=1e-3, atol=1e-5)


def test_two_steps_by_hand() -> None:
    network, rate, decay = Network(), 0.01, 0.1
    optimiser = make_optimiser(network, OptimiserConfig(method="muon", lr=rate, weight_decay=decay))
    expected, momentum = network.kernel.weight.detach().clone(), torch.zeros(48, 8, 3, 3)
    for _ in range(2):
        gradient = with_gradients(network)["kernel.weight"]
        optimiser.step()
        momentum = MOMENTUM * momentum + (1 - MOMENTUM) * gradient
        ahead = ((1 - MOMENTUM) * gradient + MOMENTUM * momentum).reshape(48, 72)
        expected = (1 - rate * decay) * expected - rate * 0.2 * 72**0.5 * orthogonalised(ahead).view(48, 8, 3, 3)
    torch.testing.assert_close(network.kernel.weight.detach(), expected)


def test_what_is_no_matrix_or_a_small_one_goes_as_adam_goes() -> None:
    one, other = Network(), Network()
    config = OptimiserConfig(lr=0.01, weight_decay=0.1)
    muon = make_optimiser(one, OptimiserConfig(method="muon", lr=0.01, weight_decay=0.1))
    adam = make_optimiser(other, config)
    assert isinstance(muon, Muon) and not isinstance(adam, Muon)
    torch.manual_seed(1)
    with_gradients(one)
    torch.manual_seed(1)
    with_gradients(other)
    muon.step()
    adam.step()
    same = {name for (name, p), q in zip(one.named_parameters(), other.parameters(), strict=True) if torch.equal(p, q)}
    assert same == {"kernel.bias", "small.weight", "small.bias"}


def test_memory_format_makes_no_difference() -> None:
    one, other = Network(), Network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for network in (one, other):
        optimiser = make_optimiser(network, OptimiserConfig(method="muon", lr=0.01))
        torch.manual_seed(1)
        with_gradients(network)
        optimiser.step()
    torch.testing.assert_close(one.kernel.weight, other.kernel.weight)


def test_a_closure_is_refused() -> None:
    with pytest.raises(TypeError, match="no closure"):
        make_optimiser(Network(), OptimiserConfig(method="muon")).step(lambda: 0.0)


def test_a_checkpoint_brings_everything_back() -> None:
    states = []
    for _ in range(2):
        network = Network()
        optimiser = make_optimiser(network, OptimiserConfig(method="muon", lr=0.01, weight_decay=0.1))
        states.append(TrainState.start({"a": network}, {"a": optimiser}, averaged=set()))
    first, second = states
    with_gradients(first.networks["a"])
    first.optimisers["a"].step()
    second.restore(first.tensors(), 1)
    for state in states:
        torch.manual_seed(2)
        with_gradients(state.networks["a"])
        state.optimisers["a"].step()
    one, other = first.tensors(), second.tensors()
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert sum(name.endswith("/momentum") for name in one) == 2
