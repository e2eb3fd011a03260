"""Where pictures, arrays and tensors change range, order or size (design, "The house").

Everywhere in the package a picture is RGB and upright. Inside networks it is a float tensor (b, 3, h, w) in [-1, 1];
losses and metrics that measure with VGG or Inception take the same in [0, 1] ("unit"); files and Pillow hold uint8 in
0..255, (h, w, 3). Nothing here guesses a range from the values it sees. Photographs in their own depth and colours
are a matter of `photo`, which decodes through `opened` and writes through `writing`.
"""

from __future__ import annotations

import io
import os
import struct
import uuid
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFile
from torch import Tensor

from showface.errors import ImageError, NonFiniteError

Box = tuple[float | int, float | int, float | int, float | int]  # left, top, right, bottom, in pixels

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
SUFFIXES = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP",
}  # fmt: skip
PIXEL_LIMIT = 200_000_000  # pixels of the largest picture that is decoded

# WEBP lossless and JPEG without colour subsampling: what was not masked should stay as it was
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_deflate"},
}

# what Pillow's decoders raise on damaged files, besides OSError
_DECODER_ERRORS = (
    OSError, ValueError, SyntaxError, struct.error, zlib.error, OverflowError, MemoryError, EOFError, LookupError,
    TypeError, ArithmeticError, Image.DecompressionBombError,
)  # fmt: skip

