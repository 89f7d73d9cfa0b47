"""JSON documents that say which version of their schema they have: manifests and receipts.

They travel with models, so they may come from a stranger: size, kind of file, texts and numbers are checked.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

__all__ = ["load_document", "schema_of", "to_figure", "to_text"]

MAX_FIGURE = 1e300


def load_document(path: Path, max_bytes: int, *, follow_links: bool = True) -> Any:
    """The value in a file. Raises OSError, ValueError (no regular file, too large, no JSON) or RecursionError."""
    status = path.stat(follow_symlinks=follow_links)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > max_bytes:
        raise ValueError(f"larger than {max_bytes >> 20} MiB")
    return json.loads(path.read_text("utf-8"))


def schema_of(document: Any) -> int:
    """The version of a document's schema, at least 1. Raises ValueError where it names none."""
    schema = document.get("schema") if isinstance(document, dict) else None
    if type(schema) is not int or schema < 1:
        raise ValueError("it names no schema version")
    return schema


def to_text(value: Any) -> str:
    """The value, which must be a text. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r}"[:100] + " is not a text")
    value.encode("utf-8")  # half a character, as JSON can have it, cannot be shown and names no file
    return value


def to_figure(value: Any) -> float:
    """The value, which must be a finite number that can be reckoned with. Raises ValueError."""
    if type(value) not in (int, float) or not abs(value) <= MAX_FIGURE:  # nor is NaN
        raise ValueError(f"{value!r}"[:100] + " is not a figure")
    return float(value)
