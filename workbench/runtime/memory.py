"""What this process took of memory."""

from __future__ import annotations

import sys

import psutil

__all__ = ["peak_memory_bytes"]


def peak_memory_bytes() -> int:
    """The most memory this process has held at once, in bytes (resident set; working set on Windows)."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
