"""What there is to do: pictures, masks and results, from folders, patterns or a list.

Everything is decided before the first picture is read, so that what cannot work is refused before work is done.
"""

from __future__ import annotations

import csv
import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from showface.errors import DataError, MaskError, SettingError, unknown
from showface.photo.encode import SUFFIXES

COLUMNS = ("image", "mask", "out")  # of a list of pictures


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture: where it is, what comes out, and where that goes."""

    image: Path
    out: Path
    mask: Path | None = None
    save_mask: Path | None = None  # where the mask that was filled in goes
    explain: Path | None = None  # where the figure goes
    replace: bool = False  # results that are there may be replaced

    def targets(self) -> list[Path]:
        """Everything that is written; the result last, since it is what says that a job is done."""
        return [path for path in (self.save_mask, self.explain, self.out) if path is not None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The jobs, and what found no partner."""

    jobs: list[Job]
    missing: list[str]  # pictures without a mask
    extra: list[str]  # masks without a picture


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where results go and how they are called."""

    out: Path | None  # a folder; None = as a list says
    form: str | None = None  # the format of the results, if not that of their pictures
    save_mask: Path | None = None  # a folder
    explain: Path | None = None  # a folder

    def job(self, image: Path, mask: Path | None, name: Path, *, base: Path = Path(), named: bool = False) -> Job:
        """The job of a picture whose result is `name` in `out`, or else in `base`; `named` = by a person."""
        suffix = name.suffix if self.form is None or named else suffix_of(self.form)
        beside = Path(name.name if name.is_absolute() else name).with_suffix(".png")
        return Job(
            image=image,
            mask=mask,
            out=(self.out or base) / name.with_suffix(suffix),
            save_mask=self.save_mask and self.save_mask / beside,
            explain=self.explain and self.explain / beside,
        )


def is_many(image: str) -> bool:
    """Whether `image` names many pictures: a folder, a pattern such as "photos/*.jpg", or a list in a .csv file."""
    return Path(image).is_dir() or _is_pattern(image) or Path(image).suffix.lower() == ".csv"


def plan(image: str, mask: str | None, places: Places, *, needs_mask: bool = True) -> Plan:
    """The jobs for a folder, a pattern or a list of pictures.

    In folders and patterns a mask has the name of its picture (the ending may differ, and `_mask` may follow), and so
    has the result; below a pattern's `**` that includes the folders. A single mask is that of all pictures. Without
    `mask` there are none, unless `needs_mask` or a list names them.
    """
    if not _is_pattern(image) and Path(image).suffix.lower() == ".csv" and not Path(image).is_dir():
        if mask is not None:
            raise SettingError(f"{image}: a list names its masks in the column mask; leave out --mask")
        found = _from_list(Path(image), places, needs_mask=needs_mask)
    elif mask is None and needs_mask:
        raise MaskError(f"{image}: expected a folder or a pattern of masks (--mask), or --box or --region")
    else:
        found = _from_folders(image, mask, places)
    if not found.jobs and not found.missing:
        raise DataError(f"{image}: expected pictures, found none")
    refuse_collisions(found.jobs)
    for job in found.jobs:
        refuse_other_ending(job.out, places.form)
    return found


def refuse_other_ending(out: Path, form: str | None) -> None:
    """Raises `SettingError` if the name of a result promises another format than `form`."""
    if form is not None and SUFFIXES.get(out.suffix.lower(), form) != form:
        raise SettingError(f"{out}: ends in {out.suffix}, but {form} was asked for; name it {suffix_of(form)}")


def refuse_collisions(jobs: Iterable[Job]) -> None:
    """Raises `DataError` if two results would be one file, or a result would replace another's picture or mask."""
    jobs = list(jobs)
    targets = Counter(_real(target) for job in jobs for target in job.targets())
    twice = [path for path, count in targets.items() if count > 1]
    if twice:
        raise DataError(f"{twice[0]}: would be written {targets[twice[0]]} times; give the results other names")
    for job in jobs:
        sources = {_real(job.image), *([_real(job.mask)] if job.mask else [])}
        own = {_real(job.out)} & {_real(job.image)}  # a picture may become its own result
        lost = (sources & targets.keys()) - own
        if lost:
            raise DataError(f"{lost.pop()}: is read and would be written; choose another place for the results")


# ---------------------------------------------------------------------------------------------- folders


def _from_folders(image: str, mask: str | None, places: Places) -> Plan:
    """Pictures and masks of the same name in two folders, or found by two patterns."""
    pictures = _found(image)
    if mask is None:
        return Plan(jobs=[places.job(path, None, name) for name, path in pictures], missing=[], extra=[])
    if Path(mask).is_file():  # one for all of them
        jobs = [places.job(path, Path(mask), name) for name, path in pictures if _real(path) != _real(Path(mask))]
        return Plan(jobs=jobs, missing=[], extra=[])
    if not Path(mask).is_dir() and not _is_pattern(mask):
        raise MaskError(f"{mask}: expected a mask, a folder or a pattern of masks; there is no such file")
    masks = _found(mask, deep="**" in image)
    own = {_real(path) for _, path in pictures}
    if any(_real(path) in own for _, path in masks):  # masks among their pictures
        pictures, masks = _told_apart(pictures)
        if not masks:
            raise MaskError(
                f"{mask}: expected masks, found the pictures themselves; put the masks into a folder of their own, "
                "or call them STEM_mask.png"
            )
    by_name, extra = _partners([name for name, _ in pictures], masks, mask)
    named = [(name, path, by_name.get(name.with_suffix(""))) for name, path in pictures]
    return Plan(
        jobs=[places.job(path, partner, name) for name, path, partner in named if partner is not None],
        missing=[str(name) for name, _, partner in named if partner is None],
        extra=extra,
    )


