"""From photograph and mask to photograph: `FaceInpainter`, on the device there is, with what can be asked of faces."""

from showface.photo.align import SIDE
from showface.photo.mirror import MIRROR_VERSION
from showface.pipeline.completer import levels
from showface.pipeline.devices import named_device
from showface.pipeline.inpainter import FaceInpainter
from showface.pipeline.restoration import Restoration

__all__ = ["MIRROR_VERSION", "SIDE", "FaceInpainter", "Restoration", "levels", "named_device"]
