"""Files for results: safe names after their inputs, written whole or not at all."""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from pathlib import Path, PurePath
from typing import Any

from workbench.errors import WorkbenchError

__all__ = ["file_name", "picture_of", "put", "put_new", "safe_name", "unusable"]

MAX_NAME = 60
# Names that Windows keeps for devices, whatever follows the dot.
RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def picture_of(item: Any, kind: str) -> Path | None:
    """The picture that an input is or has; ``kind`` is the task's kind of input."""
    if kind == "image" and isinstance(item, str):
        return Path(item)
    image = item.get("image") if isinstance(item, dict) else None
    return Path(image) if isinstance(image, str) else None


def file_name(item: Any, kind: str) -> str:
    """A name for the results of an input, without a suffix and safe on every system: the name of its file, or the first
    words of its text."""
    if isinstance(item, dict):
        files = [value for name, value in item.items() if name in ("image", "audio") and isinstance(value, str)]
        texts = [value for value in item.values() if isinstance(value, str)]
        if files:
            return safe_name(PurePath(files[0]).stem)
        return safe_name(texts[0] if texts else "")
    if isinstance(item, (list, tuple)):
        return safe_name(item[0] if item and isinstance(item[0], str) else "")
    text = item if isinstance(item, str) else ""
    return safe_name(PurePath(text).stem if kind in ("image", "audio") else text)


def safe_name(text: str) -> str:
    """A part of a file name that every system takes, out of any text; ``result`` where nothing is left."""
    kept = "".join(c if c.isalnum() or c in "._" or unicodedata.category(c) == "Mn" else "-" for c in text[:400])
    name = re.sub("-+", "-", kept).strip("-.")[:MAX_NAME].strip("-.")
    while len(name.encode("utf-8")) > 2 * MAX_NAME:
        name = name[:-1]
    return f"_{name}" if RESERVED.match(name) else name or "result"


def put(path: Path, data: bytes) -> None:
    """Write a file in one step: whoever reads it sees the old content or the new. Raises WorkbenchError."""
    staged = path.with_name(f".{path.name[:100]}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        staged.write_bytes(data)
        staged.replace(path)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise unusable(path, error) from error


def put_new(folder: Path, stem: str, suffix: str, data: bytes) -> Path:
    """Write a file under the first name that is free: ``cat.png``, ``cat-2.png`` … Raises WorkbenchError."""
    number = 1
    while True:
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}{suffix}"
        made = False
        try:
            with path.open("xb") as stream:  # never one that came meanwhile
                made = True
                stream.write(data)  # what a full disk does not take is told by the end of this block
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            if made:
                path.unlink(missing_ok=True)
            raise unusable(path, error) from error
        return path


def unusable(path: Path, error: OSError) -> WorkbenchError:
    """What is raised where nothing can be written there."""
    return WorkbenchError("result-not-written", file=path, reason=error.strerror or error)
