"""How much memory the worker took, and giving back what it needs no more."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

__all__ = ["give_back", "peak_rss_bytes"]


def peak_rss_bytes() -> int:
    """The most memory this process has held at once, in bytes (resident set; working set on Windows).

    Linux's ``getrusage`` knows a process from before it ran its own program: it tells no less than the most that the
    process had which started this one, and that may be an app with large models.
    """
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def give_back() -> None:
    """Give what was freed back to the system, in milliseconds.

    glibc keeps it between pieces that are still in use, and what is larger than any hole is taken anew: a decoder that
    is forgotten layer by layer takes as much as a whole one then. Other C libraries do it by themselves.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(ctypes.c_size_t(0))
