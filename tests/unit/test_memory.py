"""Memory that is free goes back to the system."""

from __future__ import annotations

import sys

import psutil
import pytest

from workbench.runtime.memory import give_back, peak_memory_bytes

CHUNK = 100_000  # small enough for glibc's heap


def resident_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' C libraries do it by themselves")
def test_what_lies_between_things_in_use_is_given_back() -> None:
    chunks = [b"x" * CHUNK for _ in range(600)]
    kept = chunks[::60] + chunks[-1:]
    full = resident_mb()
    del chunks
    give_back()
    assert full - resident_mb() > 40
    assert len(kept) == 11
    assert peak_memory_bytes() / 1e6 > full - 10
