"""Photographs of any size: time, memory and how well the completion sits in its surroundings.

    python benchmarks/photo.py speed [--sizes 1 6 12 24 48] [--threads 2]
    python benchmarks/photo.py steady [--runs 200]
    python benchmarks/photo.py quality --photos FOLDER ... [--count 6] [--sheets FOLDER]

`speed` enlarges a bundled generated face to JPEG photographs of these megapixels, hides a hand over it and completes
each in a process of its own, from file to file: seconds without loading the weights, and the highest memory held.
`steady` completes photographs of changing sizes in one process and looks at its memory. `quality` hides hands, glasses
and scratches in real photographs, and compares ways to put the completion back with the truth; pictures go to --sheets,
if given.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from record import machine, parser, show, write

from showface.images import SUFFIXES, read_image, to_tensor, to_unit
from showface.masks import extent, mask_tensor
from showface.occluders.drawing import draw_occluder
from showface.photo.align import SIDE, Frame, bring_back, frame_of_points, take
from showface.photo.classical import telea
from showface.photo.decode import decode
from showface.photo.encode import encode
from showface.photo.find_faces import face_finder
from showface.photo.photograph import Photo
from showface.photo.put_back import put_back
from showface.photo.seam import seam_of
from showface.pipeline import FaceInpainter
from showface.weights import bundled

SAMPLE = bundled().parent / "samples" / "faces" / "07043.webp"
MASKS = ("hand", "glasses", "scratches")
WAYS: dict[str, Callable[..., Photo]] = {
    "pasted": partial(put_back, feather=0, grain=False),
    "feather 12 px": partial(put_back, feather=12, grain=False),
    "membrane": partial(put_back, grain=False),
    "membrane and texture": put_back,
}


# ---------------------------------------------------------------------------------------------- time and memory


def photograph(megapixels: float) -> tuple[Photo, np.ndarray]:
    """A 3:2 picture with grain and one face of half its height; and a hand over the face."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width, side = round(height * 1.5), height // 2
    canvas = np.full((height, width, 3), (96, 112, 120), np.uint8)
    face = np.asarray(read_image(SAMPLE).resize((side, side), Image.Resampling.BICUBIC))
    top, left = height // 4, width // 3
    canvas[top : top + side, left : left + side] = face
    grain = np.random.default_rng(0).integers(0, 9, (512, 512, 1), dtype=np.uint8)
    for y in range(0, height, 512):
        for x in range(0, width, 512):
            part = canvas[y : y + 512, x : x + 512]
            part += grain[: part.shape[0], : part.shape[1]] * (part < 240)
    hole = np.zeros((height, width), dtype=bool)
    hand = draw_occluder(np.random.default_rng(1), SIDE, "hand")
    hole[top : top + side, left : left + side] = np.asarray(Image.fromarray(hand).resize((side, side)))
    return Photo(pixels=canvas, mode="RGB", format="PNG"), hole


def peak() -> float:
    """The most memory this process held, in MiB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now_held() -> float:
    """The memory this process holds, in MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def one_size(megapixels: float, threads: int, results: multiprocessing.Queue[dict[str, float]]) -> None:
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    inpaint = FaceInpainter.from_pretrained(device="cpu", detector="cached")
    with warnings.catch_warnings(record=True), tempfile.TemporaryDirectory() as folder:
        inpaint.restore(*photograph(0.5))  # what is loaded when it is first used does not count
        file, hole = saved_photograph(megapixels, Path(folder))
        before, used, clock = now_held(), time.process_time(), [time.perf_counter()]
        photo = decode(file)
        clock.append(time.perf_counter())
        restored = inpaint.restore(photo, hole)
        clock.append(time.perf_counter())
        encode(restored.photo, file.with_name("out.jpg"))
        clock.append(time.perf_counter())
    reading, completing, writing = (after - start for start, after in pairwise(clock))
    results.put(
        {
            "megapixels": megapixels,
            "seconds": reading + completing + writing,
            "reading": reading,
            "completing": completing,
            "writing": writing,
            "processor_seconds": time.process_time() - used,
            "peak_mib": peak(),
            "before_mib": before,
            "faces": restored.faces,
        }
    )


