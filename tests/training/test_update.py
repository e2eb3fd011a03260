"""One update: schedules, groups of the optimiser, running averages, and what stops before it."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from showface.data.batches import Batch
from showface.errors import NonFiniteError, SettingError
from showface.training.configuration import OptimiserConfig, StageConfig
from showface.training.stages import Phase
from showface.training.state import TrainState
from showface.training.update import average, learning_rate, make_optimiser, refuse_non_finite, run_phase

STAGE = StageConfig(name="coarse", steps=10, precision="fp32")
BATCH = Batch(torch.zeros(1, 3, 2, 2), torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64))


def test_the_rate_warms_up_and_falls_as_a_cosine() -> None:
    config = OptimiserConfig(lr=1.0, warmup=4, schedule="cosine", final=0.2)
    assert [learning_rate(config, step, 12) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert learning_rate(config, 4, 12) == pytest.approx(1.0)
    assert learning_rate(config, 8, 12) == pytest.approx(0.6)  # half way between 1 and 0.2
    assert learning_rate(config, 11, 12) == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi * 7 / 8)))


def test_the_rate_drops_for_the_fine_tuning() -> None:
    config = OptimiserConfig(lr=2e-4, drop_at=0.8, drop=0.25)
    assert [learning_rate(config, step, 10) for step in (0, 7, 8, 9)] == pytest.approx([2e-4, 2e-4, 5e-5, 5e-5])
    assert {learning_rate(OptimiserConfig(), step, 10) for step in range(10)} == {2e-4}


@pytest.mark.parametrize(
    ("field", "value"),
    [("lr", 0.0), ("lr", math.nan), ("warmup", -1), ("clip", -0.5), ("drop_at", 0.0), ("betas", (0.9, 1.0))],
)
def test_impossible_optimisers_are_refused(field: str, value: object) -> None:
    with pytest.raises(SettingError):
        replace(OptimiserConfig(), **{field: value})


@pytest.mark.parametrize(
    ("config", "field", "value", "message"),
    [
        (OptimiserConfig(), "method", "moun", "unknown method 'moun'; did you mean 'muon'"),
        (OptimiserConfig(), "schedule", "cosin", "unknown schedule 'cosin'; did you mean 'cosine'"),
        (STAGE, "precision", "bf61", "unknown precision 'bf61'; did you mean 'bf16'"),
        (STAGE, "name", "course", "unknown stage 'course'; did you mean 'coarse'"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(config: object, field: str, value: str, message: str) -> None:
    changed = copy.copy(config)  # past the run-time type checks of the tests
    object.__setattr__(changed, field, value)
    with pytest.raises(SettingError, match=message):
        changed.__post_init__()


@pytest.mark.parametrize(("field", "value"), [("steps", 0), ("auxiliary", 9), ("ema", 1.0), ("workers", -1)])
def test_impossible_stages_are_refused(field: str, value: object) -> None:
    with pytest.raises(SettingError, match="stage coarse"):
        replace(STAGE, **{field: value})


def test_only_kernels_decay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    kernels, vectors = make_optimiser(network, OptimiserConfig(weight_decay=0.1)).param_groups
    assert [p.ndim for p in kernels["params"]] == [4] and kernels["weight_decay"] == 0.1
    assert [p.ndim for p in vectors["params"]] == [1, 1, 1] and vectors["weight_decay"] == 0.0


def test_averages_follow_by_the_decay_and_copy_buffers() -> None:
    network = nn.BatchNorm1d(2)
    state = TrainState.start({"a": network}, {}, averaged={"a"})
    mean = state.averages["a"]
    with torch.no_grad():
        network.weight.fill_(3.0)
    network.running_mean.fill_(7.0)
    state.step = 1_000_000
    average(state, 0.75)
    assert torch.equal(mean.weight, torch.full((2,), 1.5))  # 0.75 * 1 + 0.25 * 3
    assert torch.equal(mean.running_mean, torch.full((2,), 7.0))
    state.step = 1
    average(state, 0.75)  # early: 2 / 11 instead
    assert torch.allclose(mean.weight, torch.full((2,), 1.5 * 2 / 11 + 3 * 9 / 11))
    assert not mean.weight.requires_grad and not mean.training


# ---------------------------------------------------------------------------------------------- one phase


def phase_of(weight: Tensor, loss: str, clip: float = 0.0) -> tuple[Phase, TrainState]:
    """A phase that learns one vector by the loss of this name."""
    network = nn.Module()
    network.weight = nn.Parameter(weight, requires_grad=False)
    terms = {
        "square": lambda: {"total": (network.weight**2).sum()},
        "not a number": lambda: {"style": network.weight.sum() * torch.nan, "total": network.weight.sum() * torch.nan},
        "steep": lambda: {"total": network.weight.abs().sum().sqrt()},  # finite at 0, where its slope is not
    }
    phase = Phase("coarse", network, lambda batch: terms[loss](), OptimiserConfig(lr=0.5, clip=clip))
    optimiser = make_optimiser(network, phase.optimiser)
    return phase, TrainState.start({"coarse": network}, {"coarse": optimiser}, averaged=set())


def test_an_update_reports_losses_and_gradient_and_freezes_again() -> None:
    phase, state = phase_of(torch.tensor([3.0, -4.0]), "square")
    told = run_phase(phase, BATCH, state, STAGE)
    assert told == {"coarse_total": torch.tensor(25.0), "coarse_gradient": torch.tensor(10.0)}
    assert torch.allclose(phase.network.weight, torch.tensor([2.5, -3.5]))  # Adam's first step is lr times the sign
    assert not phase.network.weight.requires_grad


def test_the_gradient_is_clipped_but_reported_whole() -> None:
    phase, state = phase_of(torch.tensor([3.0, -4.0]), "square", clip=1.0)
    assert run_phase(phase, BATCH, state, STAGE)["coarse_gradient"] == 10.0
    assert phase.network.weight.grad is not None
    assert torch.allclose(phase.network.weight.grad, torch.tensor([0.6, -0.8]))


@pytest.mark.parametrize(
    ("loss", "named"), [("not a number", "style, total, gradient"), ("steep", "gradient")]
)  # fmt: skip
def test_nothing_is_updated_when_something_is_not_finite(loss: str, named: str) -> None:
    phase, state = phase_of(torch.zeros(2), loss)
    with pytest.raises(NonFiniteError, match=f"^not finite: {named}$"):
        run_phase(phase, BATCH, state, STAGE)
    assert torch.equal(phase.network.weight, torch.zeros(2)) and not state.optimisers["coarse"].state


def test_infinity_is_not_finite_either() -> None:
    refuse_non_finite({"a": torch.tensor(1.0), "b": torch.tensor(2.0, dtype=torch.bfloat16)})
    with pytest.raises(NonFiniteError, match=r"not finite: b$"):
        refuse_non_finite({"a": torch.tensor(1.0), "b": torch.tensor(-torch.inf)})


# ---------------------------------------------------------------------------------------------- gradients apart


def test_each_gradient_is_measured_at_the_output_and_changes_nothing() -> None:
    """The norms are those of single backward passes; the update is the same with and without them."""
    found = []
    for apart in (False, True):
        network = nn.Linear(2, 3)
        with torch.no_grad():
            network.weight.copy_(torch.arange(6.0).reshape(3, 2))
            network.bias.zero_()
        held: list[Tensor] = []

        def losses(batch: Batch, network: nn.Module = network, held: list[Tensor] = held) -> dict[str, Tensor]:
            held[:] = [network(torch.ones(1, 2))]
            terms = {"hole": 3 * held[0].sum(), "tv": held[0].square().sum(), "other": network.bias.sum()}
            return terms | {"total": torch.stack(list(terms.values())).sum()}

        network.requires_grad_(False)
        phase = Phase("coarse", network, losses, OptimiserConfig(), raw=lambda held=held: held[0])
        optimiser = make_optimiser(network, phase.optimiser)
        state = TrainState.start({"coarse": network}, {"coarse": optimiser}, averaged=set())
        told = run_phase(phase, BATCH, state, STAGE, each_gradient=apart)
        found.append(network.weight.clone())
        names = {name for name in told if "gradient_of" in name}
        assert names == ({"coarse_gradient_of_hole", "coarse_gradient_of_tv"} if apart else set())
    assert torch.equal(*found)
    assert float(told["coarse_gradient_of_hole"]) == pytest.approx(3 * 3**0.5)
    assert float(told["coarse_gradient_of_tv"]) == pytest.approx(2 * (1 + 25 + 81) ** 0.5)


def test_when_gradients_are_measured() -> None:
    config = replace(STAGE, steps=47, log_every=5, gradients_every=3)
    assert [step for step in range(1, 48) if config.measures_gradients_in(step)] == [15, 30, 45]
    assert [step for step in range(40, 48) if config.reports_after(step)] == [40, 45, 47]
    assert not any(replace(config, gradients_every=0).measures_gradients_in(step) for step in range(1, 48))
