"""Features of pictures that come again, the truth of every method and bucket, are computed once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


class FeatureCache:
    """Calls `extract` only for pictures that it has not seen, by the SHA-256 of their pixels and size.

    `capacity`: how many pictures' features are held; beyond it the longest unused go (None: all are held). 2,048
    Inception features take 8 KiB a picture, LPIPS's vectors at 256 px 2.5 MB (alex) or 34 MB (vgg).
    """

    def __init__(
        self, extract: Callable[[UInt8[Tensor, "b 3 h w"]], Float[Tensor, "b n"]], *, capacity: int | None = None
    ) -> None:
        self.extract = extract
        self.capacity = capacity
        self.computed = 0  # pictures that `extract` was called with
        self._known: OrderedDict[bytes, Tensor] = OrderedDict()

    def __call__(self, pictures: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b n"]:
        """As `extract`."""
        keys = [picture_key(picture) for picture in pictures]
        new = {key: i for i, key in enumerate(keys) if key not in self._known}
        if new:
            self.computed += len(new)
            features = self.extract(pictures[list(new.values())])
            # A copy of each row: a view would hold the whole batch in memory.
            self._known |= {key: row.clone() for key, row in zip(new, features, strict=True)}
        for key in keys:
            self._known.move_to_end(key)
        found = torch.stack([self._known[key] for key in keys])
        while self.capacity is not None and len(self._known) > self.capacity:
            self._known.popitem(last=False)
        return found


def picture_key(picture: UInt8[Tensor, "3 h w"]) -> bytes:
    """The hash of a picture's size and pixels."""
    digest = hashlib.sha256(repr(tuple(picture.shape)).encode())
    digest.update(picture.contiguous().cpu().numpy().data)
    return digest.digest()
