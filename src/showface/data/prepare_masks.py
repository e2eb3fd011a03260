"""From the NVIDIA irregular masks as they were downloaded, or any folder, to masks with white = hole.

irregular_mask/disocclusion_img_mask/00001.png ...   55,116 for training, black = hole: turned round -> OUT/train
mask/testing_mask_dataset/00000.png .. 11999.png     12,000 for testing, white = hole -> OUT/test, numbers kept
any other folder                                     as it is, or inverted if asked for -> OUT
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from showface.data.examine import stamp
from showface.data.faces import list_pictures
from showface.data.journal import Journal, Row
from showface.data.parallel import each
from showface.data.prepare import JOURNAL, Progress
from showface.errors import DataError, InputError
from showface.images import write_image
from showface.masks import BUCKETS, read_mask, resize_nearest

TRAINING, TESTING = "disocclusion_img_mask", "testing_mask_dataset"
MOSTLY_WHITE = 0.6  # mean share of white from which a set is taken to be inverted
PROBES = 32  # masks that the polarity of a set is measured on


@dataclass(frozen=True)
class MaskFolder:
    """One folder of masks, where its results go below OUT, and whether white and black change places."""

    folder: Path
    name: str  # "" = OUT itself
    inverted: bool


@dataclass(kw_only=True)
class PreparedMasks:
    """What became of the masks."""

    masks: int = 0
    new: int = 0
    inverted: int = 0
    buckets: dict[str, int] = field(default_factory=dict)  # how many masks hide so many per cent
    faults: list[str] = field(default_factory=list)


def mask_folders(root: Path, *, invert: bool | None = None) -> list[MaskFolder]:
    """The official folders at or below `root`, or `root` itself; `invert` overrules what is known of their polarity."""
    known = {TRAINING: ("train", True), TESTING: ("test", False)}
    found = {path.name: path for path in [root, *sorted(root.glob("*")), *sorted(root.glob("*/*"))] if path.is_dir()}
    official = [
        MaskFolder(found[folder], name, inverted) for folder, (name, inverted) in known.items() if folder in found
    ]
    folders = official or [MaskFolder(root, "", False)]
    return folders if invert is None else [MaskFolder(one.folder, one.name, invert) for one in folders]


def prepare_masks(
    folders: list[MaskFolder], out: Path, *, size: int = 0, workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> PreparedMasks:  # fmt: skip
    """Write every mask as a 1-bit PNG, white = hole, at `size` pixels (nearest; 0 = as it is); resumes.

    A folder that would come out mostly white is refused before anything is written.
    """
    for one in folders:
        refuse_inverted(one)
    jobs = {
        str(out / one.name / path.relative_to(one.folder).with_suffix(".png")): (one, path)
        for one in folders
        for path in list_pictures(one.folder)
    }
    journal = Journal(
        out / JOURNAL, {"masks": [[str(one.folder.resolve()), one.inverted] for one in folders], "size": size}
    )
    waiting = [target for target, (_, path) in jobs.items() if not _is_done(journal.rows.get(target), path, target)]
    progress(len(jobs) - len(waiting), len(jobs))

    def work(target: str) -> Row:
        return _prepare_one(jobs[target][1], Path(target), inverted=jobs[target][0].inverted, size=size)

    for done, (target, row) in enumerate(each(work, waiting, workers=workers), start=1):
        journal.add(target, row)
        progress(len(jobs) - len(waiting) + done, len(jobs))
    rows = [journal.rows[target] for target in jobs]
    good = [row for row in rows if not row["fault"]]
    buckets = {name: sum(low < row["share"] <= high for row in good) for name, (low, high) in BUCKETS.items()}
    inverted = sum(one.inverted for one, path in jobs.values())
    faults = [row["fault"] for row in rows if row["fault"]]
    return PreparedMasks(masks=len(good), new=len(waiting), inverted=inverted, buckets=buckets, faults=faults)


def refuse_inverted(one: MaskFolder) -> None:
    """Raises `DataError` if the masks of a folder would hide more than `MOSTLY_WHITE` on average."""
    white = white_share(one.folder)
    hole = 1 - white if one.inverted else white
    if hole > MOSTLY_WHITE:
        cure = "--no-invert keeps them as they are" if one.inverted else "--invert turns them round"
        raise DataError(f"{one.folder}: {hole:.0%} of these masks would be hole; white must be the hole: {cure}")


def white_share(folder: Path) -> float:
    """The mean share of white over some masks of a folder, evenly chosen."""
    files = list_pictures(folder)
    chosen = np.unique(np.linspace(0, len(files) - 1, PROBES).astype(int))
    shares = []
    for index in chosen:
        try:
            shares.append(float(read_mask(files[index]).mean()))
        except InputError:  # named when its turn comes
            continue
    if not shares:
        raise DataError(f"{folder}: none of {len(chosen)} of its masks can be read")
    return float(np.mean(shares))


def _prepare_one(path: Path, target: Path, *, inverted: bool, size: int) -> Row:
    bytes_, modified = stamp(path)
    row: Row = {"source": str(path), "size": bytes_, "modified": modified, "share": 0.0, "fault": ""}
    try:
        hole = read_mask(path)
    except InputError as error:
        return row | {"fault": " ".join(str(error).split())}
    hole = ~hole if inverted else hole
    if size and hole.shape != (size, size):
        hole = resize_nearest(hole, (size, size))
    target.parent.mkdir(parents=True, exist_ok=True)
    write_image(target, Image.fromarray(hole), overwrite=True)
    return row | {"share": float(hole.mean())}


def _is_done(row: Row | None, path: Path, target: str) -> bool:
    same = row is not None and not row["fault"] and (row["size"], row["modified"]) == stamp(path)
    return same and Path(target).is_file()
