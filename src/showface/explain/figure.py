"""One figure that shows how a face was completed, box by box of the paper's Figure 2.

Above: photograph, aligned face, what of it is visible, coarse completion, semantic map, completed face; where the
networks look at sources (not in the paper), what these show on the face, and how one of them was moved there.
Below: how much of each memory slot every category read (Eq. 4), where one patch of the hole took its features from
(section 3.3), what was taken from the other side of the face after the networks, and the photograph that came out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw

from showface.explain.findings import CategoryRead, Explanation, OtherSideOf
from showface.explain.network import explanation
from showface.explain.pictures import FAINT, INK, PANEL, fitted, tinted
from showface.networks.mdrnets import MDRNets
from showface.networks.sources import Sources

GAP, MARGIN, HEAD = 14, 18, 24  # pixels between panels, around everything, of a title
LINE = (36, 64)  # least and greatest height in pixels of a category's line of bars


def explain(
    network: MDRNets,
    crop: Image.Image,
    hidden: Bool[np.ndarray, "h w"],
    *,
    aligned: Image.Image,
    photo: Image.Image,
    hole: Bool[np.ndarray, "photo_h photo_w"],
    result: Image.Image,
    other_side: OtherSideOf,
    further: Sources | None = None,
) -> Image.Image:
    """The figure for what the networks saw: `crop` (RGB) with its mask `hidden`.

    `aligned` is the same crop with nothing hidden, `photo`, `hole` and `result` are what it belongs to; `other_side`
    and `further` are as in `explanation`.
    """
    found = explanation(network, crop, hidden, aligned=aligned, other_side=other_side, further=further)
    panels = [
        Panel("photograph", tinted(photo, hole)),
        Panel("aligned face", found.aligned),
        Panel("what is visible", found.visible),
        Panel("coarse", found.coarse),
        Panel("semantic map", found.semantic_map),
        Panel("completed face", found.completed),
    ]
    if found.brought is not None:
        shown, moved = found.brought.words()
        panels.insert(5, Panel("what the sources show", found.brought.face, shown))
        panels.insert(6, Panel("where it comes from", found.brought.moved, moved))
    return _figure(panels, found, result)


class Panel(NamedTuple):
    """A picture of the sheet, with what stands above and below it."""

    title: str
    picture: Image.Image
    words: str = ""


def _figure(panels: list[Panel], found: Explanation, result: Image.Image) -> Image.Image:
    """`panels` above; below, in the room of all but three panels, the bars, then the last three."""
    reads, free = found.reads, len(panels) - 3
    below = MARGIN + HEAD + PANEL + 2 * GAP
    columns = max(2, free // 2 + 1)  # of bars
    lines = max(1, -(-len(reads) // columns))
    bars = free * (PANEL + GAP) // columns  # pixels of each column
    line = min(max(PANEL // lines, LINE[0]), LINE[1])
    height = below + HEAD + max(PANEL + HEAD, lines * line) + MARGIN
    sheet = Image.new("RGB", (2 * MARGIN + len(panels) * (PANEL + GAP) - GAP, height), "white")
    for column, panel in enumerate(panels):
        _draw(sheet, _column(column), MARGIN, panel)
    for number, read in enumerate(reads):
        place = (_column(0) + (number // lines) * bars, below + HEAD + (number % lines) * line)
        _bars(sheet, place, read, (bars - GAP, line))
    _write(sheet, (_column(0), below + HEAD // 2), "what each category read: the share of every memory slot")
    sources = found.sources()
    last = [
        None if sources is None or found.attention is None else Panel(
            "one patch of the hole, and its sources", sources, found.attention.words()
        ),
        Panel("from the other side", found.other_side.picture, found.other_side.words()),
        Panel("result", fitted(result)),
    ]  # fmt: skip
    for column, drawn in enumerate(last, start=free):
        if drawn is not None:
            _draw(sheet, _column(column), below, drawn)
    return sheet


def _column(number: int) -> int:
    return MARGIN + number * (PANEL + GAP)


def _draw(sheet: Image.Image, left: int, top: int, panel: Panel) -> None:
    _write(sheet, (left, top + HEAD // 2), panel.title)
    picture = panel.picture if max(panel.picture.size) == PANEL else fitted(panel.picture)
    sheet.paste(picture, (left, top + HEAD))
    _write(sheet, (left, top + HEAD + PANEL + HEAD // 2), panel.words, FAINT)


def _bars(sheet: Image.Image, place: tuple[int, int], read: CategoryRead, size: tuple[int, int]) -> None:
    """One category: its colour and name, how much of it is hidden, a bar for every slot, the largest share."""
    (left, top), (width, height) = place, size
    draw = ImageDraw.Draw(sheet)
    base = top + height - 12
    draw.rectangle((left, top + 4, left + 12, top + 16), fill=read.colour, outline=FAINT)
    _write(sheet, (left + 20, top + 10), read.name)
    _write(sheet, (left + 20, top + 25), f"{read.hidden:.0%} hidden", FAINT, size=11)
    first, room = left + 110, width - 110 - 80
    if read.personal:
        _write(sheet, (first, top + 16), read.words(), FAINT, size=12)
        return
    step = room / len(read.weights)
    largest = max(float(read.weights.max()), 1e-12)
    for slot, weight in enumerate(read.weights):
        x = first + slot * step
        tall = round((height - 18) * float(weight) / largest)
        draw.rectangle((x, base - tall, x + max(1.0, step - 2), base), fill=INK if tall else (225, 225, 225))
    _write(sheet, (first + room + 8, top + 16), read.words(), FAINT, size=12)


def _write(
    sheet: Image.Image, place: tuple[int, int], text: str, colour: tuple[int, int, int] = INK, size: int = 14
) -> None:
    ImageDraw.Draw(sheet).text(place, text, fill=colour, anchor="lm", font_size=size)
