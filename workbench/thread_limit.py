"""How many threads can be asked for on this machine: one rule for words, variables and settings."""

from __future__ import annotations

import os

__all__ = ["most_threads"]


def most_threads() -> int:
    """How many threads can be asked for here. Those that wait for work take turns with those that have some: with
    hundreds on two processors, no answer ever comes."""
    return max(64, 4 * (os.cpu_count() or 1))
