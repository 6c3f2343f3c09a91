"""Memory that is free given back to the system, which the C library does not do by itself."""

from __future__ import annotations

import ctypes
import gc
import platform
import sys


def give_back() -> None:
    """Free what nobody refers to, and hand free pages back to the system: there only with glibc on Linux.

    Takes a good part of a second, in which Python does nothing else.
    """
    gc.collect()
    if sys.platform.startswith("linux") and platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
