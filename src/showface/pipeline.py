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
from collections.abc import Mapping, Sequence
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
from showface.errors import NonFiniteError, SettingError, ShowFaceError, unknown
from showface.images import to_tensor, to_unit
from showface.lean.form import LeanForm
from showface.lean.precision import bf16_autocast, computes_bf16
from showface.masks import hole_share, mask_tensor
from showface.networks.disentangled_memory import Retrieved
from showface.networks.mdrnets import MDRNets, MDRNetsOutput
from showface.networks.source_alignment import Aligned
from showface.photo.align import SIDE as SIDE
from showface.photo.align import take
from showface.photo.answers import Answers, remaining
from showface.photo.choose import Choice, Point, Rectangle, View, choose, part_in, shared_out
from showface.photo.classical import fill_from_rim
from showface.photo.decode import photo_of
from showface.photo.fidelity import FIDELITY, checked_fidelity
from showface.photo.find_faces import FaceFinder, face_finder
from showface.photo.given import Picture, given_mask, given_picture, refuse_misfits
from showface.photo.mirror import MIRROR_VERSION as MIRROR_VERSION
from showface.photo.mirror import Mirror, MirrorUse, WhyNot, mirror_of
from showface.photo.mixing import mixture
from showface.photo.photograph import Photo
from showface.photo.seam import Seam, seam_of
from showface.photo.second_look import is_guessed, seen_again

DEVICES = ("auto", "cpu", "cuda")
DETECTORS = ("auto", "cached", "off")
PRECISIONS = ("float32", "bfloat16", "auto")
MIRRORS = ("auto", "off")


