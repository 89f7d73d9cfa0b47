"""Sizes and times as people read them, the same in every front."""

from __future__ import annotations

import math

__all__ = ["clock", "duration", "size"]

UNITS = ("B", "kB", "MB", "GB", "TB")


def size(bytes_: float) -> str:
    """``91_000_000`` → ``"91.0 MB"``, in units of 1000."""
    value, unit = float(bytes_), 0
    while value >= 999.95 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} B" if unit == 0 else f"{value:.1f} {UNITS[unit]}"


def duration(seconds: float) -> str:
    """``0.0123`` → ``"12.3 ms"``, ``0.123`` → ``"123 ms"``, ``75`` → ``"1 min 15 s"``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.{0 if seconds >= 0.09995 else 1}f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def clock(seconds: float | None) -> str:
    """``75`` → ``"1:15"``, ``3675`` → ``"1:01:15"``; an unknown time is an ellipsis."""
    if seconds is None or not math.isfinite(seconds):
        return "…"
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
