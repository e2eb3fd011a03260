"""Memory that was freed, and kernels that were made, are kept for what comes next, in the processes of the commands.

The C library on most Linux systems gives the memory of a feature map back to the system as soon as it is freed, and the
system clears each page anew for the next one. What that costs is in docs/speed.md.
"""

from __future__ import annotations

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt, in <malloc.h>
KEPT = 512 << 20  # bytes that stay when all is freed, of what the main thread had
LARGEST = (64 << 20, 32 << 20)  # bytes of the largest block that stays; older C libraries refuse the first


def keep_freed_memory() -> bool:
    """Lets this process keep up to 512 MiB that it freed, in blocks of up to 64 MiB; whether the C library does.

    For the whole process and from now on: a program of its own calls this at its start, a library should not. Other
    threads than the main one have 64 MiB of their own at a time, and keep less.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # other C libraries
        return False
    # in this order: with the second alone every larger block would be the system's
    return any(mallopt(MMAP_THRESHOLD, size) for size in LARGEST) and bool(mallopt(TRIM_THRESHOLD, KEPT))


KERNELS = 16_384  # oneDNN keeps 1,024 unless told otherwise


def keep_kernels() -> None:
    """Lets this process keep so many of the kernels that oneDNN makes for each shape of a convolution.

    Training meets many shapes again and again: with the usual number every step makes most of its kernels anew, which
    halves the pictures a second. To be called before the first convolution; who has set the variable is not overruled.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KERNELS))
