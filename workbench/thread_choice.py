"""How many threads a model runs best with on this machine: measured once, kept in a small file, used ever after.

Nobody waits for it: it is measured where measuring is what was asked for: by ``bench``, and before the first receipt of
a model, which ends an export. A run looks up what is known, and leaves the number to onnxruntime where nothing is.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.engine.request import ModelChoice
from workbench.library.variants import external_data
from workbench.remembered import Remembered

__all__ = ["ThreadChoices", "best_of", "candidates", "threads_file"]

# Of a graph's file, so many bytes at both ends are read to tell it from another of the same size.
ENDS_BYTES = 1 << 18
# Fewer threads are taken where they are slower by no more than this: it lies within what measuring tells apart, and
# they leave room for others.
NEAR = 0.03


def threads_file(data: Path) -> Path:
    """The file in the data folder."""
    return data / "threads.json"


def candidates() -> tuple[int, ...]:
    """The counts worth measuring: one, as many as there are cores, and as many as run at once on them."""
    import psutil

    logical = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    physical = min(psutil.cpu_count(logical=False) or logical, logical)
    return tuple(sorted({1, physical, logical}))


def best_of(rates: Mapping[int, float]) -> int:
    """The fewest threads that come near the highest rate (inputs a second by threads). Raises ValueError for none."""
    highest = max(rates.values())
    return min(count for count, rate in rates.items() if rate >= highest * (1 - NEAR))


class ThreadChoices:
    """What is known of models on this machine. A file that cannot be read counts as empty, and is written anew."""

    def __init__(self, file: Path) -> None:
        self._remembered = Remembered(file, "choices", schema=2, max_rows=500, max_bytes=1 << 20)

    def known(self, choice: ModelChoice) -> int:
        """The count to run a model with; 0 where it was not measured here."""
        rows = self._remembered.rows()
        row = rows.get(_key(choice)) if rows else None
        threads = row.get("threads") if isinstance(row, dict) else None
        return threads if type(threads) is int and threads > 0 else 0

    def keep(self, choice: ModelChoice, rates: Mapping[int, float]) -> int:
        """Note the rates of a model (inputs a second by threads) and return the count that was chosen by them.

        Where the file cannot be written, the count is measured again the next time.
        """
        chosen = best_of(rates)
        per_s = {str(count): round(rate, 3) for count, rate in sorted(rates.items())}
        self._remembered.add({_key(choice): {"threads": chosen, "per_s": per_s}})
        return chosen

    def count(self) -> int:
        """Of how many graphs something is known."""
        return len(self._remembered.rows())


def _key(choice: ModelChoice) -> str:
    """What the best count depends on: graphs and processor. Tasks that share a graph share its count."""
    known = hashlib.sha256()
    known.update(json.dumps(_processor()).encode())
    for name, path in sorted(choice.paths.items()):
        parts = [path, *external_data(path)]
        sizes = [part.stat().st_size if part.is_file() else -1 for part in parts]
        known.update(json.dumps([name, sizes]).encode())
        known.update(_ends(path))
    return known.hexdigest()


def _ends(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            first = stream.read(ENDS_BYTES)
            stream.seek(max(0, path.stat().st_size - ENDS_BYTES))
            return first + stream.read(ENDS_BYTES)
    except OSError:
        return b""


def _processor() -> list[Any]:
    name = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return [platform.machine(), name, *candidates()]
