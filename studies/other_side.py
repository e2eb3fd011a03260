"""The other side of the face on photographs: sheets to look at, why nothing was taken, and what it costs.

    python -m studies.other_side --photos DATA/london/photos DATA/portraits DATA/photos --count 14 --sheets OUT

Of every folder `--count` photographs, evenly spaced by name; in turn one eye, an eye with its brow, and half a face are
hidden. A sheet shows hidden, without, with and the original at the photograph's own pixels, six photographs a page.
The table has milliseconds of the step alone, in a frame and in the photograph, two threads.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw

from benchmarks import record
from showface.errors import ShowFaceError
from showface.images import SUFFIXES, to_tensor
from showface.masks import extent, mask_tensor
from showface.photo.align import bring_back, take
from showface.photo.choose import View
from showface.photo.decode import decode
from showface.photo.mirror import Mirror
from showface.photo.photograph import Photo
from showface.photo.put_back import mirrored_over
from showface.pipeline import FaceInpainter, levels
from studies.completing import RESULTS

KINDS = ("one eye", "eye and brow", "half a face")
PAGE = 6  # photographs on a sheet
PANEL = 420  # pixels along the longer side of a panel at the most; larger ones are reduced


@dataclass(frozen=True)
class Case:
    """A photograph with a part of its face hidden."""

    file: Path
    kind: str
    photo: Photo
    hole: np.ndarray
    look: tuple[int, int, int, int]  # what a sheet shows: left, top, right, bottom


def cases(folders: list[Path], count: int, inpaint: FaceInpainter) -> Iterator[Case]:
    """The photographs of all folders, each with the next of `KINDS`; those without a face are left out and named."""
    number = 0
    for folder in folders:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
        for file in (files[round((i + 0.5) * len(files) / count - 0.5)] for i in range(count)):
            photo = decode(file)
            nothing = np.zeros((photo.height, photo.width), bool)
            view = inpaint.choose(photo, nothing).views[0]
            if view.face is None:
                print(f"{file.name}: no face")
                continue
            yield hidden(file, photo, view, KINDS[number % len(KINDS)], left=number // len(KINDS) % 2 == 0)
            number += 1


def hidden(file: Path, photo: Photo, view: View, kind: str, *, left: bool) -> Case:
    """Hides `kind` at the picture's left or right, by the detector's points on the whole face."""
    assert view.face is not None
    right_eye, left_eye = view.face.points[:2]
    middle, apart = (right_eye + left_eye) / 2, left_eye - right_eye
    length = float(np.hypot(*apart))
    along, up = apart / length, np.array((apart[1], -apart[0])) / length
    ys, xs = np.mgrid[: photo.height, : photo.width].astype(np.float32)
    eye = right_eye if left else left_eye
    if kind == "half a face":
        across = (xs - middle[0]) * along[0] + (ys - middle[1]) * along[1]
        height = (xs - middle[0]) * up[0] + (ys - middle[1]) * up[1]
        hole = ((across < 0) if left else (across > 0)) & (height < 0.9 * length) & (height > -1.9 * length)
        hole &= np.abs(across) < 1.4 * length
        reach = (1.7, 1.5, 2.4)
    else:
        raised, high = (0.0, 0.26) if kind == "one eye" else (0.14, 0.42)
        across = (xs - eye[0]) * along[0] + (ys - eye[1]) * along[1]
        height = (xs - eye[0]) * up[0] + (ys - eye[1]) * up[1] - raised * length
        hole = (across / (0.4 * length)) ** 2 + (height / (high * length)) ** 2 < 1
        reach = (1.1, 0.75, 0.6)
    box = (
        max(0, int(middle[0] - reach[0] * length)), max(0, int(middle[1] - reach[1] * length)),
        min(photo.width, int(middle[0] + reach[0] * length)), min(photo.height, int(middle[1] + reach[2] * length)),
    )  # fmt: skip
    return Case(file, kind, photo, hole, box)


def panels(case: Case, inpaint: FaceInpainter) -> tuple[list[Image.Image], str, float]:
    """Hidden, without, with, original; what became of it; the part of the hole that was taken."""
    without = inpaint.restore(case.photo, case.hole, mirror="off")
    found = inpaint.restore(case.photo, case.hole)
    left, top, right, bottom = case.look
    masked = np.where(case.hole[top:bottom, left:right, None], np.uint8(255), case.photo.rgb(case.look))
    shown = [masked, without.photo.rgb(case.look), found.photo.rgb(case.look), case.photo.rgb(case.look)]
    return [_fitted(Image.fromarray(one)) for one in shown], found.mirror[0], found.mirrored


def _fitted(picture: Image.Image) -> Image.Image:
    if max(picture.size) > PANEL:
        picture.thumbnail((PANEL, PANEL), Image.Resampling.LANCZOS)
    return picture


def sheet(rows: list[tuple[str, list[Image.Image]]]) -> Image.Image:
    """Photographs below each other, each with its name above."""
    high = sum(24 + row[0].height for _, row in rows)
    page = Image.new("RGB", (4 * (PANEL + 6), high), "white")
    top = 0
    for name, row in rows:
        ImageDraw.Draw(page).text((4, top + 12), name, fill="black", anchor="lm", font_size=14)
        for column, picture in enumerate(row):
            page.paste(picture, (column * (PANEL + 6), top + 24))
        top += 24 + row[0].height
    return page


def cost(case: Case, inpaint: FaceInpainter, repeats: int = 5) -> tuple[float, float, int] | None:
    """Seconds to find the other side in the frame, to bring it to the photograph, and the hole's pixels."""
    view = inpaint.choose(case.photo, case.hole).views[0]
    small, seen = take(case.photo, case.hole, view.frame)
    output = inpaint.complete(to_tensor(small), mask_tensor(seen))
    finding, bringing = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        found = inpaint.other_side(output, seen, view=view)
        finding.append(time.perf_counter() - start)
        if not isinstance(found, Mirror):
            return None
        rows, columns = extent(case.hole)
        box = columns.start, rows.start, columns.stop, rows.stop
        base = bring_back(levels(output), view.frame, box)
        start = time.perf_counter()
        mirrored_over(base, case.photo, view.frame, found, box)
        bringing.append(time.perf_counter() - start)
    return min(finding), min(bringing), int(case.hole.sum())