@dataclass(frozen=True, kw_only=True, eq=False)
class Restoration:
    """A completed photograph and what was done to it."""

    photo: Photo
    views: tuple[View, ...] = ()  # the squares that the networks completed, and where they come from
    hole_share: float = 0.0  # of the photograph, in [0, 1]
    outside_faces: float = 0.0  # the part of the hole that was filled in from its rim, without the networks
    mirrored: float = 0.0  # the part of the hole that was taken from the other side of the face
    mirror: tuple[str, ...] = ()  # for each view "taken", or why nothing was (`photo.mirror.WhyNot`)
    fidelity: float = FIDELITY  # where between the natural answer (0) and the faithful one (1) it lies
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
        """The weights in `source`: a folder, a hub id "owner/name" or one file of 0.2.0; None = the bundled ones."""
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
        fidelity: float | int = FIDELITY,
    ) -> Image.Image:
        """The picture with its masked part filled in: RGB, same size, **outside the mask equal in every bit**.

        `image` is a path, a Pillow picture or a uint8 array (h, w, 3), RGB. `mask` is the same or any array that
        `masks.binarise` understands, of the same size as the picture; white (1) = fill in.

        The faces that the mask touches are found; `face_box` (x, y, width, height, brow to chin) or `face_points`
        (x, y of right eye, left eye, nose, right and left corner of the mouth; the subject's right) name one instead.
        `feather` is over how many pixels of the picture, from the border inwards, the filling is bent to meet what is
        known: None = as far as the hole reaches, 0 = pasted as it is. `mirror`: "auto" takes what the other side of
        the face shows for what is hidden whole, where both sides agree; "off" leaves everything to the networks.
        `fidelity`: 0 = natural, what looks real; 1 = faithful, what errs the least (the coarse network alone); between
        them both are mixed.
        """
        picture = given_picture(image)
        photo = photo_of(picture)
        restored = self.restore(
            photo, mask, face_box=face_box, face_points=face_points, feather=feather, mirror=mirror, fidelity=fidelity
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
        fidelity: float | int = FIDELITY,
    ) -> Restoration:
        """`photo` (see `photo.decode`) completed at its own depth and in its own colours, and what was done to it.

        `mask` and the other arguments are those of `__call__`. What the user should know is warned about.
        """
        hole = given_mask(mask)
        refuse_misfits(photo, hole)
        if feather is not None and not feather >= 0:
            raise SettingError(f"expected a feather of 0 pixels or more, found {feather}")
        if mirror not in MIRRORS:
            raise SettingError(unknown("mirror", mirror, MIRRORS))
        fidelity = checked_fidelity(fidelity)
        if not hole.any():
            warnings.warn("the mask is empty: nothing to fill in, the picture comes back as it is", stacklevel=3)
            return Restoration(photo=photo, fidelity=fidelity)
        choice = self.choose(photo, hole, face_box=face_box, face_points=face_points)
        result, left, completed = photo, hole, list[Answers]()
        for view, part in shared_out(choice.views, hole):
            one = self._completed(result, hole, view, left, part, feather=feather, mirror=mirror, fidelity=fidelity)
            if one is not None:
                result, left = one.photo, left & ~one.part
                completed.append(one.answers)
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
            photo=result, views=tuple(one.view for one in completed), hole_share=hole_share(hole),
            outside_faces=float(left.sum() / hole.sum()), fidelity=fidelity,
            mirrored=min(1.0, sum(one.mirrored(fidelity) for one in completed) / int(hole.sum())),
            mirror=tuple(one.mirror(fidelity) for one in completed),
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

    def _completed(
        self,
        photo: Photo,
        hole: Bool[np.ndarray, "h w"],
        view: View,
        left: Bool[np.ndarray, "h w"],
        part: Bool[np.ndarray, "h w"],
        *,
        feather: float | int | None,
        mirror: MirrorUse,
        fidelity: float,
    ) -> _View | None:
        """`photo` with `part` of what is `left` of its `hole` completed; None if nothing is visible to go by.

        A face of which the detector saw too little is looked for again in its natural completion, whatever is asked
        for, and completed where it is found then.
        """
        answers, natural = self._answers(photo, left, view, mirror), None
        finder = self._finder() if is_guessed(view, hole) else None
        if answers is not None and finder is not None:
            natural = answers.put_back(photo, left, part, feather=feather)
            again = seen_again(view, natural, finder)
            elsewhere = None if again is None else self._answers(photo, left, again, mirror)
            if elsewhere is not None:
                answers, part, natural = elsewhere, part_in(elsewhere.view.frame, left), None
        if answers is None:
            return None
        if natural is None or fidelity:
            natural = answers.put_back(photo, left, part, feather=feather, fidelity=fidelity)
        return _View(answers, part, natural)

    def _answers(self, photo: Photo, hole: Bool[np.ndarray, "h w"], view: View, mirror: MirrorUse) -> Answers | None:
        """What there is for what `hole` hides in `view`; None if it hides all of it."""
        small, hidden = take(photo, hole, view.frame)
        if hidden.all():
            return None
        output = self.complete(to_tensor(small), mask_tensor(hidden))
        other_side = self.other_side(output, hidden, view=view, mirror=mirror)
        return Answers(view, hidden, levels(output), _levels(output.coarse), other_side)

    def other_side(
        self,
        output: MDRNetsOutput,
        hidden: Bool[np.ndarray, "256 256"],
        *,
        view: View | None = None,
        mirror: MirrorUse = "auto",
        fidelity: float = 0.0,
    ) -> Mirror | WhyNot:
        """What the other side of a completed face has for what is `hidden` of it, or why it has nothing.

        `view` is where the face comes from; without one it is taken for an aligned face. The other side belongs to the
        natural answer, so that its share falls with the `fidelity`.
        """
        if mirror == "off" or fidelity == 1:
            return "off"
        if view is not None and view.how == "region":
            return "no face"
        categories = output.semantic_map[0].cpu().numpy()
        found = mirror_of(levels(output), hidden, categories)
        return remaining(found, fidelity)

    def with_other_side(
        self, image: Float[Tensor, "1 3 256 256"], mask: Float[Tensor, "1 1 256 256"], *, fidelity: float | int = 0.0
    ) -> Float[np.ndarray, "256 256 3"]:
        """An aligned face completed as a photograph's is: by `complete`, then from the face's other side; 0..255."""
        fidelity = checked_fidelity(fidelity)
        output, hidden = self.complete(image, mask), mask[0, 0].cpu().numpy() > 0.5
        other = self.other_side(output, hidden)
        mirror = other if isinstance(other, Mirror) else None
        return mixture(levels(output), _levels(output.coarse), hidden, fidelity, mirror=mirror).picture()

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
    """A photograph with one view completed."""

    answers: Answers
    part: Bool[np.ndarray, "h w"]  # of the hole that was completed
    photo: Photo


def levels(output: MDRNetsOutput) -> Float[np.ndarray, "h w 3"]:
    """The first completed face of a batch, 0..255."""
    return _levels(output.completed)


def _levels(faces: Float[Tensor, "b 3 h w"]) -> Float[np.ndarray, "h w 3"]:
    values = to_unit(faces[0].float()).clamp(0, 1) * 255
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
        if isinstance(part, (Retrieved, Aligned)):
            return type(part)(*map(join, part, more))
        if part is None:  # of a network that looks at no sources
            return None
        return torch.cat([part.to(more.device), more])

    return MDRNetsOutput(**{name: join(part, getattr(other, name)) for name, part in vars(one).items()})
