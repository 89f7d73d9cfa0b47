"""Remembers what files say, so that a listing need not open them again. It is never trusted over the files.

One file holds this and how repositories are laid out (:mod:`workbench.library.layouts`), behind a line with the version
and a checksum; one that was not written whole by this very version counts for nothing.

An entry holds only while every file of the revision has the name, size, inode and times of change it had when it was
read; all else (state, task, what can be done) is worked out anew each time. Files that changed a moment ago are not
remembered: a second change within the same tick of the clock would go unseen. Losing the index costs one slow listing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zlib import crc32

from workbench import __version__
from workbench.errors import Notice
from workbench.files import write_atomically
from workbench.library.contents import read_contents
from workbench.library.layouts import Layouts, is_settled
from workbench.library.model import BrokenFile, Contents, StoredFile

__all__ = ["Index", "pack"]

# Of the way contents are read; with another one, and with another workbench, nothing of an old index counts.
VERSION = f"workbench-index 4 {__version__}"
TEXTS = frozenset({"model_type", "quantization", "pipeline_tag", "library", "licence"})
ONLY_TEXT = frozenset({str})
LISTS = frozenset({"architectures", "languages"})


class Index:
    """The contents of revisions by their folders. Not for two threads at once. ``clock`` gives seconds since 1970."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        document = _load(path) if path else {}
        self._entries: dict[str, list[Any]] = document.get("contents", {})
        self._layouts: dict[str, list[Any]] = document.get("layouts", {})
        self._seen: set[str] = set()
        self._changed = False
        self.memory = Layouts(self._layouts, clock) if path else None

    def contents(self, folder: str, files: list[StoredFile]) -> Contents:
        """What the files of this folder say: remembered if they are unchanged, else read."""
        self._seen.add(folder)
        fingerprint = _fingerprint(files)
        entry = self._entries.get(folder)
        if entry is not None:
            try:
                if entry[0] == fingerprint:
                    return _from_json(entry[1])
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                pass  # an entry that somebody else wrote is as good as none
        contents = read_contents(folder, {item.name: item for item in files})
        if self._path and self._is_lasting(contents, files):
            self._entries[folder] = [fingerprint, _to_json(contents)]
            self._changed = True
        return contents

    def _is_lasting(self, contents: Contents, files: list[StoredFile]) -> bool:
        # What kept a file from being read may pass without leaving a trace in it.
        notices = (*contents.warnings, *(item.reason for item in contents.broken))
        if any(notice.code == "file-unreadable" for notice in notices):
            return False
        newest = max((max(item.stat.st_mtime, item.stat.st_ctime) for item in files), default=0.0)
        return is_settled(newest, self._clock())

    def save(self, roots: Iterable[Path]) -> Notice | None:
        """Write it if there is news, without what is gone from these roots; a notice when it can't be written."""
        if self._path is None:
            return None
        starts = tuple(f"{root}{os.sep}" for root in roots)
        seen = self._seen | self.memory.seen if self.memory else self._seen
        gone = False
        for table in (self._entries, self._layouts):
            for key in [key for key in table if key not in seen and key.startswith(starts)]:
                del table[key]
                gone = True
        if not (gone or self._changed or (self.memory and self.memory.changed)):
            return None
        try:
            write_atomically(self._path, pack({"contents": self._entries, "layouts": self._layouts}))
        except OSError as error:
            return Notice.of("index-not-written", file=self._path, reason=error.strerror or error)
        self._changed = False
        return None


def pack(document: Any) -> str:
    """The text of an index that holds this."""
    body = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    return f"{_heading(body.encode())}\n{body}\n"


def _heading(body: bytes) -> str:
    return f"{VERSION} {crc32(body):08x}"


def _load(path: Path) -> dict[str, dict[str, list[Any]]]:
    try:
        heading, _, body = path.read_bytes().partition(b"\n")
        body = body.removesuffix(b"\n")
        if heading == _heading(body).encode():
            document = json.loads(body)
            tables = [document[name] for name in ("contents", "layouts")]
            if all(type(item) is list for table in tables for item in table.values()):
                return dict(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # none, or not ours: everything is read again and a new one written
    return {}


def _fingerprint(files: list[StoredFile]) -> str:
    if os.name == "nt":  # where the time of change is that of creation
        said = "\0".join([f"{name}\0{s.st_size}\0{s.st_mtime_ns}" for name, _, s in files])
    else:
        said = "\0".join([f"{name}\0{s.st_size}\0{s.st_ino}\0{s.st_ctime_ns}" for name, _, s in files])
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _to_json(contents: Contents) -> dict[str, Any]:
    """Only what differs from nothing known, to keep the file small and quick to read."""
    value = {key: item for key, item in asdict(contents).items() if item not in (None, (), False)}
    if contents.broken:
        value["broken"] = [[item.name, item.reason.to_json(), item.missing] for item in contents.broken]
    if contents.warnings:
        value["warnings"] = [item.to_json() for item in contents.warnings]
    return value


def _from_json(value: dict[str, Any]) -> Contents:
    """What was written. Raises one of the errors that :meth:`Index.contents` expects for anything else."""
    if type(value) is not dict:
        raise TypeError(value)
    value = dict(value)
    for key, item in value.items():
        if key in TEXTS:
            good = type(item) is str
        elif key in LISTS:
            good = type(item) is list and {*map(type, item)} <= ONLY_TEXT
            value[key] = tuple(item)
        elif key == "parameter_count":
            good = type(item) is int and item >= 0
        elif key == "broken":
            value[key], good = tuple(_broken(*entry) for entry in item), True
        elif key == "warnings":
            value[key], good = tuple(map(_notice, item)), True
        else:
            good = key == "remote_code" and item is True
        if not good:
            raise ValueError(key)
    return Contents(**value)


def _broken(name: Any, reason: Any, missing: Any) -> BrokenFile:
    if type(name) is not str or type(missing) is not bool:
        raise ValueError(name)
    return BrokenFile(name, _notice(reason), missing)


def _notice(value: Any) -> Notice:
    notice = Notice.from_json(value)
    str(notice)  # its sentence may be gone, or have other fields
    return notice
