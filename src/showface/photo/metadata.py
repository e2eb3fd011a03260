"""What a picture file says besides its pixels: taken out on reading, handed to the encoder on writing.

Whatever describes the old pixels goes: orientation (it is applied), thumbnails and previews (they would still show what
was filled in) and lists of further pictures in the same file.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageCms, ImageFile, PngImagePlugin, TiffImagePlugin

from showface.images import Stream

ORIENTATION, EXIF_IFD, GPS_IFD, TIFF_XMP = 274, 34665, 34853, 700
# description, make, model, software, date, artist, host, copyright: true of any copy, whatever its format
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 316, 33432)
COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"sRGB", b"cICP")
JPEG_SEGMENT = 65_000  # bytes; what fits into one segment of a JPEG file beside its heading


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a file says besides its pixels, in a form that every format can take; None or empty = it says nothing."""

    icc_profile: bytes | None = None
    exif: bytes | None = None  # a TIFF block without "Exif\0\0"; neither orientation nor thumbnail are in it
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    colour_chunks: tuple[tuple[bytes, bytes], ...] = ()  # PNG: (name, body) of cHRM, gAMA, sRGB, cICP


# ---------------------------------------------------------------------------------------------- reading


def read_metadata(picture: ImageFile.ImageFile) -> Metadata:
    """The metadata of an opened and loaded picture file."""
    info = picture.info
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        exif, xmp = exif_of_tiff(picture), picture.tag_v2.get(TIFF_XMP)
    else:
        exif, xmp = info.get("exif"), info.get("xmp") or info.get("XML:com.adobe.xmp")
    return metadata_of(info, exif=exif, xmp=xmp)


def metadata_of(info: Mapping[Any, Any], *, exif: bytes | None, xmp: bytes | str | None) -> Metadata:
    """Metadata from a decoder's `info`; EXIF and XMP as they stand in the file."""
    return Metadata(
        icc_profile=info.get("icc_profile") or None,
        exif=clean_exif(exif) if exif else None,
        xmp=clean_xmp(xmp.encode() if isinstance(xmp, str) else xmp) if xmp else None,
        dpi=_sound_dpi(info.get("dpi")),
    )


