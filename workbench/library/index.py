"""Remembers what files say, so that a listing need not open them again. It is never trusted over the files.

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

from workbench import __version__
from workbench.errors import Notice
from workbench.files import write_atomically
from workbench.library.contents import read_contents
from workbench.library.model import BrokenFile, Contents, StoredFile

__all__ = ["Index"]

# Of the way contents are read; with another one, and with another workbench, nothing of an old index counts.
VERSION = f"2 {__version__}"
# FAT keeps times in steps of two seconds; no file system is coarser.
TICK_S = 2.0
TEXTS = frozenset({"model_type", "quantization", "pipeline_tag", "library", "licence"})
LISTS = frozenset({"architectures", "languages"})


class Index:
    """The contents of revisions by their folders. Not for two threads at once. ``clock`` gives seconds since 1970."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._entries: dict[str, list[Any]] = _load(path) if path else {}
        self._seen: set[str] = set()
        self._changed = False

    def contents(self, folder: str, files: list[StoredFile]) -> Contents:
        """What the files of this folder say: remembered if they are unchanged, else read."""
        self._seen.add(folder)
        fingerprint = _fingerprint(files)
        entry = self._entries.get(folder)
        if entry is not None and entry[0] == fingerprint:
            try:
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
        return self._clock() - newest > TICK_S

    def save(self, roots: Iterable[Path]) -> Notice | None:
        """Write it if there is news, without what is gone from these roots; a notice when it can't be written."""
        if self._path is None:
            return None
        starts = tuple(f"{root}{os.sep}" for root in roots)
        gone = [key for key in self._entries if key not in self._seen and key.startswith(starts)]
        if not gone and not self._changed:
            return None
        for key in gone:
            del self._entries[key]
        try:
            document = {"version": VERSION, "entries": self._entries}
            write_atomically(self._path, json.dumps(document, ensure_ascii=True, separators=(",", ":")))
        except OSError as error:
            return Notice.of("index-not-written", file=self._path, reason=error.strerror or error)
        self._changed = False
        return None


def _load(path: Path) -> dict[str, list[Any]]:
    try:
        document = json.loads(path.read_bytes())
        entries = document["entries"] if document["version"] == VERSION else {}
        if all(type(entry) is list and len(entry) == 2 for entry in entries.values()):
            return dict(entries)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # none, or not ours: everything is read again and a new one written
    return {}


def _fingerprint(files: list[StoredFile]) -> str:
    said = "\0".join([f"{name}\0{s.st_size}\0{s.st_ino}\0{s.st_mtime_ns}\0{s.st_ctime_ns}" for name, _, s in files])
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
            good = type(item) is list and all(type(word) is str for word in item)
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
