"""The published face sets, CelebA-HQ, CelebAMask-HQ and FFHQ, and their training and test sides (paper section 4.1).

    CelebA-HQ       <folder>/N.jpg, NNNNN.png or imgNNNNNNNN.png, N = 0 .. 29999
    CelebAMask-HQ   <folder>/CelebA-HQ-img/N.jpg with CelebAMask-HQ-mask-anno/<0..14>/<00000>_<part>.png as labels
    FFHQ            <folder>/00000/00000.png .. 69000/69999.png, or all in one folder

CelebAMask-HQ is CelebA-HQ with part masks for labels, so there are two layouts and one way to hold labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from showface.data.faces import FaceSource, list_pictures
from showface.data.split import (
    CELEBAHQ_COUNT,
    FFHQ_COUNT,
    celebahq_test,
    ffhq_test,
    keep_together,
    picture_number,
    read_numbers,
    read_pairs,
)
from showface.errors import DataError
from showface.images import SUFFIXES

Layout = Literal["celebahq", "ffhq"]
Split = Literal["all", "train", "test"]
COUNTS = {"celebahq": CELEBAHQ_COUNT, "ffhq": FFHQ_COUNT}
CELEBAMASK_PICTURES, CELEBAMASK_PARTS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"


@dataclass(frozen=True, kw_only=True)
class FaceSet(FaceSource):
    """A published set, known by the numbers of its pictures, or one side of its split. It need not be complete."""

    layout: Layout  # which set
    split: Split = "all"  # "train" never holds a picture of "test"
    test_list: str = ""  # text file that names the test pictures, one a line; "" = the frozen list of `split.py`
    pairs: str = ""  # text file of duplicates, two pictures a line, that are kept on one side; "" = none are known

    def pictures(self) -> list[Path]:
        """The pictures of this side in the order of their numbers."""
        numbered, test = self.numbered(), self.test_numbers()
        sides = {"all": numbered.keys(), "train": numbered.keys() - test, "test": numbered.keys() & test}
        wanted = sorted(sides[self.split])
        if not wanted:
            raise DataError(f"{self.folder}: none of its {len(numbered):,} pictures is on the {self.split} side")
        return [numbered[n] for n in wanted]

    def numbered(self) -> dict[int, Path]:
        """Every picture of the folder by its number."""
        numbered: dict[int, Path] = {}
        for path in list_pictures(self.folder):
            number = picture_number(path.name)
            if number is None or number >= COUNTS[self.layout]:
                raise DataError(
                    f"{path}: expected a number below {COUNTS[self.layout]:,} as name in a {self.layout} set"
                )
            if numbered.setdefault(number, path) != path:
                raise DataError(f"{self.folder}: picture {number} is there twice, {numbered[number]} and {path}")
        return numbered

    def test_numbers(self) -> frozenset[int]:
        """The numbers of the test pictures: the person's list or the frozen one, duplicates kept together."""
        if self.test_list:
            test = read_numbers(Path(self.test_list))
        else:
            test = celebahq_test() if self.layout == "celebahq" else ffhq_test()
        return keep_together(test, read_pairs(Path(self.pairs))) if self.pairs else test


def recognised(folder: Path) -> Literal["celebamask", "celebahq", "ffhq", "folder"]:
    """The set that `folder` holds beyond doubt: CelebAMask-HQ's folders, FFHQ's thousands, or every number there is."""
    if (folder / CELEBAMASK_PICTURES).is_dir():
        return "celebamask"
    if not folder.is_dir():
        return "folder"
    numbers = {picture_number(p.name) for p in folder.iterdir() if p.suffix.lower() in SUFFIXES}
    if numbers == set(range(CELEBAHQ_COUNT)):
        return "celebahq"
    if numbers == set(range(FFHQ_COUNT)) or any(_is_thousand(p) for p in folder.iterdir()):
        return "ffhq"
    return "folder"


def _is_thousand(folder: Path) -> bool:
    """Whether `folder` is called and filled like FFHQ's `03000`, which holds `03000.png` to `03999.png`."""
    if not (len(folder.name) == 5 and folder.name.isdecimal() and folder.name.endswith("000") and folder.is_dir()):
        return False
    stems = [p.stem for p in folder.iterdir() if p.suffix.lower() in SUFFIXES]
    return bool(stems) and all(len(s) == 5 and s.isdecimal() and s[:2] == folder.name[:2] for s in stems)
