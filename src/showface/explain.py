"""One figure that shows how a face was completed, box by box of the paper's Figure 2.

Above: photograph, aligned face, what of it is visible, coarse completion, semantic map, completed face; where the
networks look at sources (not in the paper), what these show on the face, and how one of them was moved there.
Below: how much of each memory slot every category read (Eq. 4), where one patch of the hole took its features from
(section 3.3), what was taken from the other side of the face after the networks, and the photograph that came out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from PIL import Image, ImageDraw

from showface.images import picture_of, resize_image, to_tensor, to_uint8
from showface.layers.correlation import padded_side, unfold_patches
from showface.layers.regions import broadcast, one_hot, region_pool
from showface.masks import downsample_mask, mask_tensor
from showface.networks.mask_region_enhanced import Details
from showface.networks.mdrnets import MDRNets, MDRNetsOutput, Seen, details_of
from showface.networks.source_alignment import Aligned
from showface.networks.sources import Sources, with_mirror
from showface.photo.mirror import Mirror, WhyNot
from showface.semantics import CATEGORIES, CATEGORY_COUNT, PALETTE

PANEL = 256  # pixels; sides of every picture in the figure
GAP, MARGIN, HEAD = 14, 18, 24  # pixels between panels, around everything, of a title
LINE = (36, 64)  # least and greatest height in pixels of a category's line of bars
INK, FAINT, MARK = (30, 30, 30), (130, 130, 130), (0, 190, 255)
HEAT = ((0, 0, 0), (110, 20, 110), (220, 60, 50), (255, 170, 40), (255, 250, 190))  # from nothing to the largest share
FADED = 0.35  # of the visible face's contrast, under what was taken from the other side
NEEDLE = 16  # pixels of a panel from one place to the next whose flow is drawn
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
    """Where one patch of the hole takes its features from, in the picture from which it takes most."""

    shares: Float[np.ndarray, "rows columns"]  # of every patch of that picture
    patch: tuple[float, float, float, float]  # left, top, right, bottom of the patch, in sides of the face
    picture: int = 0  # 0 = the face itself, 1 = its mirror image, then the further sources
    total: float = 1.0  # of this picture; all together have 1 unless the correlation is "none"

    def words(self) -> str:
        """The same in short."""
        largest = float(self.shares.max())
        if self.picture == 0 and self.total > 0.995:
            return f"largest share {largest:.2%}, {largest * self.shares.size:.1f} times the mean"
        return f"{named(self.picture)}: {self.total:.0%} in all, up to {largest:.2%}"


def named(picture: int) -> str:
    """What mining takes from, in words: the face itself, its mirror image, a further source."""
    return ("the face", "mirror image")[picture] if picture < 2 else f"source {picture - 1}"


@dataclass(frozen=True)
class CategoryRead:
    """What one semantic category read from its block of the memory."""

    name: str
    colour: tuple[int, int, int]
    hidden: float  # the part of its cells that is in the hole
    weights: Float[np.ndarray, " slots"]  # the share of every slot in the answer; all zero where none answered
    personal: bool = False  # whether the personal block answered: what is seen of the person, and no slot

    def words(self) -> str:
        """Who answered, in short."""
        if self.weights.any():
            return f"up to {self.weights.max():.0%}"
        return "none: what is seen of the person answered" if self.personal else "no slot yet"


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
class BroughtSources:
    """What the sources show on the face."""

    face: Image.Image  # the coarse face with it in its hole
    moved: Image.Image  # one source on the face, as bright as the confidence in it; needles to where it was looked at
    source: int  # which one, counted as in `Attention`: the one of most confidence in the hole
    farthest: float  # that it was looked at from any place of the hole, in pixels
    confidence: float  # mean over the hole
    share: float  # of the sources in the hole of `face`, in [0, 1]

    def words(self) -> tuple[str, str]:
        """The same in short: of `face`, of `moved`."""
        return (
            f"{self.share:.0%} of the hole",
            f"{named(self.source)}, by {self.farthest:.1f} px, confidence {self.confidence:.0%}",
        )


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
    looked_at: Image.Image  # the picture that `attention` tells of
    brought: BroughtSources | None = None  # None where the network looks at the face alone

    def sources(self) -> Image.Image | None:
        """Where one patch of the hole took its features from, as heat on the picture it took most from."""
        return None if self.attention is None else _heated(self.looked_at, self.attention)


def explanation(
    network: MDRNets,
    crop: Image.Image,
    hidden: Bool[np.ndarray, "h w"],
    *,
    aligned: Image.Image,
    other_side: OtherSideOf,
    further: Sources | None = None,
) -> Explanation:
    """What the networks made of `crop` (RGB) with its mask `hidden`; `aligned` is the same with nothing hidden.

    `other_side` says what comes from the other side of the face afterwards. `further` are pictures of the person.
    """
    device = next(network.parameters()).device
    image, mask = to_tensor(crop).to(device), mask_tensor(hidden).to(device)
    with torch.no_grad():
        output: MDRNetsOutput = network(image, mask, further)
        attention = attention_of(network, output, mask, further)
    coarse = picture_of(to_uint8(output.coarse)[0])
    completed = picture_of(to_uint8(output.completed)[0])
    visible = picture_of(np.where(hidden[..., None], np.uint8(255), np.asarray(crop)))
    return Explanation(
        aligned=aligned,
        visible=visible,
        coarse=coarse,
        semantic_map=_coloured(output.semantic_map[0].cpu().numpy()),
        completed=completed,
        other_side=_other_side(visible, completed, hidden, other_side(output, hidden)),
        reads=reads_of(network, output, mask),
        attention=attention,
        looked_at=coarse if attention is None else _source(attention.picture, output.coarse, mask, further),
        brought=None if output.aligned is None else _brought(output.aligned, mask),
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
    further: Sources | None = None,
) -> Image.Image:
    """The figure for what the networks saw: `crop` (RGB) with its mask `hidden`.

    `aligned` is the same crop with nothing hidden, `photo`, `hole` and `result` are what it belongs to; `other_side`
    and `further` are as in `explanation`.
    """
    found = explanation(network, crop, hidden, aligned=aligned, other_side=other_side, further=further)
    panels = [
        Panel("photograph", _tinted(photo, hole)),
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


def reads_of(network: MDRNets, output: MDRNetsOutput, mask: Float[torch.Tensor, "1 1 h w"]) -> list[CategoryRead]:
    """What every category that occurs in the face read, in the order of the categories."""
    height, width = output.semantic_map.shape[1:]
    cells = one_hot(output.semantic_map, CATEGORY_COUNT)
    hole = downsample_mask(mask, (height, width))
    hidden, _ = region_pool(hole, cells)  # (1, n, 1)
    weights, has_slots = output.retrieved.weights[0], network.memory.initialised.any(dim=-1)  # (n, m), (n,)
    personal = has_slots & ~weights.any(dim=-1)
    return [
        CategoryRead(
            name, PALETTE[number], float(hidden[0, number, 0]), weights[number].cpu().numpy(), bool(personal[number])
        )
        for number, name in enumerate(CATEGORIES)
        if output.present[0, number]
    ]


def attention_of(
    network: MDRNets, output: MDRNetsOutput, mask: Float[torch.Tensor, "1 1 h w"], further: Sources | None = None
) -> Attention | None:
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
    details = _details(network, output, mask, further) if config.details else None
    shares = network.mask_region.shares(*maps, hole, details)[0, row * columns + column].reshape(-1, columns)
    pictures = _apart(shares.float().cpu().numpy(), config.stride, height)
    most = max(range(len(pictures)), key=lambda number: pictures[number].sum())
    left, top = column * config.stride / width, row * config.stride / height
    place = (left, top, left + config.patch / width, top + config.patch / height)
    return Attention(pictures[most], place, most, float(pictures[most].sum()))


def _details(
    network: MDRNets, output: MDRNetsOutput, mask: Float[torch.Tensor, "1 1 h w"], further: Sources | None
) -> Details:
    """What mining takes from: the face, its mirror image and `further` pictures, as the network sees them."""
    size = (output.semantic_map.shape[1], output.semantic_map.shape[2])
    images, hidden = with_mirror(output.coarse, mask, further).flat()
    pictures, hidden = torch.cat([output.coarse, images]), torch.cat([mask, hidden])
    features: torch.Tensor = network.style_encoder(pictures)
    return details_of(Seen(features[None], downsample_mask(hidden, size)[None]))


def _apart(shares: Float[np.ndarray, "rows columns"], stride: int, height: int) -> list[np.ndarray]:
    """The shares of each of the pictures, of `height` cells, that lie one below the other."""
    picture = np.arange(len(shares)) * stride // height
    return [shares[picture == number] for number in range(int(picture.max()) + 1)]


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


def _source(
    number: int, coarse: Float[torch.Tensor, "1 3 h w"], mask: Float[torch.Tensor, "1 1 h w"], further: Sources | None
) -> Image.Image:
    """The face itself (0), its mirror image (1) or a further source, what is hidden of these in white."""
    if number == 0:
        return picture_of(to_uint8(coarse)[0])
    sources = with_mirror(coarse, mask, further)
    image, hidden = sources.images[:, number - 1], sources.hidden[:, number - 1]
    return picture_of(to_uint8(image.masked_fill(hidden > 0.5, 1.0))[0])


def _brought(aligned: Aligned, mask: Float[torch.Tensor, "1 1 h w"]) -> BroughtSources:
    """What all sources show, and of these the one of most confidence in the hole."""
    confidence, pixels = aligned.confidence[0, :, 0], mask.sum().clamp_min(1)  # (k, h, w)
    trusted = (confidence * mask[0]).sum(dim=(1, 2)) / pixels
    number = int(trusted.argmax())
    flow = aligned.flow[0, number]  # (2, h2, w2)
    height, width = mask.shape[2:]
    steps = flow * flow.new_tensor([width, height])[:, None, None]  # in pixels
    hole = downsample_mask(mask, (flow.shape[1], flow.shape[2]))[0, 0]
    warped = np.asarray(picture_of(to_uint8(aligned.pictures[:, number])[0]), dtype=np.float32)
    bright = (warped * confidence[number, ..., None].cpu().numpy()).round().astype(np.uint8)
    return BroughtSources(
        face=picture_of(to_uint8(aligned.face)[0]),
        moved=_needled(picture_of(bright), flow.cpu().numpy(), hole.cpu().numpy() > 0),
        source=number + 1,
        farthest=float((steps.norm(dim=0) * hole).max()),
        confidence=float(trusted[number]),
        share=float(aligned.share.sum() / pixels),
    )


def _needled(
    picture: Image.Image, flow: Float[np.ndarray, "2 rows columns"], hole: Bool[np.ndarray, "rows columns"]
) -> Image.Image:
    """From places of a panel a needle to where `flow` (in sides of the picture) looks; a dot where it looks there."""
    sheet = picture.resize((PANEL, PANEL))
    draw = ImageDraw.Draw(sheet)
    rows, columns = hole.shape
    for y in range(NEEDLE // 2, PANEL, NEEDLE):
        for x in range(NEEDLE // 2, PANEL, NEEDLE):
            cell = y * rows // PANEL, x * columns // PANEL
            right, down = (float(part[cell]) * PANEL for part in flow)
            colour, thick = (MARK, 2) if hole[cell] else (FAINT, 1)
            draw.line((x, y, x + right, y + down), fill=colour, width=thick)
            draw.rectangle((x - 1, y - 1, x + thick - 1, y + thick - 1), fill=colour)
    return sheet


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
    last = [
        None if found.attention is None else Panel(
            "one patch of the hole, and its sources", _heated(found.looked_at, found.attention), found.attention.words()
        ),
        Panel("from the other side", found.other_side.picture, found.other_side.words()),
        Panel("result", _fitted(result)),
    ]  # fmt: skip
    for column, drawn in enumerate(last, start=free):
        if drawn is not None:
            _draw(sheet, _column(column), below, drawn)
    return sheet


def _column(number: int) -> int:
    return MARGIN + number * (PANEL + GAP)


def _draw(sheet: Image.Image, left: int, top: int, panel: Panel) -> None:
    _write(sheet, (left, top + HEAD // 2), panel.title)
    picture = panel.picture if max(panel.picture.size) == PANEL else _fitted(panel.picture)
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
