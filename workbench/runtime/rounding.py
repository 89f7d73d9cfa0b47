"""Whether two answers of a graph are the same but for rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["same_but_for_rounding"]

Array = np.ndarray[Any, np.dtype[Any]]

# What rounding may change, by the largest number of an output. fp32 stays below 1e-5, dynamic int8 exceeds 1e-2.
ROUNDING = 1e-3


def same_but_for_rounding(a: Array, b: Array) -> bool:
    """For an output of an input alone, and of the same beside others. Numbers that are not finite count as the same:
    a fault of the model, which its task names."""
    if a.shape != b.shape:
        return False
    x, y = a.astype(np.float32), b.astype(np.float32)
    if not np.isfinite(x).all():
        return True
    return bool(np.max(np.abs(x - y), initial=0) <= ROUNDING * max(1e-6, float(np.max(np.abs(x), initial=0))))