UPRIGHT = {  # EXIF orientation -> what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


# ---------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True)
class Held:
    """A picture file that is held in memory and on no disk; `name` is what messages call it."""

    name: str
    content: bytes

    def __str__(self) -> str:
        return self.name


Source = str | os.PathLike[str] | Held
Stream = IO[bytes] | io.BytesIO  # run-time checks do not take the second for the first


def stream_of(source: Source) -> Stream:
    """The bytes of a picture file, to read from."""
    return io.BytesIO(source.content) if isinstance(source, Held) else Path(source).open("rb")


def read_image(path: Source, *, pixel_limit: int = PIXEL_LIMIT) -> Image.Image:
    """The picture in `path` as upright RGB, whatever its mode; alpha is dropped, colours under it are kept.

    Raises `ImageError` if it is no picture, damaged, larger than `pixel_limit` pixels or of a format not in `FORMATS`
    (the content decides, not the suffix).
    """
    with one_line_reason(path):
        return rgb(open_image(path, pixel_limit=pixel_limit))


def open_image(path: Source, *, pixel_limit: int = PIXEL_LIMIT) -> Image.Image:
    """The picture in `path` decoded and upright, in the mode it was stored in; of an animation the first frame."""
    with opened(path, pixel_limit=pixel_limit) as picture:
        picture.load()
        return _upright(picture)


@contextmanager
def opened(path: Source, *, pixel_limit: int = PIXEL_LIMIT) -> Iterator[ImageFile.ImageFile]:
    """The picture in `path`, its header read and checked and nothing decoded yet, for as long as the block lasts.

    Whatever a decoder raises within the block becomes an `ImageError` with the file's name. An animation is a warning.
    """
    with one_line_reason(path), stream_of(path) as stream:
        picture = _identify(stream)
        refuse_too_many_pixels(picture.size, pixel_limit)
        _refuse_damaged_png(picture, stream)
        if getattr(picture, "is_animated", False) and picture.format != "MPO":
            warnings.warn(f"{shown(path)}: has several frames; only the first is used", stacklevel=4)
        yield picture


@contextmanager
def one_line_reason(path: Source) -> Iterator[None]:
    """Whatever a decoder raises within the block becomes an `ImageError`: the file's name and one line."""
    try:
        yield
    except ImageError as error:
        if str(error).startswith(f"{shown(path)}: "):
            raise
        raise ImageError(f"{shown(path)}: {error}") from error
    except _DECODER_ERRORS as error:
        raise ImageError(f"{shown(path)}: {reason(error)}") from error


def shown(path: Source) -> str:
    """A file's name for a message of one line: line breaks, other controls and undecodable bytes are escaped."""
    name = path.name if isinstance(path, Held) else os.fspath(path)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


def refuse_too_many_pixels(size: tuple[int, int], pixel_limit: int) -> None:
    """Raises `ImageError` if a picture of `size` (width, height) has more than `pixel_limit` pixels."""
    width, height = size
    if width * height > pixel_limit:
        raise ImageError(f"{width} x {height} pixels are more than the limit of {pixel_limit:,}; make it smaller")


def rgb(picture: Image.Image) -> Image.Image:
    """Any picture as 8-bit RGB: 16-bit and float values are scaled, palettes resolved, alpha dropped."""
    try:
        picture.load()
        if picture.mode == "RGB":
            return picture
        if picture.mode in ("F", "I") or picture.mode.startswith("I;16"):
            return Image.fromarray(np.round(unit_values(picture) * 255).astype(np.uint8)).convert("RGB")
        if picture.mode in ("P", "PA"):  # a palette's transparency must be resolved first
            picture = picture.convert("RGBA")
        converted = picture.convert("RGB")
    except _DECODER_ERRORS as error:
        raise ImageError(f"a picture of mode {picture.mode} cannot be turned into RGB: {reason(error)}") from error
    if picture.mode not in ("RGBA", "RGBX", "RGBa"):  # the colour profile of another colour space
        converted.info.pop("icc_profile", None)
    return converted


def unit_values(picture: Image.Image) -> Float[np.ndarray, "h w"]:
    """A one-channel picture of 16-bit integers (0..65535) or floats (in [0, 1]) as float64 in [0, 1]."""
    values = np.asarray(picture).astype(np.float64)
    if picture.mode != "F":
        values /= 65535
    if not (values.min(initial=0) >= 0 and values.max(initial=0) <= 1):  # also refuses NaN
        expected = "floats in [0, 1]" if picture.mode == "F" else "integers of 16 bits"
        raise ImageError(f"expected {expected}, found other values; save the picture with 8 bits")
    return values


def _identify(stream: Stream) -> ImageFile.ImageFile:
    """Opens `stream` with the decoder its first bytes ask for; only the header is read.

    `Image.open` is not used because its own pixel limit is global, warns first and refuses late.
    """
    Image.init()
    prefix = stream.read(16)
    for name in FORMATS:
        factory, accepts = Image.OPEN[name]
        if accepts is None or accepts(prefix) is True:
            stream.seek(0)
            return factory(stream, "")
    found = "other data" if prefix else "an empty file"
    raise ValueError(f"expected a picture ({', '.join(FORMATS)}), found {found}")


def _refuse_damaged_png(picture: ImageFile.ImageFile, stream: Stream) -> None:
    """Checks the CRC of every chunk, which decoding alone does not; then rewinds to where decoding starts."""
    if picture.format == "PNG":
        position = stream.tell()
        stream.seek(0)
        factory, _ = Image.OPEN["PNG"]
        factory(stream, "").verify()
        stream.seek(position)


def _upright(picture: Image.Image) -> Image.Image:
    """Applies the EXIF orientation (tag 274) once; unknown values and unreadable EXIF leave the picture as it is.

    Of the metadata only what the colours need stays, so that nobody applies the orientation again.
    """
    try:
        orientation = picture.getexif().get(274, 1)
    except _DECODER_ERRORS:
        orientation = 1
    turned = picture.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else picture.copy()
    turned.info = {name: turned.info[name] for name in ("icc_profile", "transparency") if name in turned.info}
    return turned


def reason(error: Exception) -> str:
    """One line that says why; MemoryError and EOFError come without words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


# ---------------------------------------------------------------------------------------------- writing


def write_image(path: str | os.PathLike[str], picture: Image.Image, *, overwrite: bool = False) -> None:
    """Writes `picture` to `path` in the format of its suffix, completely or not at all.

    An existing file is refused unless `overwrite`. Lossless except for JPEG (quality 95, no colour subsampling). The
    colour profile stays; other metadata goes.
    """
    form = refuse_unwritable(path, overwrite=overwrite)
    target = Path(os.path.realpath(path))  # of a link, what it points to
    if form in ("JPEG", "BMP"):  # these hold no alpha
        picture = rgb(picture)
    options = _SAVE_OPTIONS.get(form, {}) | {"icc_profile": picture.info.get("icc_profile")}
    with writing(target) as stream:
        picture.save(stream, format=form, **options)


@contextmanager
def writing(target: Path) -> Iterator[IO[bytes]]:
    """A stream whose bytes become the file `target` at the end of the block, or nothing does if the block fails."""
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, target)
    except (OSError, ValueError, OverflowError, MemoryError, struct.error) as error:
        raise ImageError(f"{shown(target)}: cannot be written: {reason(error)}") from error
    finally:
        part.unlink(missing_ok=True)


def refuse_unwritable(path: str | os.PathLike[str], *, overwrite: bool = False) -> str:
    """The format in which `write_image` would write `path`; an `ImageError` if it would refuse. To ask before work."""
    target, name = Path(path), shown(path)
    form = SUFFIXES.get(target.suffix.lower())
    if form is None:
        raise ImageError(
            f"{shown(target)}: expected a name ending in {', '.join(SUFFIXES)}, found {shown(target.suffix) or 'none'}"
        )
    if target.is_dir():
        raise ImageError(f"{shown(target)}: is a folder; give the name of a picture")
    if os.path.lexists(target) and not overwrite:
        raise ImageError(f"{name}: exists already; choose another name or ask to overwrite it")
    return form


def contact_sheet(
    rows: Sequence[Sequence[Image.Image]], titles: Sequence[str], *, blocks: int = 1, gap: int = 4, head: int = 20
) -> Image.Image:
    """Pictures of one size in rows under `titles`, as `blocks` tables side by side; `gap` and `head` in pixels."""
    width, height = rows[0][0].size
    deep = -(-len(rows) // blocks)
    wide = (width + gap) * len(titles)
    sheet = Image.new("RGB", (wide * blocks + gap * (blocks - 1), head + (height + gap) * deep - gap), "white")
    for block in range(blocks):
        left = block * (wide + gap)
        for column, title in enumerate(titles):
            place = (left + column * (width + gap) + width // 2, head // 2)
            ImageDraw.Draw(sheet).text(place, title, fill="black", anchor="mm", font_size=head * 0.7)
        for line, row in enumerate(rows[block * deep : (block + 1) * deep]):
            for column, picture in enumerate(row):
                sheet.paste(picture, (left + column * (width + gap), head + line * (height + gap)))
    return sheet


# ---------------------------------------------------------------------------------------------- ranges and order


def to_tensor(picture: Image.Image | UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "1 3 h w"]:
    """A picture (Pillow, or uint8 RGB in 0..255) as a float32 tensor in [-1, 1]."""
    pixels = np.array(rgb(picture) if isinstance(picture, Image.Image) else picture)
    return from_unit(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)


def to_uint8(images: Float[Tensor, "b 3 h w"]) -> UInt8[np.ndarray, "b h w 3"]:
    """Images in [-1, 1] as uint8 RGB in 0..255: clipped and rounded, never truncated. NaN and infinity are refused."""
    if not torch.isfinite(images).all():
        raise NonFiniteError("expected finite pixel values, found NaN or infinity; no picture is made of them")
    levels = to_unit(images.detach().float()).mul(255).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def picture_of(pixels: UInt8[np.ndarray, "h w 3"]) -> Image.Image:
    """uint8 RGB in 0..255 as a Pillow picture."""
    return Image.fromarray(pixels)


def to_unit(images: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """[-1, 1] to [0, 1]."""
    return images * 0.5 + 0.5


def from_unit(unit: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """[0, 1] to [-1, 1]."""
    return unit * 2 - 1


def resize_image(picture: Image.Image, size: int | tuple[int, int], box: Box | None = None) -> Image.Image:
    """`picture`, or its part `box` (left, top, right, bottom), at `size`: antialiased bicubic.

    `size` is the side of a square or (height, width).
    """
    height, width = (size, size) if isinstance(size, int) else size
    return picture.resize((width, height), Image.Resampling.BICUBIC, box=box)
