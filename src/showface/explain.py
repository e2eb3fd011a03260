"""One figure that shows how a face was completed, box by box of the paper's Figure 2.

Above: photograph, aligned face, what of it is visible, coarse completion, semantic map, completed face. Below: how much
of each memory slot every category read (Eq. 4), where one patch of the hole took its features from (section 3.3), what
was taken from the other side of the face after the networks, and the photograph that came out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from PIL import Image, ImageDraw

from showface.images import picture_of, resize_image, to_tensor, to_uint8
from showface.layers.correlation import padded_side, unfold_patches
from showface.layers.regions import broadcast, one_hot, region_pool
from showface.masks import downsample_mask, mask_tensor
from showface.networks.mdrnets import MDRNets, MDRNetsOutput
from showface.photo.mirror import Mirror, WhyNot
from showface.semantics import CATEGORY_COUNT, PALETTE, merge

PANEL = 256  # pixels; sides of every picture in the figure
GAP, MARGIN, HEAD = 14, 18, 24  # pixels between panels, around everything, of a title
LINE = (36, 64)  # least and greatest height in pixels of a category's line of bars
INK, FAINT, MARK = (30, 30, 30), (130, 130, 130), (0, 190, 255)
HEAT = ((0, 0, 0), (110, 20, 110), (220, 60, 50), (255, 170, 40), (255, 250, 190))  # from nothing to the largest share
FADED = 0.35  # of the visible face's contrast, under what was taken from the other side
REASONS: dict[WhyNot, str] = {
    "off": "switched off",
    "no face": "no face was found",
    "nothing whole": "nothing is hidden whole",
    "hidden on both sides": "hidden on both sides",
    "turned head": "the head is turned",
    "sides differ": "the two sides differ",
}

OtherSideOf = Callable[[MDRNetsOutput, Bool[np.ndarray, "h w"]], Mirror | WhyNot]
"""From what the networks made of a face and what of it is hidden to what its other side has for that."""


@dataclass(frozen=True)
class Attention:
    """Where one patch of the hole takes its features from."""

    shares: Float[np.ndarray, "rows columns"]  # of every patch; they sum to 1 unless the correlation is "none"
    patch: tuple[float, float, float, float]  # left, top, right, bottom of the patch, in sides of the face


@dataclass(frozen=True)
class CategoryRead:
    """What one semantic category read from its block of the memory."""

    name: str
    colour: tuple[int, int, int]
    hidden: float  # the part of its cells that is in the hole
    weights: Float[np.ndarray, " slots"]  # the share of every slot in the answer; all zero without any slot


@dataclass(frozen=True)
class OtherSide:
    """What the other side of the face had for the hole."""

    picture: Image.Image  # the visible face faded, and over it in colour what was taken
    found: Literal["taken"] | WhyNot  # or why nothing was taken
    share: float = 0.0  # of the hole, in [0, 1]

    def words(self) -> str:
        """The same in short."""
        return f"{self.share:.0%} of the hole" if self.found == "taken" else f"nothing: {REASONS[self.found]}"


@dataclass(frozen=True)
class Explanation:
    """What every box of the network made of one face: its pictures, what was read, and from where."""

    aligned: Image.Image  # with nothing hidden
    visible: Image.Image  # the hole in white
    coarse: Image.Image
    semantic_map: Image.Image  # in the colours of `PALETTE`
    completed: Image.Image  # by the networks
    other_side: OtherSide
    reads: list[CategoryRead]
    attention: Attention | None

    def sources(self) -> Image.Image | None:
        """Where one patch of the hole took its features from, as heat on the coarse face."""
        return None if self.attention is None else _heated(self.coarse, self.attention)


def explanation(
    network: MDRNets,
    crop: Image.Image,
    hidden: Bool[np.ndarray, "h w"],
    *,
    aligned: Image.Image,
    other_side: OtherSideOf,
) -> Explanation:
    """What the networks made of `crop` (RGB) with its mask `hidden`; `aligned` is the same with nothing hidden.

    `other_side` says what comes from the other side of the face afterwards.
    """
    device = next(network.parameters()).device
    image, mask = to_tensor(crop).to(device), mask_tensor(hidden).to(device)
    with torch.no_grad():
        output: MDRNetsOutput = network(image, mask)
        attention = attention_of(network, output, mask)
    names = merge(network.config.class_map).categories
    colours = {name: PALETTE[number] for number, name in enumerate(names)}
    completed = picture_of(to_uint8(output.completed)[0])
    visible = picture_of(np.where(hidden[..., None], np.uint8(255), np.asarray(crop)))
    return Explanation(
        aligned=aligned,
        visible=visible,
        coarse=picture_of(to_uint8(output.coarse)[0]),
        semantic_map=_coloured(output.semantic_map[0].cpu().numpy()),
        completed=completed,
        other_side=_other_side(visible, completed, hidden, other_side(output, hidden)),
        reads=reads_of(output, mask, colours),
        attention=attention,
    )


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
) -> Image.Image:
    """The figure for what the networks saw: `crop` (RGB) with its mask `hidden`.

    `aligned` is the same crop with nothing hidden, `photo`, `hole` and `result` are what it belongs to; `other_side`
    is as in `explanation`.
    """
    found = explanation(network, crop, hidden, aligned=aligned, other_side=other_side)
    panels = [
        ("photograph", _tinted(photo, hole)),
        ("aligned face", found.aligned),
        ("what is visible", found.visible),
        ("coarse", found.coarse),
        ("semantic map", found.semantic_map),
        ("completed face", found.completed),
    ]
    return _figure(panels, found, result)


def reads_of(
    output: MDRNetsOutput, mask: Float[torch.Tensor, "1 1 h w"], colours: dict[str, tuple[int, int, int]]
) -> list[CategoryRead]:
    """What every category that occurs in the face read; `colours` are by name, in the order of the categories."""
    height, width = output.semantic_map.shape[1:]
    cells = one_hot(output.semantic_map, CATEGORY_COUNT)
    hole = downsample_mask(mask, (height, width))
    hidden, _ = region_pool(hole, cells)  # (1, n, 1)
    return [
        CategoryRead(name, colour, float(hidden[0, number, 0]), output.retrieved.weights[0, number].cpu().numpy())
        for number, (name, colour) in enumerate(colours.items())
        if output.present[0, number]
    ]


def attention_of(network: MDRNets, output: MDRNetsOutput, mask: Float[torch.Tensor, "1 1 h w"]) -> Attention | None:
    """Of the patches that are hole throughout, or nearly, the one nearest the middle of the hole; None without MREM."""
    config = network.config.mask_region
    height, width = output.semantic_map.shape[1:]
    hole = downsample_mask(mask, (height, width))
    if not network.config.use_mask_region or not hole.any():
        return None
    regions = one_hot(output.semantic_map, CATEGORY_COUNT)
    maps = broadcast(output.retrieved.vectors, regions), broadcast(output.visible, regions)
    rows, columns = (
        1 + (padded_side(side, config.patch, config.stride) - config.patch) // config.stride for side in (height, width)
    )
    covered = unfold_patches(hole, patch=config.patch, stride=config.stride).mean(dim=-1)[0].reshape(rows, columns)
    row, column = _middle((covered == covered.max()).cpu().numpy())
    shares = network.mask_region.shares(*maps, hole)[0, row * columns + column].reshape(rows, columns)
    left, top = column * config.stride / width, row * config.stride / height
    place = (left, top, left + config.patch / width, top + config.patch / height)
    return Attention(shares.float().cpu().numpy(), place)


def _middle(cells: Bool[np.ndarray, "rows columns"]) -> tuple[int, int]:
    """Of the true cells the one nearest their mean position."""
    places = np.argwhere(cells)
    row, column = places[((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return int(row), int(column)


# ---------------------------------------------------------------------------------------------- pictures


def _tinted(photo: Image.Image, hole: Bool[np.ndarray, "h w"]) -> Image.Image:
    """The photograph, small, with the hole in red."""
    small = _fitted(photo)
    share = np.asarray(Image.fromarray(hole.astype(np.float32)).resize(small.size, Image.Resampling.BOX))[..., None]
    red = np.asarray(small) * (1 - 0.6 * share) + np.array((230, 40, 40)) * 0.6 * share
    return picture_of(red.round().astype(np.uint8))


def _fitted(picture: Image.Image) -> Image.Image:
    """A picture of any size and form, as large as a panel holds."""
    scale = PANEL / max(picture.size)
    return resize_image(picture, (max(1, round(picture.height * scale)), max(1, round(picture.width * scale))))


def _coloured(semantic_map: Int64[np.ndarray, "h w"]) -> Image.Image:
    colours: UInt8[np.ndarray, "h w 3"] = np.array(PALETTE, dtype=np.uint8)[semantic_map]
    return picture_of(colours).resize((PANEL, PANEL), Image.Resampling.NEAREST)


def _heated(face: Image.Image, attention: Attention) -> Image.Image:
    """The face in grey, with the shares of its patches as heat and the patch they go to outlined."""
    shares = np.clip(attention.shares, 0, None) / max(float(attention.shares.max()), 1e-12)
    steps = np.linspace(0, 1, len(HEAT))
    heat = np.stack([np.interp(shares, steps, [colour[channel] for colour in HEAT]) for channel in range(3)], axis=2)
    large = picture_of(heat.astype(np.uint8)).resize((PANEL, PANEL), Image.Resampling.NEAREST)
    grey = face.convert("L").convert("RGB").resize((PANEL, PANEL))
    picture = Image.blend(grey, large, 0.7)
    left, top, right, bottom = (round(edge * PANEL) for edge in attention.patch)
    ImageDraw.Draw(picture).rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=MARK, width=2)
    return picture


def _other_side(
    visible: Image.Image, completed: Image.Image, hidden: Bool[np.ndarray, "h w"], found: Mirror | WhyNot
) -> OtherSide:
    """The visible face in faded grey; what was taken from the other side in its own colours, by its share."""
    grey = np.asarray(visible.convert("L").convert("RGB"), dtype=np.float32)
    faded = 255 - FADED * (255 - grey)
    if not isinstance(found, Mirror):
        return OtherSide(picture_of(faded.round().astype(np.uint8)), found)
    known = np.asarray(completed, dtype=np.float32)
    rest = (1 - found.share)[..., None]
    picture = faded * rest + found.laid_over(known) - known * rest  # of what is laid over, the mirrored part alone
    share = float(found.share.sum() / hidden.sum())
    return OtherSide(picture_of(picture.clip(0, 255).round().astype(np.uint8)), "taken", share)


# ---------------------------------------------------------------------------------------------- the sheet


def _figure(panels: list[tuple[str, Image.Image]], found: Explanation, result: Image.Image) -> Image.Image:
    reads, attention = found.reads, found.attention
    below = MARGIN + HEAD + PANEL + 2 * GAP
    lines = max(1, -(-len(reads) // 2))
    bars = (3 * (PANEL + GAP)) // 2  # pixels of each of the two columns that share the width of three panels
    line = min(max(PANEL // lines, LINE[0]), LINE[1])
    height = below + HEAD + max(PANEL + HEAD, lines * line) + MARGIN
    sheet = Image.new("RGB", (2 * MARGIN + len(panels) * (PANEL + GAP) - GAP, height), "white")
    for column, (title, picture) in enumerate(panels):
        _panel(sheet, _column(column), MARGIN, title, picture)
    for number, read in enumerate(reads):
        place = (_column(0) + (number // lines) * bars, below + HEAD + (number % lines) * line)
        _bars(sheet, place, read, (bars - GAP, line))
    _write(sheet, (_column(0), below + HEAD // 2), "what each category read: the share of every memory slot")
    if attention is not None:
        _panel(sheet, _column(3), below, "one patch of the hole, and its sources", _heated(found.coarse, attention))
        times = attention.shares.max() * attention.shares.size
        caption = f"largest share {attention.shares.max():.2%}, {times:.1f} times the mean"
        _write(sheet, (_column(3), below + HEAD + PANEL + HEAD // 2), caption, FAINT)
    _panel(sheet, _column(4), below, "from the other side", found.other_side.picture)
    _write(sheet, (_column(4), below + HEAD + PANEL + HEAD // 2), found.other_side.words(), FAINT)
    _panel(sheet, _column(5), below, "result", _fitted(result))
    return sheet


def _column(number: int) -> int:
    return MARGIN + number * (PANEL + GAP)


def _panel(sheet: Image.Image, left: int, top: int, title: str, picture: Image.Image) -> None:
    _write(sheet, (left, top + HEAD // 2), title)
    picture = picture if max(picture.size) == PANEL else _fitted(picture)
    sheet.paste(picture, (left, top + HEAD))


def _bars(sheet: Image.Image, place: tuple[int, int], read: CategoryRead, size: tuple[int, int]) -> None:
    """One category: its colour and name, how much of it is hidden, a bar for every slot, the largest share."""
    (left, top), (width, height) = place, size
    draw = ImageDraw.Draw(sheet)
    base = top + height - 12
    draw.rectangle((left, top + 4, left + 12, top + 16), fill=read.colour, outline=FAINT)
    _write(sheet, (left + 20, top + 10), read.name)
    _write(sheet, (left + 20, top + 25), f"{read.hidden:.0%} hidden", FAINT, size=11)
    first, room = left + 110, width - 110 - 80
    step = room / len(read.weights)
    largest = max(float(read.weights.max()), 1e-12)
    for slot, weight in enumerate(read.weights):
        x = first + slot * step
        tall = round((height - 18) * float(weight) / largest)
        draw.rectangle((x, base - tall, x + max(1.0, step - 2), base), fill=INK if tall else (225, 225, 225))
    words = f"up to {largest:.0%}" if read.weights.any() else "no slot yet"
    _write(sheet, (first + room + 8, top + 16), words, FAINT, size=12)


def _write(
    sheet: Image.Image, place: tuple[int, int], text: str, colour: tuple[int, int, int] = INK, size: int = 14
) -> None:
    ImageDraw.Draw(sheet).text(place, text, fill=colour, anchor="lm", font_size=size)
