"""MDRNets: the whole network of Figure 2, box by box (paper section 3.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from showface.errors import SettingError
from showface.layers.recomputing import run
from showface.layers.regions import broadcast, one_hot, region_pool
from showface.masks import composite, downsample_mask, thick_part
from showface.networks.bisenet import BiSeNetParser
from showface.networks.coarse import CoarseConfig, CoarseNetwork, coarse_face
from showface.networks.disentangled_memory import DisentangledMemory, MemoryConfig, Personal, Retrieved
from showface.networks.face_parser import FaceParser, FaceParserConfig
from showface.networks.guided_refinement import Brought, GuidedRefinement, GuidedRefinementConfig
from showface.networks.mask_region_enhanced import Details, MaskRegionConfig, MaskRegionEnhanced, fuse
from showface.networks.source_alignment import Aligned, SourceAlignment, SourceAlignmentConfig
from showface.networks.sources import Sources, with_mirror
from showface.networks.style_encoder import StyleEncoder, StyleEncoderConfig
from showface.semantics import CATEGORY_COUNT


@dataclass(frozen=True, kw_only=True)
class MDRNetsConfig:
    """The boxes' configurations and the two module switches of Table 2; the defaults are the paper profile."""

    coarse: CoarseConfig = field(default_factory=CoarseConfig)
    parser: FaceParserConfig | None = None  # None = the published BiSeNet, at 512 px
    style: StyleEncoderConfig = field(default_factory=StyleEncoderConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    mask_region: MaskRegionConfig = field(default_factory=MaskRegionConfig)
    refinement: GuidedRefinementConfig = field(default_factory=GuidedRefinementConfig)
    sources: SourceAlignmentConfig | None = None  # None = the paper, which looks at the face alone
    use_memory: bool = True  # False = Table 2 "w/o DMM": the style features are injected as they are; needs no MREM
    use_mask_region: bool = True  # False = Table 2 "w/o MREM": the fused features are injected without MCM

    def __post_init__(self) -> None:
        width = self.style.channels
        widths = {"memory.channels": self.memory.channels, "mask_region.channels": self.mask_region.channels,
                  "refinement.features": self.refinement.features}  # fmt: skip
        for name, value in widths.items():
            if value != width:
                raise SettingError(f"{name} is {value}, expected style.channels = {width}")
        if self.use_mask_region and not self.use_memory:
            raise SettingError("use_mask_region needs use_memory: without the memory nothing is fused; turn both off")
        if self.sources is None and (self.refinement.sources or self.mask_region.details):
            raise SettingError("refinement.sources and mask_region.details need sources; give it a configuration")


class Seen(NamedTuple):
    """Style features of a face, its mirror image and its further sources (`k` pictures), and what is hidden there."""

    features: Float[Tensor, "b k c h w"]
    hidden: Float[Tensor, "b k 1 h w"]  # 1 = not to be seen


class Styles(NamedTuple):
    """The first half of a pass: what the coarse face looks like, by its cells (h', w') and by its categories (n)."""

    features: Float[Tensor, "b c h w"]
    hole: Float[Tensor, "b 1 h w"]
    regions: Float[Tensor, "b n h w"]
    semantic_map: Int64[Tensor, "b h w"]
    queries: Float[Tensor, "b n c"]
    present: Bool[Tensor, "b n"]
    visible: Float[Tensor, "b n c"]
    seen: Bool[Tensor, "b n"]  # whether anything of a category is visible


class Reading(NamedTuple):
    """What is known of pictures before the memory is read: the coarse face, its map, what the memory learns from."""

    coarse: Float[Tensor, "b 3 h w"]
    semantic_map: Int64[Tensor, "b h2 w2"]
    queries: Float[Tensor, "b n c"]
    visible: Float[Tensor, "b n c"]
    valid: Bool[Tensor, "b n"]


@dataclass(frozen=True)
class MDRNetsOutput:
    """Everything one pass computes; images in [-1, 1], features at the style encoder's resolution (h', w')."""

    coarse: Float[Tensor, "b 3 h w"]  # P: the coarse completion pasted into the visible pixels
    semantic_map: Int64[Tensor, "b h2 w2"]  # S: category of every cell
    queries: Float[Tensor, "b n c"]  # Q: mean style of each category
    visible: Float[Tensor, "b n c"]  # V: mean style of each category's visible cells
    present: Float[Tensor, "b n"]  # 1 where the category occurs in S
    retrieved: Retrieved  # Q^ and the weight of each slot in it
    fused: Float[Tensor, "b c h2 w2"]  # F_f: what SPADE injects
    raw: Float[Tensor, "b 3 h w"]  # the refinement network's output
    completed: Float[Tensor, "b 3 h w"]  # I^: raw inside the hole (coarse in its thin parts), the input elsewhere
    aligned: Aligned | None = None  # the sources on the face; the first is its mirror image


class MDRNets(nn.Module):
    """Coarse network, face parser, style encoder, memory, mask-region enhancement, guided refinement.

    Between the coarse network and the rest stands, where configured, the alignment of sources.
    """

    def __init__(self, config: MDRNetsConfig) -> None:
        super().__init__()
        self.config = config
        self.coarse = CoarseNetwork(config.coarse)
        self.parser: FaceParser | BiSeNetParser = (
            BiSeNetParser() if config.parser is None else FaceParser(config.parser)
        )
        self.style_encoder = StyleEncoder(config.style)
        self.memory = DisentangledMemory(config.memory)
        self.mask_region = MaskRegionEnhanced(config.mask_region)
        self.refinement = GuidedRefinement(config.refinement)
        self.alignment = None if config.sources is None else SourceAlignment(config.sources)
        self.recompute = False  # whether the style encoder and the mask-region module keep no activations

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        config = self.config
        return math.lcm(config.coarse.multiple, 1 if config.sources is None else config.sources.multiple)

    def refined(self, *, coarse: bool = False) -> nn.ModuleDict:
        """The boxes that the last training stage learns, on demand with the coarse one; the others come finished."""
        boxes: dict[str, nn.Module] = {"style_encoder": self.style_encoder, "refinement": self.refinement}
        boxes |= {"mask_region": self.mask_region} if self.config.use_mask_region else {}
        return nn.ModuleDict(boxes | ({"coarse": self.coarse} if coarse else {}))

    def forward(
        self,
        image: Float[Tensor, "b 3 h w"],
        mask: Float[Tensor, "b 1 h w"],
        sources: Sources | None = None,
        *,
        update_memory: bool = False,
        read: Reading | None = None,
    ) -> MDRNetsOutput:
        """Complete `image` (RGB in [-1, 1]) where `mask` is 1; what the hole's pixels hold does not matter.

        `sources` are further pictures of the same person. `update_memory` lets the memory learn from this batch before
        it is read (training only, Eq. 1-3). What is in `read` of these pictures is not computed again.
        Raises `SettingError` for sources of another size or number, or where the network is made for none.
        """
        coarse = self.complete_coarsely(image, mask) if read is None else read.coarse
        styles = self._styles(coarse, mask, None if read is None else read.semantic_map)
        features, hole, regions, semantic_map, queries, present, visible, seen = styles
        if update_memory and self.config.use_memory:
            self.memory.update(queries, visible, present & seen)
        aligned, shown = self._bring(coarse, mask, sources, features, hole)
        retrieved = self.memory.read(queries, self._personal(visible, seen, sources, shown))
        fused = self._inject(features, retrieved, visible, regions, hole, shown)
        brought = None if aligned is None else Brought(aligned.face, aligned.share)
        raw = self.refinement(coarse, mask, fused, brought).float()
        completed = composite(image, self._shown(coarse, raw, mask), mask)
        return MDRNetsOutput(
            coarse, semantic_map, queries, visible, present.float(), retrieved, fused, raw, completed, aligned
        )  # fmt: skip

    def _shown(
        self, coarse: Float[Tensor, "b 3 h w"], raw: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
    ) -> Float[Tensor, "b 3 h w"]:
        """The refined face `raw`; where the hole is thin, which the coarse face fills better, that one."""
        if not self.config.refinement.thin:
            return raw
        # Deviation: I^ is I_r in all of the hole (docs/deviations.md).
        return coarse + thick_part(mask.to(raw.dtype), self.config.refinement.thin) * (raw - coarse)

    def _styles(
        self, coarse: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"], semantic_map: Tensor | None = None
    ) -> Styles:
        """The style of the coarse face, cell by cell and category by category; `semantic_map` where it is known."""
        features: Tensor = run(self.style_encoder, coarse, recompute=self.recompute)  # (b, c, h', w')
        size = (features.shape[2], features.shape[3])
        semantic_map = self.parser.semantic_map(coarse, size) if semantic_map is None else semantic_map
        regions, hole = one_hot(semantic_map, CATEGORY_COUNT), downsample_mask(mask, size)
        queries, present = region_pool(features, regions)
        visible, seen = region_pool(features, regions * (1 - hole))
        return Styles(features, hole, regions, semantic_map, queries, present, visible, seen)

    def _bring(
        self, coarse: Tensor, mask: Tensor, further: Sources | None, features: Tensor, hole: Tensor
    ) -> tuple[Aligned | None, Seen | None]:
        """The mirror image and the `further` sources on the face, and the style features of all."""
        if self.alignment is None:
            if further is not None and further.count:
                raise SettingError("these weights are made for no further pictures of the person; leave them out")
            return None, None
        sources = with_mirror(coarse, mask, further)
        aligned: Aligned = run(self.alignment, coarse, mask, sources, recompute=self.recompute)
        pictures, hidden = sources.flat()
        styles: Tensor = run(self.style_encoder, pictures, recompute=self.recompute)
        size, count = (features.shape[2], features.shape[3]), sources.count
        theirs = styles.unflatten(0, (-1, count)), downsample_mask(hidden, size).unflatten(0, (-1, count))
        both = zip((features, hole), theirs, strict=True)
        return aligned, Seen(*(torch.cat([own[:, None], of_sources], dim=1) for own, of_sources in both))

    def _personal(self, visible: Tensor, seen: Tensor, further: Sources | None, shown: Seen | None) -> Personal | None:
        """The style vectors of what is seen of the person: of the face itself and of each of its further sources."""
        if not self.config.memory.personal:
            return None
        vectors, known = [visible[:, :, None]], [seen[:, :, None]]
        if further is not None and further.count and shown is not None:
            pictures, _ = further.flat()
            of_further = Seen(*(part[:, 2:].flatten(0, 1) for part in shown))  # behind the face and its mirror image
            size = (of_further.features.shape[2], of_further.features.shape[3])
            regions = one_hot(self.parser.semantic_map(pictures, size), CATEGORY_COUNT)
            theirs = region_pool(of_further.features, regions * (1 - of_further.hidden))
            for own, found in zip((vectors, known), theirs, strict=True):
                own.append(found.unflatten(0, (-1, further.count)).transpose(1, 2))
        return Personal(torch.cat(vectors, dim=2), torch.cat(known, dim=2))

    @torch.no_grad()
    def look(self, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]) -> Reading:
        """What the memory would learn from these pictures, and what was computed for it; nothing changes."""
        coarse = self.complete_coarsely(image, mask)
        found = self._styles(coarse, mask)
        return Reading(coarse, found.semantic_map, found.queries, found.visible, found.present & found.seen)

    def complete_coarsely(
        self, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
    ) -> Float[Tensor, "b 3 h w"]:
        """P = (1 - M) I + M clip(coarse network). No gradient is kept unless the coarse network learns."""
        return coarse_face(self.coarse, image, mask)

    def _inject(
        self,
        features: Float[Tensor, "b c h w"],
        retrieved: Retrieved,
        visible: Float[Tensor, "b n c"],
        regions: Float[Tensor, "b n h w"],
        hole: Float[Tensor, "b 1 h w"],
        shown: Seen | None,
    ) -> Float[Tensor, "b c h w"]:
        """F_f, or what takes its place in the module rows of Table 2."""
        if not self.config.use_memory:
            return features
        memory_map, visible_map = broadcast(retrieved.vectors, regions), broadcast(visible, regions)
        if not self.config.use_mask_region:
            return fuse(memory_map, visible_map, hole)
        details = None if shown is None else details_of(shown)
        fused: Tensor = run(self.mask_region, memory_map, visible_map, hole, details, recompute=self.recompute)
        return fused


def details_of(shown: Seen) -> Details:
    """What is seen of the pictures, one below the other, as mining takes it."""
    features, hidden = (part.transpose(1, 2).flatten(2, 3) for part in shown)  # (b, c, k h, w)
    return Details(shown.features[:, 0], features.contiguous(memory_format=torch.channels_last), hidden)
