"""The face parser in its lean form: only the cells that are asked for are read off."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from showface.networks.face_parser import FaceParser


class LeanFaceParser(nn.Module):
    """`FaceParser`, its batch norms gone: where a cell of the map is a cell of the features, only the logits of the
    sub-pixel at its centre are computed."""

    def __init__(self, parser: FaceParser) -> None:
        super().__init__()
        self.parser, finer = parser, parser.config.finer
        centre = finer // 2 * (finer + 1)  # of the sub-pixels of a cell, row by row
        assert parser.head.bias is not None
        self.register_buffer("weight", parser.head.weight[centre :: finer**2].contiguous())
        self.register_buffer("bias", parser.head.bias[centre :: finer**2].contiguous())

    weight: Tensor
    bias: Tensor

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 14 h2 w2"]:
        """As `FaceParser.forward`."""
        logits: Tensor = self.parser(image)
        return logits

    def semantic_map(
        self, image: Float[Tensor, "b 3 h w"], size: int | tuple[int, int]
    ) -> Int64[Tensor, "b small_h small_w"]:
        """As `FaceParser.semantic_map`."""
        features = self.parser.features(image)
        if tuple(features.shape[2:]) == ((size, size) if isinstance(size, int) else size):
            return F.conv2d(features, self.weight, self.bias).argmax(dim=1)
        logits = F.pixel_shuffle(self.parser.head(features), self.parser.config.finer)
        return self.parser.map_of(logits, size)
