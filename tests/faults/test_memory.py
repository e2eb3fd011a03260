"""faults.md 26: a hundred photographs in one process leave its memory flat.

Measured in a process of its own: what other tests held before must not hide what this one leaks. Its pictures are so
large that a single copy left behind by each would be seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow  # a process that completes hundreds of photographs

RUNS, FIRST, FEW = 100, 15, 20  # photographs; those that may warm things up; those of which the least is compared
SIZE = (480, 480)  # square: taken for an aligned face, so that no detector is fetched
ALLOWED = 0.05


def test_26_a_hundred_photographs_leave_the_memory_flat(tmp_path: Path, tiny_weights: Path) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("how much memory a process holds is read from /proc")
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    hole = np.zeros(SIZE, dtype=bool)
    hole[100:140, 200:250] = True
    Image.fromarray(pixels).save(tmp_path / "face.bmp")
    Image.fromarray(hole).save(tmp_path / "mask.png")
    words = [sys.executable, "-W", "ignore", __file__, str(tmp_path), str(tiny_weights)]
    apart = os.environ | {"SHOWFACE_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=apart)
    held = json.loads(done.stdout)
    assert len(held) == RUNS and len(list(tmp_path.glob("out*.bmp"))) == RUNS
    early, late = min(held[FIRST : FIRST + FEW]), min(held[-FEW:])
    assert (RUNS - FIRST - FEW) * pixels.nbytes > 2 * ALLOWED * early, "else a leak would not be seen"
    assert late <= (1 + ALLOWED) * early


def hold(folder: Path, weights: str) -> list[int]:
    """Bytes that this process holds after each of `RUNS` photographs, from file to file."""
    import resource

    from showface.jobs.one_picture import Wishes
    from showface.jobs.plan import Job
    from showface.jobs.workers import Engine, outcomes

    image, mask, held = folder / "face.bmp", folder / "mask.png", []
    jobs = [Job(image=image, mask=mask, out=folder / f"out{number}.bmp") for number in range(RUNS)]
    for _, outcome in outcomes(jobs, Wishes(), Engine(weights=weights, device="cpu")):
        assert outcome.error is None, outcome.error
        outcome.publish()
        held.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
    return held


if __name__ == "__main__":
    print(json.dumps(hold(Path(sys.argv[1]), sys.argv[2])))
