"""Remembers how repositories are laid out, so that folders which did not change need not be listed again.

A folder's time of change is set by the system whenever a name in it comes, goes or is replaced, and by nobody else. So
while those of a repository's folders (and of its refs) are what they were, the names and links in it are too; sizes and
times of the files are asked for anew all the same. That holds for the file systems listed here; on others, and on other
systems, folders are listed each time. What changed a moment ago is not remembered: a second change within the same tick
of the clock would go unseen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workbench.library.hub import RawRepo, RawSnapshot
from workbench.library.model import StoredFile

__all__ = ["Layouts", "is_settled"]

LOCAL_FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "tmpfs", "overlay"})
# FAT keeps times in steps of two seconds; no file system is coarser.
TICK_S = 2.0


def is_settled(changed: float, now: float) -> bool:
    """Whether a change at this time (seconds since 1970) would be told from one that comes after ``now``."""
    return now - changed > TICK_S


class Layouts:
    """A table: folder of a repository -> how it is laid out, as JSON values. ``seen`` are those that were asked for.

    An entry is ``[folders, refs, snapshots, partial]``, each a flat list, which is half as long to read: of each folder
    its path relative to the repository, inode and time of change in ns; of each ref name, inode, time and commit; of
    each snapshot its name, names of files, and names of their blobs (nothing for a file that is no link); names of
    broken downloads.
    """

    def __init__(self, table: dict[str, list[Any]], clock: Callable[[], float]) -> None:
        self._table = table
        self._clock = clock
        self._devices = local_devices()
        self.seen: set[str] = set()
        self.changed = False

    def recall(self, repo: RawRepo) -> bool:
        """Fill the repository in as it lies there now; False where it is not as it was, or not known."""
        self.seen.add(repo.folder)
        entry = self._table.get(repo.folder)
        if entry is None:
            return False
        try:
            found = self._as_it_was(repo.folder, entry)
        except (OSError, ValueError, TypeError, AttributeError, IndexError):
            found = None  # something is gone, or the entry is not one of ours
        if found is None:
            return False
        repo.refs, repo.snapshots, repo.partial = found
        return True

    def remember(self, repo: RawRepo) -> None:
        """Keep what was read of it, if it is plain and has not changed a moment ago."""
        entry = self._entry(repo)
        if entry != self._table.get(repo.folder):
            self.changed = True
            if entry is None:
                del self._table[repo.folder]
            else:
                self._table[repo.folder] = entry

    def _as_it_was(
        self, folder: str, entry: list[Any]
    ) -> tuple[dict[str, list[str]], list[RawSnapshot], dict[str, int]] | None:
        folders, refs, snapshots, partial = entry
        lstat, devices, new = os.lstat, self._devices, tuple.__new__
        if not folders:
            return None
        values = iter(folders)
        for name, inode, changed in zip(values, values, values, strict=True):
            status = lstat(folder + name)
            if status.st_ctime_ns != changed or status.st_ino != inode or status.st_dev not in devices:
                return None
        names: dict[str, list[str]] = {}
        values = iter(refs)
        for name, inode, changed, commit in zip(values, values, values, values, strict=True):
            status = lstat(f"{folder}/refs/{name}")
            if status.st_ctime_ns != changed or status.st_ino != inode:
                return None
            names.setdefault(commit, []).append(name)
        blobs, found = f"{folder}/blobs/", []
        values = iter(snapshots)
        for commit, files, contents in zip(values, values, values, strict=True):
            place = f"{folder}/snapshots/{commit}"
            stored = [
                new(StoredFile, (name, blob, lstat(blobs + blob)))
                if blob
                else new(StoredFile, (name, path := f"{place}/{name}", lstat(path)))
                for name, blob in zip(files, contents, strict=True)
            ]
            found.append(RawSnapshot(commit, place, stored))
        return names, found, {name: lstat(blobs + name).st_size for name in partial}

    def _entry(self, repo: RawRepo) -> list[Any] | None:
        if repo.broken or repo.warnings or repo.folders is None:
            return None
        now, start = self._clock(), len(repo.folder)
        for _, status in repo.folders:
            if status.st_dev not in self._devices or not is_settled(status.st_ctime, now):
                return None
        try:
            refs = [_ref(repo, name, commit, now) for commit, names in repo.refs.items() for name in names]
        except OSError:  # gone since it was read
            return None
        snapshots = [_snapshot(repo, snapshot) for snapshot in repo.snapshots]
        if None in refs or None in snapshots:
            return None
        folders = [[path[start:], status.st_ino, status.st_ctime_ns] for path, status in repo.folders]
        return [_flat(folders), _flat(refs), _flat(snapshots), list(repo.partial)]


def _flat(rows: Sequence[list[Any] | None]) -> list[Any]:
    return [value for row in rows for value in row or ()]


def _ref(repo: RawRepo, name: str, commit: str, now: float) -> list[Any] | None:
    status = os.lstat(f"{repo.folder}/refs/{name}")
    return [name, status.st_ino, status.st_ctime_ns, commit] if is_settled(status.st_ctime, now) else None


def _snapshot(repo: RawRepo, snapshot: RawSnapshot) -> list[Any] | None:
    """Name, files and blobs, if all are either files or links straight to the repository's blobs."""
    if snapshot.broken:
        return None
    files, blobs = [], []
    for name, blob, _ in sorted(snapshot.files):
        path = f"{snapshot.folder}/{name}"
        if blob != path and not _leads_to(path, f"{repo.folder}/blobs/{blob}"):
            return None
        files.append(name)
        blobs.append("" if blob == path else blob)
    return [snapshot.commit, files, blobs]


def _leads_to(link: str, target: str) -> bool:
    try:
        said = os.readlink(link)  # noqa: PTH115, one of thousands in a listing
    except OSError:  # gone since it was listed
        return False
    return os.path.normpath(os.path.join(os.path.dirname(link), said)) == target  # noqa: PTH118, PTH120


def local_devices(mounts: Path = Path("/proc/self/mountinfo")) -> frozenset[int]:
    """Devices whose file systems keep the times of folders, by the list of mounts; none where there is no such list."""
    if sys.platform != "linux":
        return frozenset()
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(device for line in lines if (device := _local_device(line)) is not None)


def _local_device(line: str) -> int | None:
    """Of one mount: ``id parent major:minor root place options… - type source options``."""
    before, _, after = line.partition(" - ")
    fields, kind = before.split(), after.split()[:1]
    if len(fields) < 3 or not kind or kind[0] not in LOCAL_FILE_SYSTEMS:
        return None
    major, _, minor = fields[2].partition(":")
    return os.makedev(int(major), int(minor)) if major.isdigit() and minor.isdigit() else None
