"""What a picture file says besides its pixels: taken out on reading, handed to the encoder on writing."""

from __future__ import annotations

from PIL import Image

from showface.photo.photograph import Metadata

ORIENTATION = 274


def orientation_of(picture: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) if there is none or a meaningless one."""
    try:
        value = picture.getexif().get(ORIENTATION, 1)
    except (ValueError, SyntaxError, OSError):
        return 1
    return value if value in range(1, 9) else 1


def read_metadata(picture: Image.Image) -> Metadata:
    return Metadata(icc_profile=picture.info.get("icc_profile"))
