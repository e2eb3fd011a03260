"""Reads from a network what its boxes made of one face.

How much of each memory slot every category read (Eq. 4), where one patch of the hole took its features from (section
3.3), what was taken from the other side of the face after the networks; where the networks look at sources (not in the
paper), what these show on the face.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image

from showface.explain.findings import Attention, BroughtSources, CategoryRead, Explanation, OtherSide, OtherSideOf
from showface.explain.pictures import coloured, needled
from showface.images import picture_of, to_tensor, to_uint8
from showface.layers.correlation import padded_side, unfold_patches
from showface.layers.regions import broadcast, one_hot, region_pool
from showface.masks import downsample_mask, mask_tensor
from showface.networks.mask_region_enhanced import Details
from showface.networks.mdrnets import MDRNets, MDRNetsOutput, Seen, details_of
from showface.networks.source_alignment import Aligned
from showface.networks.sources import Sources, with_mirror
from showface.photo.mirror import Mirror, WhyNot
from showface.semantics import CATEGORIES, CATEGORY_COUNT, PALETTE

FADED = 0.35  # of the visible face's contrast, under what was taken from the other side


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
        semantic_map=coloured(output.semantic_map[0].cpu().numpy()),
        completed=completed,
        other_side=_other_side(visible, completed, hidden, other_side(output, hidden)),
        reads=reads_of(network, output, mask),
        attention=attention,
        looked_at=coarse if attention is None else _source(attention.picture, output.coarse, mask, further),
        brought=None if output.aligned is None else _brought(output.aligned, mask),
    )


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
        moved=needled(picture_of(bright), flow.cpu().numpy(), hole.cpu().numpy() > 0),
        source=number + 1,
        farthest=float((steps.norm(dim=0) * hole).max()),
        confidence=float(trusted[number]),
        share=float(aligned.share.sum() / pixels),
    )


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