Named = list[tuple[Path, Path]]  # each file with its name relative to where it was looked for


def _told_apart(files: Named) -> tuple[Named, Named]:
    """Pictures, and the masks among them: files called like another one, with `_mask` and whatever follows."""
    stems = {name.with_suffix("") for name, _ in files}
    are_masks = [_picture_of(name) in stems for name, _ in files]
    sorted_out = [
        [file for file, one in zip(files, are_masks, strict=True) if one == wanted] for wanted in (False, True)
    ]
    return sorted_out[0], sorted_out[1]


def _picture_of(mask: Path) -> Path | None:
    """The name without ending of the picture to which a file called `STEM_mask*` belongs."""
    stem, mark, _ = mask.stem.rpartition("_mask")
    return mask.with_name(stem) if mark and stem else None


def _partners(pictures: list[Path], masks: Named, where: str) -> tuple[dict[Path, Path], list[str]]:
    """The mask of each picture, by the picture's name without its ending, and the names of masks without a picture."""
    names = {name.with_suffix("") for name in pictures}
    found: dict[Path, list[Path]] = {}
    extra = []
    for name, path in masks:
        own = name.with_suffix("")
        picture = own if own in names else _picture_of(name)
        if picture in names and picture is not None:
            found.setdefault(picture, []).append(path)
        else:
            extra.append(str(name))
    twice = sorted(str(name) for name, paths in found.items() if len(paths) > 1)
    if twice:
        raise MaskError(f"{where}: expected one mask for each name, found several for {', '.join(twice)}")
    return {name: paths[0] for name, paths in found.items()}, extra


def _found(where: str, *, deep: bool = False) -> list[tuple[Path, Path]]:
    """The pictures of a folder (`deep`: of those in it too) or a pattern, each with its name relative to there."""
    if Path(where).is_dir():
        base, paths = Path(where), list(Path(where).glob("**/*" if deep else "*"))
    else:
        base, paths = _fixed_part(where), [Path(path) for path in glob.iglob(where, recursive=True)]
    named = ((path.relative_to(base), path) for path in paths)
    return sorted(
        (name, path)
        for name, path in named
        if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in name.parts) and path.is_file()
    )


def _is_pattern(where: str) -> bool:
    return glob.has_magic(where) and not Path(where).exists()


def _fixed_part(pattern: str) -> Path:
    """The folder that everything a pattern matches is in."""
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])


# ---------------------------------------------------------------------------------------------- lists


def _from_list(path: Path, places: Places, *, needs_mask: bool) -> Plan:
    """The rows of a .csv file with a column image, and mask and out where needed; paths are relative to the file.

    A result without a name in the column out has its picture's; with a folder for the results it is in there.
    """
    jobs, missing = [], []
    for number, row in _rows(path):
        if not row["image"]:
            raise DataError(f"{path}: line {number}: expected an image, found none")
        if places.out is None and not row.get("out"):
            raise DataError(f"{path}: line {number}: expected a name in the column out, or a folder (--out)")
        image, mask = path.parent / row["image"], path.parent / row["mask"] if row.get("mask") else None
        if (mask is None and needs_mask) or (mask is not None and not mask.exists()):
            missing.append(row["image"])
            continue
        name = Path(row.get("out") or image.name)
        jobs.append(places.job(image, mask, name, base=path.parent, named=bool(row.get("out"))))
    return Plan(jobs=jobs, missing=missing, extra=[])


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a list with their line numbers; columns and their number are checked."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            columns = [column.strip() for column in reader.fieldnames or ()]
            for column in columns:
                if column not in COLUMNS:
                    raise DataError(f"{path}: {unknown('column', column, COLUMNS)}")
            if "image" not in columns or len(set(columns)) < len(columns):
                raise DataError(f"{path}: expected a first line with the columns image,mask,out, each once")
            reader.fieldnames = columns
            for row in reader:
                if None in row or None in row.values():
                    raise DataError(f"{path}: line {reader.line_num}: expected {len(columns)} fields")
                yield reader.line_num, {name: value.strip() for name, value in row.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a list: {getattr(error, 'strerror', None) or error}") from error


def suffix_of(form: str) -> str:
    """The ending of files of a format."""
    return next(suffix for suffix, known in SUFFIXES.items() if known == form)


def _real(path: Path) -> str:
    """One spelling for one file, whatever links lead to its folder."""
    return os.path.join(os.path.realpath(path.parent), path.name)
