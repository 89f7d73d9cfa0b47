"""What a process took of memory; what is free goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize(
    "asked",
    [
        "from workbench.runtime.memory import peak_memory_bytes as peak",
        "from exporters.memory import peak_rss_bytes as peak",
    ],
    ids=["engine", "exporter"],
)
def test_what_the_process_had_that_started_this_one_is_not_counted(asked: str) -> None:
    kept = b"x" * 150_000_000
    code = f"{asked}; taken = b'x' * 60_000_000; print(peak())"
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True).stdout
    assert resident_mb() > 150
    assert len(kept) == 150_000_000
    assert 60 < int(said) / 1e6 < 140
