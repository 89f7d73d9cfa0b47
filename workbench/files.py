"""Small files of our own on disk."""

from __future__ import annotations

import os
import threading
from pathlib import Path

__all__ = ["sync_folder", "write_atomically"]


def write_atomically(path: Path, text: str) -> None:
    """Replace a small file in one step: a reader sees the old content or the new, also after a crash.

    Written, synced, renamed, the folder synced; missing folders are made. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with staged.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the folder's names on disk. Windows cannot sync a folder and needs not."""
    if os.name == "nt":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
