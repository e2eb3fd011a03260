"""The model card speaks of the weights that lie beside it; its tables are held by tests/test_results.py."""

from __future__ import annotations

import re
from pathlib import Path

from showface.weights import bundled, weights_hash

ROOT = Path(__file__).parents[2]
RELEASE = bundled().parent
CARD = (RELEASE / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_it_names_the_weights_beside_it() -> None:
    assert weights_hash(bundled()) in CARD


def test_the_files_it_names_exist_and_its_pictures_lie_beside_it() -> None:
    for name in re.findall(r"`((?:docs|tests|benchmarks|studies|src)/[\w/.]+\.\w+)`", CARD):
        assert (ROOT / name).exists(), name
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", CARD)
    assert pictures
    for name in pictures:
        assert (RELEASE / name).stat().st_size < 300_000, name
