"""Memory that requests freed goes back to the system, on Linux with glibc."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
_LARGE_BLOCK_BYTES = 1 << 20
_KEPT_BYTES = 16 << 20


def return_freed_memory() -> bool:
    """Make blocks of a megabyte or more leave the process when they are freed; return whether that could be set.

    Left alone, glibc keeps ever larger freed blocks, in a part of its own for each thread: a service that compares
    thousands of photos in many threads grew for hours, though it held no more.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    return bool(set_option(_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES) and set_option(_TRIM_THRESHOLD, _KEPT_BYTES))
