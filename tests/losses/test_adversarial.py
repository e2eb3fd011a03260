from __future__ import annotations

import pytest
import torch

from showface.losses.adversarial import discriminator_hinge, generator_hinge


def test_known_answers() -> None:
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 0.5])
    assert discriminator_hinge(real, fake).item() == pytest.approx(0.5 + 0.75)
    assert generator_hinge(fake).item() == pytest.approx(1.25)


def test_confident_discriminator_has_no_gradient() -> None:
    real = torch.full((1, 1, 2, 2), 1.5, requires_grad=True)
    fake = torch.full((1, 1, 2, 2), -1.5, requires_grad=True)
    loss = discriminator_hinge(real, fake)
    loss.backward()
    assert loss.item() == 0
    assert real.grad is not None and not real.grad.any()
    assert fake.grad is not None and not fake.grad.any()


def test_generator_pushes_its_logits_up() -> None:
    fake = torch.randn(2, 1, 3, 3).bfloat16().requires_grad_()
    loss = generator_hinge(fake)
    loss.backward()
    assert loss.dtype == torch.float32
    assert fake.grad is not None and (fake.grad < 0).all()
