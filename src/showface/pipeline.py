"""From photograph and mask to photograph: what a person calls.

    inpaint = FaceInpainter.from_pretrained()
    restored = inpaint("photo.jpg", "mask.png")

    found = inpaint.restore(decode("photo.jpg"), "mask.png")      # at full depth, with metadata and what was done

Any photograph will do. Every face that the mask touches is found and brought to 256 x 256 pixels as in CelebA-HQ; what
the networks make of it comes back to the photograph's size, with the grain of its surroundings and without a seam.
Only masked pixels are replaced.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from showface import weights
from showface.errors import ImageError, MaskError, NonFiniteError, SettingError, ShowFaceError, unknown
from showface.images import read_image, rgb, to_tensor, to_unit
from showface.masks import binarise, hole_share, mask_of, mask_tensor, read_mask
from showface.networks.disentangled_memory import Retrieved
from showface.networks.lean_form import LeanForm
from showface.networks.mdrnets import MDRNets, MDRNetsOutput
from showface.networks.precision import bf16_autocast, computes_bf16
from showface.photo.align import SIDE as SIDE
from showface.photo.align import Frame, frame_of_points, take
from showface.photo.choose import Choice, Point, Rectangle, View, choose
from showface.photo.classical import fill_from_rim
from showface.photo.decode import photo_of
from showface.photo.find_faces import FaceFinder, face_finder
from showface.photo.mirror import MIRROR_VERSION as MIRROR_VERSION
from showface.photo.mirror import Mirror, MirrorUse, WhyNot, mirror_of
from showface.photo.photograph import Photo
from showface.photo.put_back import put_back
from showface.photo.seam import Seam, seam_of

Picture = str | os.PathLike[str] | Image.Image | np.ndarray
DEVICES = ("auto", "cpu", "cuda")
DETECTORS = ("auto", "cached", "off")
PRECISIONS = ("float32", "bfloat16", "auto")
MIRRORS = ("auto", "off")
MOVED = 1.5  # pixels of a frame that a face must lie elsewhere to be completed once more


@dataclass(frozen=True, kw_only=True, eq=False)
class Restoration:
    """A completed photograph and what was done to it."""

    photo: Photo
    views: tuple[View, ...] = ()  # the squares that the networks completed, and where they come from
    hole_share: float = 0.0  # of the photograph, in [0, 1]
    outside_faces: float = 0.0  # the part of the hole that was filled in from its rim, without the networks
    mirrored: float = 0.0  # the part of the hole that was taken from the other side of the face
    mirror: tuple[str, ...] = ()  # for each view "taken", or why nothing was (`photo.mirror.WhyNot`)
    seam: Seam = field(default_factory=lambda: Seam(step=0.0, usual=0.0, colour=0.0))
    notes: tuple[str, ...] = ()  # one line each: what the user should know

    @property
    def faces(self) -> int:
        """How many faces were completed."""
        return sum(view.how != "region" for view in self.views)


class FaceInpainter:
    """Completes the masked part of a face. Can be called from several threads: it holds nothing but weights."""

    def __init__(
        self, network: MDRNets, *, device: str = "auto", detector: str = "auto", precision: str = "float32"
    ) -> None:
        """`device` is "cpu", "cuda" (an error where there is none) or "auto" (cuda where there is one, else cpu).

        `detector` finds faces: "auto" fetches it when it is first needed, "cached" uses it if it was fetched before,
        "off" never does; without it the region round the mask is completed.

        `precision` is what convolutions and matrix products compute in: "float32", "bfloat16" (an error where the
        device does not compute in it) or "auto" (bfloat16 where it does, else float32).
        """
        if detector not in DETECTORS:
            raise SettingError(unknown("detector", detector, DETECTORS))
        self.detector = detector
        self.device = named_device(device)
        self.precision = named_precision(precision, self.device)
        self.network = network.eval().requires_grad_(False)
        self._lean = LeanForm()
        self._stays = device != "auto"
        try:
            self.network.to(self.device)
        except RuntimeError as error:
            if not _says_out_of_memory(error):
                raise
            self._give_way(error)

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        detector: str = "auto",
        precision: str = "float32",
    ) -> FaceInpainter:
        """The weights in `source`: a folder, a .safetensors file or a hub id "owner/name"; None = the bundled ones."""
        named_precision(precision, named_device(device))  # refuse before the work of loading
        if source is None:
            path = weights.bundled()
        elif not Path(source).exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", os.fspath(source)):
            path = weights.fetch(os.fspath(source))
        else:
            path = Path(source)
        return cls(weights.build(*weights.load(path)), device=device, detector=detector, precision=precision)

    @property
    def lean(self) -> MDRNets:
        """What completes: `network` in fewer steps, for use only. Made when it is first needed.

        Where `precision` is bfloat16 its convolutions are, and it is to be called under torch's autocast to bfloat16.
        """
        return self._lean.of(self.network, self._dtype_on(self.device))

    def _dtype_on(self, device: torch.device) -> torch.dtype | None:
        """Bfloat16 if wanted, but not on a cpu that took over from another device and would emulate it."""
        return torch.bfloat16 if self.precision == "bfloat16" and computes_bf16(device) else None

    def save_pretrained(self, folder: str | os.PathLike[str], *, card: Mapping[str, Any] | None = None) -> Path:
        """Writes weights and configuration to `folder`, from where `from_pretrained` reads them."""
        return weights.save(folder, self.network, card=card)

    def __call__(
        self,
        image: Picture,
        mask: Picture,
        *,
        face_box: Rectangle | None = None,
        face_points: Sequence[Point] | None = None,
        feather: float | int | None = None,
        mirror: MirrorUse = "auto",
    ) -> Image.Image:
        """The picture with its masked part filled in: RGB, same size, **outside the mask equal in every bit**.

        `image` is a path, a Pillow picture or a uint8 array (h, w, 3), RGB. `mask` is the same or any array that
        `masks.binarise` understands, of the same size as the picture; white (1) = fill in.

        The faces that the mask touches are found; `face_box` (x, y, width, height, brow to chin) or `face_points`
        (x, y of right eye, left eye, nose, right and left corner of the mouth; the subject's right) name one instead.
        `feather` is over how many pixels of the picture, from the border inwards, the filling is bent to meet what is
        known: None = as far as the hole reaches, 0 = pasted as it is. `mirror`: "auto" takes what the other side of
        the face shows for what is hidden whole, where both sides agree; "off" leaves everything to the networks.
        """
        picture = _picture(image)
        photo = photo_of(picture)
        restored = self.restore(
            photo, mask, face_box=face_box, face_points=face_points, feather=feather, mirror=mirror
        ).photo
        return restored.picture() if restored is not photo else picture.copy()

    def restore(
        self,
        photo: Photo,
        mask: Picture,
        *,
        face_box: Rectangle | None = None,
        face_points: Sequence[Point] | None = None,
        feather: float | int | None = None,
        mirror: MirrorUse = "auto",
    ) -> Restoration:
        """`photo` (see `photo.decode`) completed at its own depth and in its own colours, and what was done to it.

        `mask` and the other arguments are those of `__call__`. What the user should know is warned about.
        """
        hole = _mask(mask)
        _refuse_misfits(photo, hole)
        if feather is not None and not feather >= 0:
            raise SettingError(f"expected a feather of 0 pixels or more, found {feather}")
        if mirror not in MIRRORS:
            raise SettingError(unknown("mirror", mirror, MIRRORS))
        if not hole.any():
            warnings.warn("the mask is empty: nothing to fill in, the picture comes back as it is", stacklevel=3)
            return Restoration(photo=photo)
        choice = self.choose(photo, hole, face_box=face_box, face_points=face_points)
        result, left, views, mirrors = photo, hole, [], []
        for view, part in _shared_out(choice.views, hole):
            completed = self._completed(result, left, view, part, feather, mirror)
            if completed is None:
                continue
            again = self._seen_again(view, hole, completed.photo)
            if again is not None:  # it was not quite where it seemed to be
                view, part = again, _part_in(again.frame, left)
                completed = self._completed(result, left, view, part, feather, mirror) or completed
            result, left = completed.photo, left & ~part
            views.append(view)
            mirrors.append(completed)
        notes = [choice.note] if choice.note else []
        if left.any():
            result = fill_from_rim(result, left, feather=feather)
            notes.append(
                f"{left.sum() / hole.sum():.1%} of the hole lies outside the faces and was filled in from its rim, "
                "without the networks"
            )
        for note in notes:
            warnings.warn(note, stacklevel=3)
        return Restoration(
            photo=result, views=tuple(views), hole_share=hole_share(hole), outside_faces=float(left.sum() / hole.sum()),
            mirrored=min(1.0, sum(one.mirrored for one in mirrors) / int(hole.sum())),
            mirror=tuple(one.why_not or "taken" for one in mirrors),
            seam=seam_of(result, hole), notes=tuple(notes),
        )  # fmt: skip

    def choose(
        self,
        photo: Photo,
        hole: Bool[np.ndarray, "h w"],
        *,
        face_box: Rectangle | None = None,
        face_points: Sequence[Point] | None = None,
    ) -> Choice:
        """The squares of `photo` in which `hole` (True, not empty) would be completed; for figures and masks."""

        return choose(photo, hole, self._finder, face_box=face_box, face_points=face_points)

    def _finder(self, worth_fetching: bool = False) -> FaceFinder | None:
        """The detector, if it is to be used and at hand, or may be fetched and is worth it."""
        return None if self.detector == "off" else face_finder(fetch=worth_fetching and self.detector == "auto")

    def _seen_again(self, view: View, hole: Bool[np.ndarray, "h w"], completed: Photo) -> View | None:
        """The view as it is found in the `completed` photograph, if that is not where it was found in the hidden one.

        The detector guesses at points that are hidden, and places those that are visible by them.
        """
        finder = (
            self._finder() if view.how == "found" and view.face is not None and view.face.is_hidden_by(hole) else None
        )
        face = finder.again(completed, view.face) if finder is not None and view.face is not None else None
        if face is None:
            return None
        frame = frame_of_points(face.points)
        return View(frame, "found", face) if view.frame.apart(frame) > MOVED else None

    def _completed(
        self,
        photo: Photo,
        hole: Bool[np.ndarray, "h w"],
        view: View,
        part: Bool[np.ndarray, "h w"],
        feather: float | int | None,
        mirror: MirrorUse,
    ) -> _View | None:
        """`photo` with `part` of its `hole` completed; None if nothing is visible to go by."""
        small, hidden = take(photo, hole, view.frame)
        if hidden.all():
            return None
        output = self.complete(to_tensor(small), mask_tensor(hidden))
        values, other = levels(output), self.other_side(output, hidden, view=view, mirror=mirror)
        found = other if isinstance(other, Mirror) else None
        result = put_back(photo, hole, view.frame, values, hidden, part=part, feather=feather, mirror=found)
        area = 0.0 if found is None else float(found.share.sum()) * view.frame.scale**2
        return _View(result, area, None if isinstance(other, Mirror) else other)

    def other_side(
        self,
        output: MDRNetsOutput,
        hidden: Bool[np.ndarray, "256 256"],
        *,
        view: View | None = None,
        mirror: MirrorUse = "auto",
    ) -> Mirror | WhyNot:
        """What the other side of a completed face has for what is `hidden` of it, or why it has nothing.

        `view` is where the face comes from; without one it is taken for an aligned face.
        """
        if mirror == "off":
            return "off"
        if view is not None and view.how == "region":
            return "no face"
        categories = output.semantic_map[0].cpu().numpy()
        return mirror_of(levels(output), hidden, categories, class_map=self.network.config.class_map)

    def with_other_side(
        self, image: Float[Tensor, "1 3 256 256"], mask: Float[Tensor, "1 1 256 256"]
    ) -> Float[np.ndarray, "256 256 3"]:
        """An aligned face completed as a photograph's is: by `complete`, then from the face's other side; 0..255."""
        output = self.complete(image, mask)
        other = self.other_side(output, mask[0, 0].cpu().numpy() > 0.5)
        return other.laid_over(levels(output)) if isinstance(other, Mirror) else levels(output)

    @torch.no_grad()
    def complete(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> MDRNetsOutput:
        """All that the networks compute for `images` in [-1, 1] and `masks` (1 = hole), for figures and measurements.

        Height and width must be multiples of `network.multiple`; what the hole's pixels hold does not matter.
        Where memory runs out, half of the pictures are tried at a time; a single one then on the cpu, with a warning,
        unless the device was asked for.
        """
        try:
            device = self.device
            dtype = self._dtype_on(device)
            with nullcontext() if dtype is None else bf16_autocast(device):
                output: MDRNetsOutput = self._lean.of(self.network, dtype)(images.to(device), masks.to(device))
        except RuntimeError as error:
            if not _says_out_of_memory(error):
                raise
            if len(images) == 1:
                self._give_way(error)
        else:
            if not torch.isfinite(output.completed).all():
                raise NonFiniteError("the networks computed NaN or infinity; the weights do not suit, or are damaged")
            return output
        # here and not above, since the error holds on to what had been computed until then
        if len(images) == 1:
            return self.complete(images, masks)
        half = len(images) // 2
        return _joined(self.complete(images[:half], masks[:half]), self.complete(images[half:], masks[half:]))

    def _give_way(self, error: RuntimeError) -> None:
        """Moves to the cpu and says so; an error if the device was asked for or is the cpu."""
        if self._stays or self.device.type == "cpu":
            raise ShowFaceError(f"out of memory on {self.device}; free some of it, or use another device") from error
        warnings.warn(f"out of memory on {self.device}: going on with the cpu", stacklevel=3)
        self.device = torch.device("cpu")
        self.network.to(self.device)
        self._lean.to(self.device)


@dataclass(frozen=True, eq=False)
class _View:
    """A photograph with one view completed, and what came from the other side of the face."""

    photo: Photo
    mirrored: float  # pixels of the photograph
    why_not: WhyNot | None


def levels(output: MDRNetsOutput) -> Float[np.ndarray, "h w 3"]:
    """The first completed face of a batch, 0..255."""
    values = to_unit(output.completed[0].float()).clamp(0, 1) * 255
    return np.ascontiguousarray(values.permute(1, 2, 0).cpu().numpy())


def named_device(name: str) -> torch.device:
    """The device called "cpu", "cuda" (an error where there is none) or "auto" (cuda where there is one, else cpu)."""
    if name not in DEVICES:
        raise SettingError(unknown("device", name, DEVICES))
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("device cuda was asked for, but torch finds none; use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def named_precision(name: str, device: torch.device) -> str:
    """`name` of `PRECISIONS`, "auto" resolved for `device`; `SettingError` if it cannot compute in it."""
    if name not in PRECISIONS:
        raise SettingError(unknown("precision", name, PRECISIONS))
    if name == "bfloat16" and not computes_bf16(device):
        raise SettingError(f"precision bfloat16 was asked for, but this {device.type} would only emulate it; use auto")
    return "bfloat16" if name != "float32" and computes_bf16(device) else "float32"


def _says_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory; on the cpu it has no class of its own for that, only a sentence."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _joined(one: MDRNetsOutput, other: MDRNetsOutput) -> MDRNetsOutput:
    """What two batches gave as if they had been one, on the device of the second."""

    def join(part: Any, more: Any) -> Any:
        if isinstance(part, Retrieved):
            return Retrieved(*map(join, part, more))
        return torch.cat([part.to(more.device), more])

    return MDRNetsOutput(**{name: join(part, getattr(other, name)) for name, part in vars(one).items()})


def _picture(image: Picture) -> Image.Image:
    if isinstance(image, Image.Image):
        return rgb(image)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ImageError(f"expected a uint8 array (h, w, 3), RGB, found {image.dtype} {image.shape}")
        return Image.fromarray(image)
    return read_image(image)


def _mask(mask: Picture) -> Bool[np.ndarray, "h w"]:
    if isinstance(mask, Image.Image):
        return mask_of(mask)
    return binarise(mask) if isinstance(mask, np.ndarray) else read_mask(mask)


def _shared_out(views: Sequence[View], hole: Bool[np.ndarray, "h w"]) -> Iterator[tuple[View, Bool[np.ndarray, "h w"]]]:
    """Each view with the part of the hole that it completes: what lies in it and in none before it."""
    left = hole.copy()
    for view in views:
        part = _part_in(view.frame, left)
        if part.any():
            yield view, part
            left &= ~part


def _part_in(frame: Frame, hole: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """What of `hole` lies in `frame`."""
    window = frame.window((hole.shape[0], hole.shape[1]))
    area = np.s_[window[1] : window[3], window[0] : window[2]]
    part = np.zeros_like(hole)
    part[area] = hole[area] & frame.within(window)
    return part


def _refuse_misfits(picture: Photo, hole: Bool[np.ndarray, "h w"]) -> None:
    height, width = hole.shape
    if (picture.width, picture.height) != (width, height):
        raise MaskError(
            f"expected a mask of the picture's size {picture.width} x {picture.height}, found {width} x {height}; "
            "draw it on this picture or resize it (--resize-mask)"
        )
    if hole.all():
        raise MaskError("the mask hides the whole picture; leave something visible to go by")
    rim = (hole[0], hole[-1], hole[:, 0], hole[:, -1])
    if hole.mean() > 0.6 and all(side.all() for side in rim):
        warnings.warn(
            f"the mask hides {hole.mean():.0%} and every border; is it inverted (--invert-mask)? White = fill in",
            stacklevel=4,
        )