def saved_photograph(megapixels: float, folder: Path) -> tuple[Path, np.ndarray]:
    """`photograph` as a JPEG file, made in a process of its own so that its memory is not that of the completion."""
    file = folder / "in.jpg"
    process = multiprocessing.get_context("spawn").Process(target=save_photograph, args=(megapixels, file))
    process.start()
    process.join()
    return file, np.load(folder / "hole.npy")


def save_photograph(megapixels: float, file: Path) -> None:
    photo, hole = photograph(megapixels)
    encode(photo, file, quality=92)
    np.save(file.with_name("hole.npy"), hole)


def speed(sizes: list[float], threads: int) -> list[dict[str, float]]:
    processes = multiprocessing.get_context("spawn")
    rows = []
    for megapixels in sizes:
        results: multiprocessing.Queue[dict[str, float]] = processes.Queue()
        process = processes.Process(target=one_size, args=(megapixels, threads, results))
        process.start()
        rows.append(results.get())
        process.join()
    show(
        ["megapixels", "seconds", "reading, completing, writing", "processor seconds", "memory, MiB", "before"],
        [
            [f"{row['megapixels']:g}", f"{row['seconds']:.2f}",
             " + ".join(f"{row[part]:.2f}" for part in ("reading", "completing", "writing")),
             f"{row['processor_seconds']:.2f}", f"{row['peak_mib']:.0f}", f"{row['before_mib']:.0f}"]
            for row in rows
        ],
    )  # fmt: skip
    return rows


def steady(runs: int, threads: int) -> dict[str, object]:
    """Memory held after every tenth of `runs` photographs of 0.2 to 2 megapixels in one process."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    inpaint = FaceInpainter.from_pretrained(device="cpu", detector="cached")
    rng, held, seconds = np.random.default_rng(0), [], []
    for run in range(runs):
        photo, hole = photograph(float(rng.uniform(0.2, 2)))
        start = time.perf_counter()
        inpaint.restore(photo, hole)
        seconds.append(time.perf_counter() - start)
        if (run + 1) % max(1, runs // 10) == 0:
            held.append(round(now_held(), 1))
    show(["photographs", "memory held, MiB"], [[str((n + 1) * runs // 10), f"{mib}"] for n, mib in enumerate(held)])
    return {"runs": runs, "held_mib": held, "median_seconds": statistics.median(seconds)}


# ---------------------------------------------------------------------------------------------- against the truth


@dataclass(frozen=True)
class Case:
    """A photograph with one face, and a part of it that is hidden."""

    name: str
    photo: Photo
    frame: Frame
    hole: np.ndarray


def cases(folders: list[Path], count: int) -> Iterator[Case]:
    finder = face_finder(fetch=True)
    if finder is None:
        raise SystemExit("the face detector is needed: it is the asset yunet")
    for folder in folders:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        for number, path in enumerate(paths[:: max(1, len(paths) // count)][:count]):
            photo = decode(path)
            faces = finder.touched(photo, np.zeros((photo.height, photo.width), dtype=bool))
            for mask in MASKS if faces else ():
                frame = frame_of_points(faces[0].points)
                drawn = draw_occluder(np.random.default_rng(number), SIDE, mask)
                whole = (0, 0, photo.width, photo.height)
                hole = bring_back(drawn[..., None].astype(np.float32), frame, whole)[..., 0] > 0.5
                hole &= frame.within(whole)
                yield Case(f"{path.stem}-{mask}", photo, frame, hole)


def compared(inpaint: FaceInpainter, case: Case, sheets: Path | None) -> dict[str, dict[str, float]]:
    """The measures of every way to put a completion back, and of Telea's method at the same size."""
    small, hidden = take(case.photo, case.hole, case.frame)
    output = inpaint.complete(to_tensor(small), mask_tensor(hidden)).completed[0]
    values = (to_unit(output).clamp(0, 1) * 255).permute(1, 2, 0).numpy()
    results = {name: way(case.photo, case.hole, case.frame, values, hidden) for name, way in WAYS.items()}
    classical = telea(np.asarray(small), hidden)
    results["all by Telea, membrane"] = put_back(case.photo, case.hole, case.frame, classical, hidden, grain=False)
    if sheets is not None:
        _draw(case, results, sheets)
    return {name: _measured(case, result) for name, result in results.items()}


