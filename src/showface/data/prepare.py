"""From a set of faces as it was downloaded to folders that training takes as they are.

OUT/images/STEM.png    square, at most `size` pixels, antialiased
OUT/labels/STEM.png    19 classes in `OFFICIAL_ORDER`, left and right where they belong; where there were labels
OUT/faces.json         the source for `--data`; a published set keeps its split, duplicates on one side of it
OUT/test/              pictures held out of any other set, again images/ and labels/
OUT/duplicates.json    exact and near-duplicates; OUT/pairs.txt the same as pairs of numbers
OUT/prepared.jsonl     what was done, a line a picture: the same call goes on where it was stopped
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from showface.data.faces import Face, FaceSource, list_faces
from showface.data.journal import Journal, Row
from showface.data.likeness import groups, near_pairs
from showface.data.parallel import each
from showface.data.prepare_one import Cut, PrepareConfig, is_done, made_files, prepare_one
from showface.data.sets import FaceSet
from showface.data.split import picture_number
from showface.errors import DataError, SettingError
from showface.images import writing

JOURNAL, DUPLICATES, PAIRS, FACES = "prepared.jsonl", "duplicates.json", "pairs.txt", "faces.json"
Progress = Callable[[int, int], None]


@dataclass(kw_only=True)
class Prepared:
    """What became of a set."""

    pictures: int = 0  # there are now
    new: int = 0  # source files dealt with in this call
    labels: int = 0
    mended: int = 0  # labels of which left and right were exchanged
    smaller: int = 0  # pictures that are smaller than the size asked for
    held_out: int = 0
    exact: list[tuple[str, str]] = field(default_factory=list)  # pairs of prepared pictures of equal source files
    near: list[tuple[str, str, int]] = field(default_factory=list)  # pairs that look alike, and signs that differ
    faults: list[str] = field(default_factory=list)  # a line per picture or label that could not be used


def prepare(
    source: FaceSource, out: Path, config: PrepareConfig, *, cut: Cut | None = None, workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> Prepared:  # fmt: skip
    """Prepare the faces of `source` in `out`; the same call goes on where it was stopped and does nothing twice.

    `cut` gives the faces of a photograph as squares of `config.size`; without it a picture is its own face, of which
    the largest centred square is taken. A picture or label that cannot be used is told among the faults, and tried
    again by the next call.
    """
    if config.hold_out and isinstance(source, FaceSet):
        raise SettingError(f"{source.folder}: a published set has its own test side; hold nothing else out")
    named = names_of(source, list_faces(source))
    settings = {"prepared": str(Path(source.folder).resolve()), "labels": bool(source.labels)} | asdict(config)
    journal = Journal(out / JOURNAL, settings)
    waiting = [stem for stem in named if not is_done(journal.rows.get(stem), named[stem], out)]

    def work(stem: str) -> Row:
        return prepare_one(named[stem], stem, out, config, cut)

    progress(len(named) - len(waiting), len(named))
    for done, (stem, row) in enumerate(each(work, waiting, workers=workers), start=1):
        journal.add(stem, row)
        progress(len(named) - len(waiting) + done, len(named))
    rows = {stem: journal.rows[stem] for stem in named}
    result = _summary(rows, new=len(waiting), config=config)
    if not result.pictures:
        raise DataError(f"{source.folder}: none of its {len(named)} pictures can be used: {result.faults[0]}")
    result.held_out = _hold_out(out, rows, result, config.hold_out)
    _write_lists(out, source, result)
    return result


def names_of(source: FaceSource, faces: Sequence[Face]) -> dict[str, Face]:
    """The faces by the stems of their new files: five digits in a published set, else the old stem.

    Where several pictures of different folders share a stem, the folders' names are part of it.
    """
    paths = [face.picture.relative_to(source.folder).with_suffix("") for face in faces]
    shared = {stem for stem, count in Counter(path.name for path in paths).items() if count > 1}
    if isinstance(source, FaceSet):
        stems = [f"{picture_number(path.name):05d}" for path in paths]
    else:
        stems = ["_".join(path.parts) if path.name in shared else path.name for path in paths]
    named = dict(zip(stems, faces, strict=True))
    if len(named) < len(faces):
        twice = next(stem for stem, count in Counter(stems).items() if count > 1)
        raise DataError(f"{source.folder}: several pictures would be called {twice}; rename one of them")
    return named


# ---------------------------------------------------------------------------------------------- the set


def _summary(rows: dict[str, Row], *, new: int, config: PrepareConfig) -> Prepared:
    """Counts, faults and duplicates of what the journal tells."""
    made = {name: (row["sha256"], one) for row in rows.values() for name, one in row["pictures"].items()}
    names, first = list(made), dict[str, str]()
    exact = [
        (first[row["sha256"]], name)
        for row in rows.values()
        for name in list(row["pictures"])[:1]
        if first.setdefault(row["sha256"], name) != name
    ]
    near = [
        (names[one], names[other], apart)
        for one, other, apart in near_pairs([made[name][1]["likeness"] for name in names])
        if made[names[one]][0] != made[names[other]][0]
    ]
    return Prepared(
        pictures=len(names), new=new, labels=sum(bool(row["label"]) for row in rows.values()),
        mended=sum(row["mended"] for row in rows.values()),
        smaller=sum(one["side"] < config.size for _, one in made.values()), exact=exact, near=near,
        faults=[fault for row in rows.values() for fault in row["faults"]],
    )  # fmt: skip


def _hold_out(out: Path, rows: dict[str, Row], result: Prepared, share: float) -> int:
    """Move a share of the pictures to OUT/test, duplicates together; returns how many lie there.

    What lies there stays there, and takes its duplicates along; the rest is chosen by the hashes of the source files.
    """
    if not share:
        return 0
    source = {name: row["sha256"] for row in rows.values() for name in row["pictures"]}
    same_photo = [(next(iter(row["pictures"])), name) for row in rows.values() for name in row["pictures"]]
    joined = groups([*same_photo, *result.exact, *((one, other) for one, other, _ in result.near)])
    held = {
        name for name in source if any(path.parent.parent.name == "test" for path in made_files(out, "images", name))
    }
    held |= {name for group in joined if group & held for name in group}
    for group in sorted(joined, key=lambda group: min(source[name] for name in group)):
        if len(held) < max(1, round(share * len(source))):
            held |= group
    for name in sorted(held):
        for kind in ("images", "labels"):
            for path in made_files(out, kind, name):
                target = out / "test" / kind / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
    if len(held) == len(source):
        raise DataError(f"{out}: everything is held out of {len(source)} pictures; give more, or hold less out")
    return len(held)


def _write_lists(out: Path, source: FaceSource, result: Prepared) -> None:
    """faces.json, duplicates.json and pairs.txt, where they would change."""
    pairs = [*result.exact, *((one, other) for one, other, _ in result.near)]
    row: dict[str, Any] = {"folder": "images"} | ({"labels": "labels"} if result.labels else {})
    if isinstance(source, FaceSet):
        row |= {"layout": source.layout} | ({"pairs": PAIRS} if pairs else {})
        if pairs:
            _write_text(out / PAIRS, "".join(f"{one} {other}\n" for one, other in pairs))
    else:
        row["layout"] = "folder"
    _write_text(out / FACES, json.dumps([row], indent=1) + "\n")
    _write_text(out / DUPLICATES, json.dumps({"exact": result.exact, "near": result.near}, indent=1) + "\n")


def _write_text(path: Path, text: str) -> None:
    content = text.encode()
    if not path.is_file() or path.read_bytes() != content:
        with writing(path) as stream:
            stream.write(content)
