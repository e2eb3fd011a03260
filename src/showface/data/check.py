"""What is wrong with sets of faces and masks, found before hours are spent on them.

| kind | what it means |
|---|---|
| corrupt | a picture, label or mask cannot be read |
| tiny | a face's shorter side has fewer pixels than asked for |
| grey, blank | a face has no colours, or nothing to see |
| duplicate, near-duplicate | two faces of one side are the same file, or look the same (`likeness.py`) |
| overlap, near-overlap | the same between a training and a test picture |
| label | a label map of another shape than its picture, or that holds other values than class indices |
| mask | a mask that hides nothing or everything |
| polarity | masks of a set that hide most of the picture and its whole border: white should be the hole |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from showface.data.examine import BLANK, GREY, Examined, examine, stamp
from showface.data.faces import Face, FaceSource, list_faces, list_pictures, read_classes, refuse_misfit
from showface.data.journal import Journal, Row
from showface.data.likeness import near_pairs
from showface.data.parallel import each
from showface.data.prepare import Progress
from showface.data.prepare_masks import MOSTLY_WHITE
from showface.data.sets import FaceSet
from showface.data.sides import sides_are_swapped
from showface.errors import DataError, InputError
from showface.images import shown
from showface.masks import read_mask

Task = Face | Path  # a face with its label, or a mask
SMALLEST = 256  # pixels that the shorter side of a face has by default


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, the files it concerns, and what it is in words."""

    kind: str
    files: tuple[str, ...]
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {', '.join(map(shown, self.files))}" + (f": {self.detail}" if self.detail else "")


@dataclass(kw_only=True)
class Report:
    """What a check found."""

    train: int = 0  # faces on either side
    test: int = 0
    masks: int = 0
    labels: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # worth knowing, no fault

    def counts(self) -> dict[str, int]:
        """How many faults there are of each kind."""
        return dict(Counter(fault.kind for fault in self.faults))

    def plain(self) -> Row:
        """All of it as JSON."""
        return asdict(self) | {"counts": self.counts()}


def check(
    train: Sequence[FaceSource], test: Sequence[FaceSource], masks: Sequence[Path], *, smallest: int = SMALLEST,
    journal: Path | None = None, workers: int = 1, progress: Progress = lambda done, total: None,
) -> Report:  # fmt: skip
    """Look at every face, label and mask. A published set's own test side is compared with its training side.

    With a `journal`, files that were looked at before and have not changed since are not read again.
    """
    sides = [_faces(train), _faces([*test, *_test_sides(train)])]
    mask_files = [(folder, path) for folder in masks for path in list_pictures(folder)]
    keep = Journal(journal, {"checked": 1}) if journal else None
    known = keep.rows if keep else dict[str, Row]()
    tasks: list[Task] = [*dict.fromkeys([*sides[0].values(), *sides[1].values()]), *(path for _, path in mask_files)]
    waiting = [task for task in tasks if not _is_known(known.get(_key(task)), task)]
    rows = {_key(task): known[_key(task)] for task in tasks if _key(task) in known}
    progress(len(tasks) - len(waiting), len(tasks))
    for done, (task, row) in enumerate(each(_look, waiting, workers=workers), start=1):
        rows[_key(task)] = row
        if keep:
            keep.add(_key(task), row)
        progress(len(tasks) - len(waiting) + done, len(tasks))
    report = Report(train=len(sides[0]), test=len(sides[1]), masks=len(mask_files))
    report.labels = sum(face.label is not None for side in sides for face in side.values())
    for side in sides:
        report.faults += [fault for face in side.values() for fault in face_faults(face, rows[_key(face)], smallest)]
        report.faults += duplicates(_hashes(side, rows))
    report.faults += overlaps(*(_hashes(side, rows) for side in sides))
    for folder in masks:
        report.faults += mask_faults(folder, {path: rows[_key(path)] for place, path in mask_files if place == folder})
    swapped = sum(bool(rows[_key(face)].get("swapped")) for side in sides for face in side.values())
    if swapped:
        report.notes.append(f"{swapped} label maps call left what is right; training does not care, "
                            "`showface data prepare` mends them")  # fmt: skip
    return report


# ---------------------------------------------------------------------------------------------- looking


def _faces(sources: Iterable[FaceSource]) -> dict[str, Face]:
    """Every face of the sources by the path of its picture."""
    return {str(face.picture): face for source in sources for face in list_faces(source)}


def _test_sides(sources: Iterable[FaceSource]) -> list[FaceSource]:
    """The test sides of the published sets of which `sources` are the training sides, where there are any pictures."""
    sides = [replace(source, split="test") for source in sources if isinstance(source, FaceSet)]
    return [side for side in sides if side.numbered().keys() & side.test_numbers()]


def _key(task: Task) -> str:
    return str(task) if isinstance(task, Path) else f"{task.picture} {task.label or ''}".strip()


def _is_known(row: Row | None, task: Task) -> bool:
    if row is None:
        return False
    files = (
        [task] if isinstance(task, Path) else [task.picture, *([task.label] if task.label and not task.parts else [])]
    )
    return bool(row["stamps"] == [list(stamp(path)) for path in files])


