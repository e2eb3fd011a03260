"""Every error showface raises on purpose, in one tree.

    ShowFaceError                 exit code 1: the run failed
    ├── AssetError                a third-party file could not be fetched or does not match its hash
    ├── CheckpointError           a run folder or a checkpoint cannot be used
    ├── NonFiniteError            a loss, gradient or output became NaN or infinite
    ├── WorkerError               a process that helps a run was killed
    ├── StoppedError              a signal ended a run, which can go on; exit code 128 + the signal's number
    ├── MissingExtraError         an optional dependency is not installed; the message names the extra
    └── InputError                exit code 2: what the user handed over cannot be used
        ├── ImageError            not a picture, damaged, too large or of a refused format
        ├── MaskError             of another size than the picture, or nothing would stay visible
        ├── WeightsError          damaged, altered, or made for another configuration
        ├── SettingError          an unknown recipe, profile or field, or a value that contradicts another
        └── DataError             a set of faces or masks that is missing, empty or contradictory

A message says what was expected, what was found and what to do about it, in one line.
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable


class ShowFaceError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line returns for it."""

    exit_code = 1


class AssetError(ShowFaceError):
    """A third-party file could not be fetched, or what was fetched does not match its pinned hash."""


class CheckpointError(ShowFaceError):
    """A run folder or a checkpoint cannot be read, written or continued."""


class NonFiniteError(ShowFaceError):
    """A loss, a gradient or an output became NaN or infinite."""


class WorkerError(ShowFaceError):
    """A process that loads pictures for a run was killed."""


class StoppedError(ShowFaceError):
    """A signal ended a run after its state was saved; the same command goes on."""

    def __init__(self, message: str, received: signal.Signals) -> None:
        super().__init__(message)
        self.exit_code = 128 + received


class MissingExtraError(ShowFaceError):
    """An optional dependency is missing; the message names the extra that brings it."""


class InputError(ShowFaceError):
    """What the user handed over cannot be used."""

    exit_code = 2


class ImageError(InputError):
    """Not a picture, damaged, too large, or of a refused format."""


class MaskError(InputError):
    """A mask that does not fit its picture or leaves nothing visible."""


class WeightsError(InputError):
    """A weight file that is damaged, altered, or made for another configuration."""


class SettingError(InputError):
    """An unknown recipe, profile or setting, or a value that contradicts another."""


class DataError(InputError):
    """A set of faces or masks that is missing, empty or contradictory."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One line that refuses `name` and suggests the nearest of the `known` names."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    return f"unknown {kind} {name!r}; {hint}"
