"""Remembers what files say, so that a listing need not open them again. It is never trusted over the files.

An entry holds only while every file of the revision has the name, size and time of change it had when it was read; all
else (state, task, what can be done) is worked out anew each time. Losing the index costs one slower listing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from workbench.errors import Notice
from workbench.files import write_atomically
from workbench.library.contents import read_contents
from workbench.library.model import BrokenFile, Contents, StoredFile

__all__ = ["Index"]

# Of the way contents are read; with another one nothing of an old index counts.
VERSION = 1


class Index:
    """The contents of revisions by their folders. Not for two threads at once."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
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
            except (KeyError, TypeError, ValueError, AttributeError):
                pass  # an entry that somebody else wrote is as good as none
        contents = read_contents(folder, {item.name: item for item in files})
        # What kept a file from being read may pass without leaving a trace in it.
        if not any(item.reason.code == "file-unreadable" for item in contents.broken):
            self._entries[folder] = [fingerprint, _to_json(contents)]
            self._changed = True
        return contents

    def save(self, roots: Iterable[Path]) -> Notice | None:
        """Write it if there is news, without what is gone from these roots; a notice when it can't be written."""
        if self._path is None:
            return None
        starts = tuple(f"{root}/" for root in roots)
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
    said = "\0".join([f"{name}\0{status.st_size}\0{status.st_mtime_ns}" for name, _, status in files])
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
    value = dict(value)
    for key in ("architectures", "languages"):
        if key in value:
            value[key] = tuple(value[key])
    if "broken" in value:
        value["broken"] = tuple(
            BrokenFile(name, Notice.from_json(reason), missing) for name, reason, missing in value["broken"]
        )
    if "warnings" in value:
        value["warnings"] = tuple(Notice.from_json(item) for item in value["warnings"])
    return Contents(**value)
