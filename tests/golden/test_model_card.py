"""The model card speaks of the weights that lie beside it, and of the numbers that docs/reproduce.md holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from showface.evaluation.report import weights_hash
from showface.weights import bundled

ROOT = Path(__file__).parents[2]
RELEASE = bundled().parent
CARD = (RELEASE / "MODEL_CARD.md").read_text(encoding="utf-8")
REPRODUCE = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8")
METRICS = ("L1 (%)", "PSNR (dB)", "SSIM", "LPIPS (alex)")


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next of its kind."""
    return text.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]


def means(text: str, metric: str) -> list[float]:
    """The row of `full` in the first table with the metric's three buckets, without intervals."""
    table = next(part for part in text.split("\n\n") if part.startswith("| method") and metric in part)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    row = next(line for line in lines if line[0] == "full")
    picked = [cell for heading, cell in zip(lines[0], row, strict=True) if heading.startswith(metric)]
    return [float(re.sub(r"\*|\(.*\)", "", cell)) for cell in picked]


def test_it_names_the_weights_beside_it() -> None:
    assert weights_hash(bundled()) in CARD


@pytest.mark.parametrize(
    ("row", "place"), [("CelebAMask-HQ, 200 faces", "`celebamask/val`"), ("London, 51 faces", "`london`")]
)
def test_its_table_is_the_measured_one_rounded(row: str, place: str) -> None:
    measured = section(REPRODUCE, "Completion").split(f"\n{place}, ", 1)[1]
    (line,) = re.findall(rf"\| {row} \|(.*)\|", section(CARD, "Measured"))
    for metric, cell in zip(METRICS, line.split("|"), strict=True):
        told = [word.strip() for word in cell.split("/")]
        digits = len(told[0].split(".")[1])
        for word, mean in zip(told, means(measured, metric), strict=True):
            assert abs(float(word) - mean) <= 0.5001 * 10**-digits, (metric, word, mean)


def test_the_files_it_names_exist_and_its_pictures_lie_beside_it() -> None:
    for name in re.findall(r"`((?:docs|tests|benchmarks|studies|src)/[\w/.]+\.\w+)`", CARD):
        assert (ROOT / name).exists(), name
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", CARD)
    assert pictures
    for name in pictures:
        assert (RELEASE / name).stat().st_size < 300_000, name
