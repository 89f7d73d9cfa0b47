"""What this process took of memory, and what it gives back."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import psutil

__all__ = ["give_back", "peak_memory_bytes"]


def peak_memory_bytes() -> int:
    """The most memory this process has held at once, in bytes (resident set; working set on Windows).

    Linux's ``getrusage`` knows a process from before it ran its own program: it tells no less than the most that the
    process had which started this one. ``exporters/memory.py`` does the same for the export's workers.
    """
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def give_back() -> None:
    """Hand the system what is free: glibc keeps most of it for later, hundreds of megabytes after a language model.

    Other C libraries do so by themselves.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(ctypes.c_size_t(0))
