"""Measures fixed patterns with the original `lpips` package and writes what it finds to lpips_golden.json.

In an environment of its own, for neither package is a dependency of ours:

    pip install torch==2.13.0 numpy scipy tqdm && pip install --no-deps torchvision==0.28.0 lpips==0.1.4
    pip install --no-deps . && pip install jaxtyping && python tests/metrics/make_golden.py

The package brings its own weights of the heads. The trunks' would come from torchvision's server; they are taken from
our assets instead, whose first kernel tests/features/test_vgg16.py holds to the well-known one.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

GOLDEN = Path(__file__).with_name("lpips_golden.json")
SIZES = ((64, 64), (80, 97))  # height, width


def patterns(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two unlike pictures made of whole numbers alone, uint8 (1, 3, h, w): busy, and in broad bands."""
    c, y, x = np.indices((3, height, width))
    busy = (x * y * (c + 1) // 7 + 3 * x + 5 * y * c) % 256
    bands = (np.abs((x + 2 * y + 40 * c) % 200 - 100) * 2) % 256
    first, second = (torch.from_numpy(picture.astype(np.uint8))[None] for picture in (busy, bands))
    return first, second


def measured() -> dict[str, list[float]]:
    """LPIPS of the two patterns at every size, by the name of the trunk."""
    # torchvision looks for two operators of its binary part, which does not load beside a CPU build of torch.
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    library.define("qnms(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    import lpips

    from showface.features.lpips import LPIPSNetwork

    found = {}
    for name in ("alex", "vgg"):
        original = lpips.LPIPS(net=name, version="0.1", pnet_rand=True, verbose=False).eval()
        ours = LPIPSNetwork.pretrained(name)
        theirs = [module for module in original.net.modules() if isinstance(module, torch.nn.Conv2d)]
        for target, source in zip(theirs, ours.trunk.convolutions, strict=True):
            target.load_state_dict(source.state_dict())
        with torch.no_grad():
            pairs = [[picture / 127.5 - 1 for picture in patterns(*size)] for size in SIZES]
            found[name] = [original(*pair).item() for pair in pairs]
    return found


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
    print(GOLDEN.read_text(encoding="utf-8"))
