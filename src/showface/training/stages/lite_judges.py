"""EfficientNet-Lite0 and the critics on what it sees: of the whole picture, of both eyes, of the mouth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypedDict

from torch import Tensor, nn

from showface.data.batches import Part
from showface.features.efficientnet_lite0 import EfficientNetLite0
from showface.losses.components import COMPONENTS
from showface.losses.configuration import LossWeights, ObjectiveOptions
from showface.losses.objective import ObjectiveInputs, look, projected_discriminator_terms
from showface.losses.projected import Heads, Looked
from showface.networks.projected_discriminator import ProjectedDiscriminator, ProjectedDiscriminatorConfig

WHOLE = "whole"


class Opinions(TypedDict):
    """What `generator_terms` asks of critics on Lite0's features."""

    looked: Mapping[str, Looked]
    projected: Heads | None
    components: Mapping[str, Heads] | None


class LiteJudges:
    """Looks once at the completions of a batch, for the generator's losses and for the critics' after them."""

    def __init__(
        self,
        trunk: EfficientNetLite0,
        critics: nn.ModuleDict,
        weights: LossWeights,
        options: ObjectiveOptions,
    ) -> None:
        """`critics`: those of `critics_of`, which may be none."""
        self.trunk, self.critics, self.weights, self.options = trunk, critics, weights, options
        self._looked: dict[Part, dict[str, Looked]] = {}  # of the parts of a batch

    def opinions(self, inputs: ObjectiveInputs, part: Part, parser: Callable[[Tensor], Tensor]) -> Opinions:
        """What the generator's losses of a `part` of a batch need."""
        looked = look(inputs, self.weights, self.trunk, parser=parser, options=self.options)
        if len(self.critics):  # which learn from it afterwards
            self._looked[part] = looked
        return {"looked": looked, "projected": self._whole, "components": self._components}

    def losses(self, part: Part) -> dict[str, Tensor]:
        """What the critics learn from the completions that the generator was told about."""
        return projected_discriminator_terms(
            self._looked.pop(part), projected=self._whole, components=self._components
        )  # fmt: skip

    @property
    def _whole(self) -> Heads | None:
        return dict(self.critics.items()).get(WHOLE)

    @property
    def _components(self) -> dict[str, Heads] | None:
        return {name: critic for name, critic in self.critics.items() if name != WHOLE} or None


def critics_of(config: ProjectedDiscriminatorConfig, weights: LossWeights) -> nn.ModuleDict:
    """The critics that the weights ask for, each with a projection of its own."""
    names = [WHOLE] * weights.needs_projected + list(COMPONENTS) * weights.needs_component
    return nn.ModuleDict(
        {name: ProjectedDiscriminator(replace(config, seed=config.seed + index)) for index, name in enumerate(names)}
    )