def orientation_of(picture: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) if there is none, a meaningless one, or EXIF that cannot be read."""
    try:
        value = picture.getexif().get(ORIENTATION, 1)
    except (ValueError, SyntaxError, OSError, struct.error, LookupError, TypeError, EOFError):
        return 1
    return int(value) if value in range(1, 9) else 1


def colour_chunks_of(png: Stream) -> tuple[tuple[bytes, bytes], ...]:
    """The chunks before the pixels of an undamaged PNG file that say what its values mean, in the order of the file."""
    found: list[tuple[bytes, bytes]] = []
    png.seek(8)
    while True:
        length, name = struct.unpack(">I4s", png.read(8))
        if name in (b"IDAT", b"IEND"):
            return tuple(found)
        body = png.read(length)
        png.seek(4, io.SEEK_CUR)
        if name in COLOUR_CHUNKS:
            found.append((name, body))


def clean_exif(exif: bytes) -> bytes | None:
    """An EXIF block without orientation and thumbnail, every other byte where it was (maker notes hold offsets).

    None, with a warning, if it is damaged.
    """
    block = bytearray(exif.removeprefix(b"Exif\0\0"))
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[bytes(block[:4])]
        (first,) = struct.unpack_from(f"{order}I", block, 4)
        _remove_entry(block, order, first, ORIENTATION)
        return bytes(_without_thumbnail(block, order, first))
    except (struct.error, KeyError, IndexError):
        warnings.warn("the EXIF block is damaged and is left out", stacklevel=2)
        return None


def _entries(block: bytearray, order: str, start: int) -> dict[int, int]:
    """The tags of the directory at `start` and where their 12 bytes stand."""
    (count,) = struct.unpack_from(f"{order}H", block, start)
    places = [start + 2 + 12 * number for number in range(count)]
    return {struct.unpack_from(f"{order}HHII", block, place)[0]: place for place in places}


def _remove_entry(block: bytearray, order: str, start: int, tag: int) -> None:
    entries = _entries(block, order, start)
    if tag in entries:
        end = start + 2 + 12 * len(entries) + 4  # behind the offset of the next directory
        block[entries[tag] : end] = block[entries[tag] + 12 : end] + bytes(12)
        struct.pack_into(f"{order}H", block, start, len(entries) - 1)


def _without_thumbnail(block: bytearray, order: str, start: int) -> bytearray:
    link = start + 2 + 12 * len(_entries(block, order, start))
    (second,) = struct.unpack_from(f"{order}I", block, link)
    struct.pack_into(f"{order}I", block, link, 0)
    if not second:
        return block
    entries = _entries(block, order, second)
    if not {513, 514} <= set(entries):  # not a JPEG thumbnail, which is the only kind cameras write
        return block
    place, length = (struct.unpack_from(f"{order}I", block, entries[tag] + 8)[0] for tag in (513, 514))
    end = min(place + length, len(block))
    block[place:end] = b"" if end == len(block) else bytes(max(0, end - place))
    return block


def clean_xmp(xmp: bytes) -> bytes | None:
    """XMP that calls the picture upright, without its thumbnails; None if it lists further pictures of the file."""
    if b"Container:Directory" in xmp:  # gain maps, depth, motion: they stood behind the picture and are gone
        return None
    xmp = re.sub(rb'(tiff:Orientation(?:="|>))\d+', rb"\g<1>1", xmp)
    return re.sub(rb"<(x[am]pm?:Thumbnails)>.*?</\1>", b"", xmp, flags=re.DOTALL)


def exif_of_tiff(picture: TiffImagePlugin.TiffImageFile) -> bytes | None:
    """The descriptive tags and EXIF directories of a TIFF file as an EXIF block."""
    exif = _descriptive(picture.getexif())
    return exif.tobytes() if len(exif) else None


def _descriptive(found: Image.Exif) -> Image.Exif:
    """The tags that stay true in another file; the others describe how the old one held its pixels."""
    exif = Image.Exif()
    for tag in DESCRIPTIVE:
        if tag in found:
            exif[tag] = found[tag]
    for directory in (EXIF_IFD, GPS_IFD):
        if directory in found:
            exif[directory] = found.get_ifd(directory)
    return exif


def _sound_dpi(dpi: Any) -> tuple[float, float] | None:
    """Resolution as two numbers above 1, which TIFF has for "unknown"; some files hold 0, or fractions over 0."""
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 < across < 1e6 and 1 < down < 1e6 else None


# ---------------------------------------------------------------------------------------------- writing


def save_options(metadata: Metadata, form: str) -> dict[str, Any]:
    """What Pillow's encoder of `form` is told, so that the file says what `metadata` holds."""
    options: dict[str, Any] = {"icc_profile": metadata.icc_profile}
    if metadata.dpi and form != "WEBP":
        options["dpi"] = metadata.dpi
    if form == "BMP":
        return options
    exif, xmp = metadata.exif, metadata.xmp
    if form == "JPEG":
        exif, xmp = (_fitting(name, body) for name, body in (("EXIF", exif), ("XMP", xmp)))
    if exif:
        options["exif"] = descriptive_exif(exif) if form == "TIFF" else b"Exif\0\0" + exif
    if form == "PNG":
        options["pnginfo"] = _png_chunks(metadata)
    elif form == "TIFF" and xmp:
        options.setdefault("exif", Image.Exif())[TIFF_XMP] = xmp
    elif xmp:
        options["xmp"] = xmp
    return options


def descriptive_exif(block: bytes) -> Image.Exif:
    """An EXIF block as the tags that a TIFF file may take over."""
    found, exif = Image.Exif(), Image.Exif()
    found.load(block)
    exif.load(_descriptive(found).tobytes())  # directories within are looked up in the bytes
    return exif


def _fitting(name: str, body: bytes | None) -> bytes | None:
    if body and len(body) > JPEG_SEGMENT:
        warnings.warn(f"{name} of {len(body):,} bytes is too long for a JPEG file and is left out", stacklevel=4)
        return None
    return body


def _png_chunks(metadata: Metadata) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for name, body in metadata.colour_chunks:
        chunks.add(name, body)
    if metadata.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    return chunks


def without_metadata(metadata: Metadata) -> Metadata:
    """Nothing at all, with a warning if the colours were meant for another profile than sRGB."""
    name = profile_name(metadata.icc_profile)
    if name and "srgb" not in name.lower():
        warnings.warn(f"without its profile ({name}) the colours of the picture will look different", stacklevel=3)
    return Metadata()


def profile_name(icc_profile: bytes | None) -> str:
    """What a colour profile calls itself; empty without one."""
    if not icc_profile:
        return ""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))).strip()
    except (ImageCms.PyCMSError, OSError):
        return "damaged"