def _look(task: Task) -> Row:
    """Everything there is to know about one face with its label, or about one mask."""
    if isinstance(task, Path):
        return {"stamps": [list(stamp(task))]} | _look_at_mask(task)
    files = [task.picture, *([task.label] if task.label and not task.parts else [])]
    found = examine(task.picture)
    return asdict(found) | {"stamps": [list(stamp(path)) for path in files]} | _look_at_label(task, found)


def _look_at_label(face: Face, found: Examined) -> Row:
    try:
        classes = read_classes(face)
        if classes is None:
            return {}
        if not found.fault:
            refuse_misfit(face, (found.width, found.height), (classes.shape[0], classes.shape[1]))
    except DataError as error:
        return {"label_kind": "label", "label_fault": " ".join(str(error).split())}
    except InputError as error:
        return {"label_kind": "corrupt", "label_fault": " ".join(str(error).split())}
    return {"swapped": face.label_order == "official" and sides_are_swapped(classes)}


def _look_at_mask(path: Path) -> Row:
    try:
        hole = read_mask(path)
    except InputError as error:
        return {"fault": " ".join(str(error).split())}
    return {"fault": "", "share": float(hole.mean()), "border": _border(hole)}


def _border(hole: Bool[np.ndarray, "h w"]) -> float:
    """The share of the outermost pixels that are hole."""
    return float(np.concatenate([hole[0], hole[-1], hole[:, 0], hole[:, -1]]).mean())


# ---------------------------------------------------------------------------------------------- judging


def face_faults(face: Face, row: Row, smallest: int) -> Iterator[Fault]:
    """What is wrong with one face for itself."""
    name = (str(face.picture),)
    if row["fault"]:
        yield Fault("corrupt", name, row["fault"])
    else:
        if min(row["width"], row["height"]) < smallest:
            yield Fault("tiny", name, f"{row['width']} x {row['height']} pixels")
        if row["contrast"] < BLANK:
            yield Fault("blank", name, f"its brightness varies by {row['contrast']:.1f} of 255 levels")
        elif row["colour"] < GREY:
            yield Fault("grey", name, f"its colours differ by {row['colour']:.1f} of 255 levels")
    if row.get("label_fault"):
        yield Fault(row["label_kind"], (str(face.label),), row["label_fault"].removeprefix(f"{face.label}: "))


def duplicates(hashes: dict[str, tuple[str, str]]) -> Iterator[Fault]:
    """Faces of one side that are the same file or look the same; `hashes` are sha256 and likeness by name."""
    first: dict[str, str] = {}
    for name, (digest, _) in hashes.items():
        if first.setdefault(digest, name) != name:
            yield Fault("duplicate", (first[digest], name))
    names = list(first.values())  # of equal files one stands for all
    for one, other, apart in near_pairs([hashes[name][1] for name in names]):
        yield Fault("near-duplicate", (names[one], names[other]), f"{apart} signs differ")


def overlaps(train: dict[str, tuple[str, str]], test: dict[str, tuple[str, str]]) -> Iterator[Fault]:
    """Test pictures that are training pictures, too, or look like one."""
    if not train or not test:
        return
    trained = {digest: name for name, (digest, _) in train.items()}
    for name, (digest, _) in test.items():
        if digest in trained:
            yield Fault("overlap", (trained[digest], name))
    one_side, other_side = list(train), list(test)
    for one, other, apart in near_pairs([train[n][1] for n in one_side], [test[n][1] for n in other_side]):
        names = one_side[one], other_side[other]
        if train[names[0]][0] != test[names[1]][0]:
            yield Fault("near-overlap", names, f"{apart} signs differ")


def mask_faults(folder: Path, rows: dict[Path, Row]) -> Iterator[Fault]:
    """What is wrong with the masks of one folder, for themselves and all together."""
    good = {path: row for path, row in rows.items() if not row["fault"]}
    yield from (Fault("corrupt", (str(path),), row["fault"]) for path, row in rows.items() if row["fault"])
    mean = float(np.mean([row["share"] for row in good.values()])) if good else 0.0
    inverted = [path for path, row in good.items() if row["share"] > MOSTLY_WHITE and row["border"] > 0.99]
    if mean > MOSTLY_WHITE:
        yield Fault("polarity", (str(folder),), f"{mean:.0%} of its masks is white; white should be the hole, "
                    "`showface data prepare --layout masks --invert` turns them round")  # fmt: skip
        return
    for path, row in good.items():
        if row["share"] in (0.0, 1.0):
            yield Fault("mask", (str(path),), "hides nothing" if row["share"] == 0 else "hides everything")
        elif path in inverted:
            yield Fault("polarity", (str(path),), f"hides {row['share']:.0%} and all of the border; inverted?")


def _hashes(side: dict[str, Face], rows: dict[str, Row]) -> dict[str, tuple[str, str]]:
    found = {name: rows[_key(face)] for name, face in side.items()}
    return {name: (row["sha256"], row["likeness"]) for name, row in found.items() if not row["fault"]}
