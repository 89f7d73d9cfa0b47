"""Which files of exports were compared with their hashes here, so that a run reads none of them a second time for that.

A file counts as compared for as long as its size, times and inode are those it had then. On Linux nobody sets the time
of a file's last change (``ctime``) as he likes, so what was altered since is seen, whatever its other times say.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from workbench.remembered import Remembered

__all__ = ["CheckedFiles", "Mark", "checked_files", "mark_of"]

# Size in bytes, last change of the content and of the file in ns, inode, and the hash that it had.
Mark = tuple[int, int, int, int, str]


def checked_files(data: Path) -> CheckedFiles:
    """Those of the app's data folder."""
    return CheckedFiles(data / "checked-files.json")


def mark_of(status: os.stat_result, sha256: str) -> Mark:
    """What a file is told by."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, sha256


class CheckedFiles:
    """What is known on this machine. A record that cannot be read counts as empty; then files are compared again."""

    def __init__(self, file: Path) -> None:
        self._remembered = Remembered(file, "files", schema=1, max_rows=5000, max_bytes=8 << 20)
        self._known: dict[str, Any] | None = None
        self._new: dict[str, Mark] = {}

    def knows(self, path: Path, sha256: str) -> bool:
        """Whether this file had that hash when it was compared, and is as it was then."""
        if self._known is None:
            self._known = self._remembered.rows()
        noted = self._known.get(os.path.realpath(path))
        try:
            return bool(noted == list(mark_of(path.stat(), sha256)))
        except OSError:
            return False

    def note(self, path: Path, mark: Mark) -> None:
        """This file has this hash; :meth:`keep` keeps that."""
        self._new[os.path.realpath(path)] = mark

    def keep(self) -> None:
        """Write down what was noted. Where that cannot be done, files are compared again the next time."""
        if self._new:
            self._remembered.add({name: list(mark) for name, mark in self._new.items()})
            self._known, self._new = None, {}
