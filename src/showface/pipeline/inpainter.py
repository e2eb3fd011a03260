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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from showface import weights
from showface.errors import SettingError, unknown
from showface.images import to_tensor
from showface.masks import hole_share, mask_tensor
from showface.networks.mdrnets import MDRNets, MDRNetsOutput
from showface.photo.align import take
from showface.photo.answers import Answers, remaining
from showface.photo.choose import Choice, Point, Rectangle, View, choose, part_in, shared_out
from showface.photo.classical import fill_from_rim
from showface.photo.colour_line import on_its_line
from showface.photo.confidence import after, before
from showface.photo.decode import photo_of
from showface.photo.fidelity import FIDELITY, checked_fidelity
from showface.photo.find_faces import FaceFinder, face_finder
from showface.photo.given import Picture, given_mask, given_picture, refuse_misfits
from showface.photo.mirror import Mirror, MirrorUse, WhyNot, mirror_of
from showface.photo.mixing import mixture
from showface.photo.photograph import Photo
from showface.photo.seam import seam_of
from showface.photo.second_look import is_guessed, seen_again
from showface.pipeline.completer import Completer, levels, levels_of
from showface.pipeline.devices import named_device, named_precision
from showface.pipeline.restoration import Restoration

DETECTORS = ("auto", "cached", "off")
MIRRORS = ("auto", "off")


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
        self.completer = Completer(network, device=device, precision=precision)

    @property
    def network(self) -> MDRNets:
        """What was trained."""
        return self.completer.network

    @property
    def lean(self) -> MDRNets:
        """What completes (see `Completer.lean`)."""
        return self.completer.lean

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return self.completer.device

    @property
    def precision(self) -> str:
        """What convolutions and matrix products compute in, "float32" or "bfloat16"."""
        return self.completer.precision

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

    def save_pretrained(self, folder: str | os.PathLike[str], *, card: Mapping[str, Any] | None = None) -> Path:
        """Writes weights and configuration to `folder`, from where `from_pretrained` reads them."""
        return weights.save(folder, self.completer.network, card=card)

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
        notes = [note for note in (choice.note, before(choice.views, hole)) if note]
        for note in notes:  # before the work, and not after it
            warnings.warn(note, stacklevel=3)
        result, left, completed = photo, hole, list[Answers]()
        for view, part in shared_out(choice.views, hole):
            one = self._completed(result, hole, view, left, part, feather=feather, mirror=mirror, fidelity=fidelity)
            if one is not None:
                result, left = one.photo, left & ~one.part
                completed.append(one.answers)
        later = list[str]()
        if left.any():
            result = fill_from_rim(result, left, feather=feather)
            later.append(
                f"{left.sum() / hole.sum():.1%} of the hole lies outside the faces and was filled in from its rim, "
                "without the networks"
            )
        result = on_its_line(result, photo, hole)
        smooth = after(result, hole & ~left)
        later += [smooth] if smooth else []
        for note in later:
            warnings.warn(note, stacklevel=3)
        return Restoration(
            photo=result, views=tuple(one.view for one in completed), hole_share=hole_share(hole),
            outside_faces=float(left.sum() / hole.sum()), fidelity=fidelity,
            mirrored=min(1.0, sum(one.mirrored(fidelity) for one in completed) / int(hole.sum())),
            mirror=tuple(one.mirror(fidelity) for one in completed),
            seam=seam_of(result, hole), notes=(*notes, *later),
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
        return Answers(view, hidden, levels(output), levels_of(output.coarse), other_side)

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
        return mixture(levels(output), levels_of(output.coarse), hidden, fidelity, mirror=mirror).picture()

    def complete(self, images: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"]) -> MDRNetsOutput:
        """All that the networks compute for `images` in [-1, 1] and `masks` (1 = hole), as `Completer.complete`."""
        return self.completer.complete(images, masks)


@dataclass(frozen=True, eq=False)
class _View:
    """A photograph with one view completed."""

    answers: Answers
    part: Bool[np.ndarray, "h w"]  # of the hole that was completed
    photo: Photo
