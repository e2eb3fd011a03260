"""Complete the hidden part of a face photograph.

    from showface import FaceInpainter
    inpaint = FaceInpainter.from_pretrained()
    restored = inpaint("photo.jpg", "mask.png")        # mask: white = fill in

Importing the package imports neither torch nor anything else that is slow; that happens when a name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from showface.errors import ShowFaceError

if TYPE_CHECKING:
    from showface.networks.mdrnets import MDRNets, MDRNetsConfig
    from showface.pipeline import FaceInpainter

__all__ = ["FaceInpainter", "MDRNets", "MDRNetsConfig", "ShowFaceError", "__version__"]
__version__ = "0.3.0"

_WHERE = {
    "FaceInpainter": "showface.pipeline",
    "MDRNets": "showface.networks.mdrnets",
    "MDRNetsConfig": "showface.networks.mdrnets",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
