"""One run at a time in a folder: two would overwrite each other's checkpoints.

The operating system holds the lock for the process, so that none is left behind by a run that was killed.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from showface.errors import CheckpointError

LOCK = ".lock"  # in the run folder; it stays there, and tells who held it last


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the run `folder`, which is made if need be; a `CheckpointError` if another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _taken(descriptor):
            holder = path.read_text(encoding="utf-8", errors="replace").strip() or "another process"
            raise CheckpointError(f"{folder}: {holder} is training here; wait for it, stop it, or use another --out")
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Take the lock, if nobody has it. Processes that are forked later, to load pictures, do not inherit it."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # a byte beyond the text, which others may then read
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(descriptor, 0, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # held by another process
        return False
    return True
