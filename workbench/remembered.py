"""What this machine remembers so as not to find it out twice: rows by key in one small JSON file, the oldest forgotten.

Nothing hangs on it. A file that cannot be read counts as empty and is written anew; where it cannot be written, things
are found out again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.files import write_atomically

__all__ = ["Remembered"]


@dataclass(frozen=True)
class Remembered:
    """``name`` is the key of the rows in the document; a document of another ``schema`` counts as empty, as does one of
    more than ``max_bytes``."""

    file: Path
    name: str
    schema: int
    max_rows: int
    max_bytes: int

    def rows(self) -> dict[str, Any]:
        try:
            if self.file.stat().st_size > self.max_bytes:
                return {}
            document = json.loads(self.file.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        rows = document.get(self.name) if isinstance(document, dict) and document.get("schema") == self.schema else None
        return rows if isinstance(rows, dict) else {}

    def add(self, rows: Mapping[str, Any]) -> None:
        """Remember these too, as the newest; others may have added theirs meanwhile."""
        known = self.rows()
        for key, row in rows.items():
            known.pop(key, None)
            known[key] = row
        kept = dict(list(known.items())[-self.max_rows :])
        with contextlib.suppress(OSError, ValueError):
            write_atomically(self.file, json.dumps({"schema": self.schema, self.name: kept}, indent=1) + "\n")