def main() -> None:
    options = record.parser(__doc__ or "", "other_side")
    options.set_defaults(out=RESULTS / "other_side.json")
    options.add_argument("--photos", type=Path, nargs="+", required=True)
    options.add_argument("--count", type=int, default=14, help="photographs of each folder")
    options.add_argument("--sheets", type=Path, help="folder for the sheets, which show people: not to be published")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    cv2.setNumThreads(chosen.threads)
    inpaint = FaceInpainter.from_pretrained()
    rows: list[tuple[str, list[Image.Image]]] = []
    outcomes: Counter[tuple[str, str]] = Counter()
    costs = []
    for case in cases(chosen.photos, chosen.count, inpaint):
        try:
            row, what, share = panels(case, inpaint)
        except ShowFaceError as error:
            print(f"{case.file.name}: {error}")
            continue
        outcomes[case.kind, what] += 1
        rows.append(
            (f"{len(rows) + 1}: {case.file.parent.name}/{case.file.name}, {case.kind}: {what}, {share:.0%}", row)
        )
        spent = cost(case, inpaint)
        costs += [] if spent is None else [spent]
    for page in range(0, len(rows) if chosen.sheets else 0, PAGE):
        chosen.sheets.mkdir(parents=True, exist_ok=True)
        sheet(rows[page : page + PAGE]).save(chosen.sheets / f"other_side_{page // PAGE + 1}.png")
    record.show(["hidden", "what was taken", "photographs"], [[*key, str(n)] for key, n in sorted(outcomes.items())])
    found, brought = (1000 * float(np.median([one[i] for one in costs])) for i in (0, 1))
    million = 1e9 * float(np.median([brought / pixels for _, brought, pixels in costs])) if costs else 0.0
    print(f"\nfinding it: {found:.1f} ms a face")
    print(f"bringing it to the photograph: {brought:.1f} ms, {million:.0f} ms a megapixel of the hole")
    counts = {f"{kind}: {what}": n for (kind, what), n in sorted(outcomes.items())}
    record.write(chosen.out, {
        "machine": record.machine(chosen.threads), "photographs": len(rows), "outcomes": counts,
        "ms_finding": round(found, 1), "ms_bringing": round(brought, 1), "ms_per_megapixel_of_hole": round(million),
    })  # fmt: skip


if __name__ == "__main__":
    main()