def _measured(case: Case, result: Photo) -> dict[str, float]:
    rows, columns = extent(case.hole)
    box = (
        max(0, columns.start - 16), max(0, rows.start - 16),
        min(case.photo.width, columns.stop + 16), min(case.photo.height, rows.stop + 16),
    )  # fmt: skip
    hole = case.hole[box[1] : box[3], box[0] : box[2]]
    made, truth = (photo.rgb(box).astype(np.float32) for photo in (result, case.photo))
    error = ((made - truth)[hole] ** 2).mean()
    fine = [np.square(pixels - cv2.GaussianBlur(pixels, (0, 0), 1.0))[hole].mean() ** 0.5 for pixels in (made, truth)]
    seam, true_seam = seam_of(result, case.hole), seam_of(case.photo, case.hole)
    return {
        "psnr": float(10 * np.log10(255**2 / max(error, 1e-3))),
        "step": seam.step,
        "true_step": true_seam.step,
        "colour": seam.colour,
        "true_colour": true_seam.colour,
        "fine": float(fine[0] / max(fine[1], 1e-3)),
    }


def _draw(case: Case, results: dict[str, Photo], sheets: Path) -> None:
    """The face's square in full resolution: the truth, what is visible, and every way."""
    sheets.mkdir(parents=True, exist_ok=True)
    box = case.frame.window(case.hole.shape)
    truth = case.photo.rgb(box)
    hole = case.hole[box[1] : box[3], box[0] : box[2], None]
    tiles = [truth, np.where(hole, np.uint8(128), truth), *(result.rgb(box) for result in results.values())]
    Image.fromarray(np.hstack(tiles)).save(sheets / f"{case.name}.png")


def quality(folders: list[Path], count: int, weights: str | None, sheets: Path | None) -> dict[str, object]:
    inpaint = FaceInpainter.from_pretrained(weights, device="cpu")
    measured = {case.name: compared(inpaint, case, sheets) for case in cases(folders, count)}
    means: dict[str, dict[str, dict[str, float]]] = {}
    for mask in MASKS:
        of_mask = [ways for name, ways in measured.items() if name.endswith(f"-{mask}")]
        means[mask] = {
            way: {key: statistics.mean(ways[way][key] for ways in of_mask) for key in of_mask[0][way]}
            for way in of_mask[0]
        }
    show(
        ["mask", "put back", "PSNR in the hole, dB", "step (true)", "colour step (true)", "fine detail / true"],
        [
            [mask, way, f"{row['psnr']:.2f}", f"{row['step']:.1f} ({row['true_step']:.1f})",
             f"{row['colour']:.1f} ({row['true_colour']:.1f})", f"{row['fine']:.2f}"]
            for mask, ways in means.items() for way, row in ways.items()
        ],
    )  # fmt: skip
    return {"photographs": len(measured) // len(MASKS), "means": means}


def main() -> None:
    options = parser(__doc__ or "", "photo")
    options.add_argument("what", choices=["speed", "steady", "quality"])
    options.add_argument("--sizes", type=float, nargs="+", default=[1.0, 6.0, 12.0, 24.0, 48.0], help="megapixels")
    options.add_argument("--runs", type=int, default=200)
    options.add_argument("--photos", type=Path, nargs="+", default=[], help="folders of photographs")
    options.add_argument("--count", type=int, default=6, help="photographs of each folder")
    options.add_argument("--weights", help="a folder or a file; default: those of the package")
    options.add_argument("--sheets", type=Path, help="where pictures of every case go")
    chosen = options.parse_args()
    facts = machine(chosen.threads)
    results: object
    with warnings.catch_warnings(record=True):  # hands may reach out of the face's square
        if chosen.what == "speed":
            results = speed(chosen.sizes, chosen.threads)
        elif chosen.what == "steady":
            results = steady(chosen.runs, chosen.threads)
        else:
            results = quality(chosen.photos, chosen.count, chosen.weights, chosen.sheets)
    write(chosen.out, {"results": results, "machine": facts}, part=chosen.what, weights=chosen.weights)


if __name__ == "__main__":
    main()
