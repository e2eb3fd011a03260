"""Frozen splits: which pictures of CelebA-HQ and FFHQ are for testing only (paper section 4.1; method.md §7.3).

The paper holds 2,000 of the 30,000 CelebA-HQ pictures out, by a list that was never published. Deviation: ours is
`splits/celebahq_test.txt`, pinned by its hash: the numbers 0 to 29,999 shuffled with seed 0, the first 2,000 of them.
The pictures of some copies of CelebA-HQ are numbered in another order; the numbers meant here are those of
CelebAMask-HQ. Of FFHQ the last 2,000 pictures are for testing, as in the paper.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np

from showface.errors import DataError

CELEBAHQ_COUNT = 30_000
FFHQ_COUNT = 70_000
TEST_COUNT = 2_000
CELEBAHQ_SHA256 = "5402e60c56a860a9fc8b8420cf1940769b4ea53a98b300afccc6023260557374"  # of splits/celebahq_test.txt


def celebahq_test() -> frozenset[int]:
    """The numbers of the CelebA-HQ pictures that are for testing, from the frozen list."""
    numbers = (files("showface.data") / "splits" / "celebahq_test.txt").read_text(encoding="ascii").split()
    found = list_hash(numbers)
    if found != CELEBAHQ_SHA256:
        raise DataError(
            f"splits/celebahq_test.txt: expected sha256 {CELEBAHQ_SHA256}, found {found}; reinstall showface"
        )
    return frozenset(map(int, numbers))


def list_hash(numbers: Iterable[str]) -> str:
    """sha256 of a list written one number a line."""
    return hashlib.sha256("".join(f"{number}\n" for number in numbers).encode()).hexdigest()


def draw_celebahq_test(seed: int = 0) -> list[int]:
    """How the frozen list was made; `RandomState`, because NumPy promises never to change its numbers."""
    return sorted(int(number) for number in np.random.RandomState(seed).permutation(CELEBAHQ_COUNT)[:TEST_COUNT])


def ffhq_test() -> frozenset[int]:
    """The numbers of the last 2,000 pictures of FFHQ: 68,000 to 69,999."""
    return frozenset(range(FFHQ_COUNT - TEST_COUNT, FFHQ_COUNT))


# ---------------------------------------------------------------------------------------------- a person's own lists


def picture_number(name: str) -> int | None:
    """The number in a picture's name: 7 of "7.jpg", "00007.png", "img00000007.png" or a path to one; None without."""
    match = re.fullmatch(r"(?:img)?([0-9]{1,8})", Path(name.replace("\\", "/")).stem)
    return int(match[1]) if match else None


def read_numbers(path: Path) -> frozenset[int]:
    """The pictures that a text file names, one name, path or number a line."""
    return frozenset(number for row in _rows(path, 1) for number in row)


def read_pairs(path: Path) -> list[tuple[int, int]]:
    """The pairs of pictures that a text file names, two numbers or names a line."""
    return [(first, second) for first, second in _rows(path, 2)]


def keep_together(test: frozenset[int], pairs: Iterable[tuple[int, int]]) -> frozenset[int]:
    """`test` with all copies of a picture on the same side, and as many pictures as before.

    CelebA-HQ has 13 pairs of duplicates among neighbouring numbers, which are not published. What `pairs` joins to a
    test picture becomes a test picture; for each, the highest number that is in no pair goes to the training side.
    """
    joined = _joined(pairs)
    moved = test.union(*(group for group in joined if group & test))
    free = sorted(moved.difference(*joined), reverse=True)
    return moved.difference(free[: len(moved) - len(test)])


def _joined(pairs: Iterable[tuple[int, int]]) -> list[frozenset[int]]:
    """The groups that pairs with a common member make up."""
    groups: list[frozenset[int]] = []
    for pair in pairs:
        touching = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in touching] + [frozenset(pair).union(*touching)]
    return groups


def _rows(path: Path, columns: int) -> list[list[int]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as a text file of picture numbers: {error}") from error
    rows = []
    for place, line in enumerate(lines, start=1):
        names = [line.strip()] if columns == 1 else line.split()
        numbers = [number for name in names if (number := picture_number(name)) is not None]
        if line.strip() and len(names) == len(numbers) == columns:
            rows.append(numbers)
        elif line.strip():
            raise DataError(f"{path}, line {place}: expected {columns} picture number(s) or name(s), found {line!r}")
    if not rows:
        raise DataError(f"{path}: no picture number in it")
    return rows
