"""Collects what the comparisons of this folder found, for ``RESULTS.md``: ``python -m tests.parity`` writes it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["VARIABLE", "Record", "read_records", "record"]

# Names the file that records go to; without it nothing is kept.
VARIABLE = "WORKBENCH_TEST_PARITY_RECORDS"


@dataclass(frozen=True)
class Record:
    """One line of the table. ``agreement`` is in words and numbers ("labels identical, scores within 3e-6"); ``note``
    says why, where agreement is impossible."""

    task: str
    architecture: str
    cases: int
    agreement: str
    note: str = ""


def record(task: str, architecture: str, cases: int, agreement: str, note: str = "") -> None:
    """Keep a line of the table; to be called by a comparison after its assertions held."""
    if path := os.environ.get(VARIABLE):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(Record(task, architecture, cases, agreement, note))) + "\n")


def read_records(path: Path) -> list[Record]:
    """The lines of a file that :func:`record` wrote, sorted by task and architecture."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = {Record(**json.loads(line)) for line in lines}
    return sorted(found, key=lambda item: (item.task, item.architecture))
