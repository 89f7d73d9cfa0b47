"""Reads the layout of a Hugging Face hub cache: names, links, sizes and times. Opens no file but refs.

    <cache>/models--org--name/refs/main              the commit that a branch, tag or pull request stands for
                             /snapshots/<commit>/…   links to blobs (files, where the system has no links)
                             /blobs/<hash>           contents; <hash>.incomplete is a broken download
    <cache>/blobs/<xx>/<hash>                        contents that several repositories share, linked from their blobs

A link is followed only into the repository's ``blobs`` and ``snapshots`` and the cache's shared ``blobs``; whatever
else it leads to is never opened.

This is the hot path of a listing, so the system is asked as little as possible: each folder is read once, and each
link's file asked once for its status. (A folder is listed at once: a reading that is broken off would stay open.) Where
that status has the device of the cache and the inode of an entry of ``blobs``, the file is that entry, and no link
needs to be read or resolved to know that it stays inside.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from workbench.errors import Notice
from workbench.library.model import BrokenFile, StoredFile

__all__ = [
    "MODEL_PREFIX",
    "RawRepo",
    "RawSnapshot",
    "folders_of",
    "is_repo_id",
    "read_folder",
    "read_hub",
    "read_repo",
    "repo_id_of",
]

MODEL_PREFIX = "models--"
IGNORED = frozenset({".DS_Store"})
MAX_REF_BYTES = 1024
MAX_DEPTH = 16


@dataclass(slots=True)
class RawSnapshot:
    """The files of one revision as they lie there, and those that cannot be used. Sorted by name."""

    commit: str
    folder: str
    files: list[StoredFile] = field(default_factory=list)
    broken: list[BrokenFile] = field(default_factory=list)


@dataclass(slots=True)
class RawRepo:
    """One repository. ``refs`` maps a commit to its names, ``partial`` a broken download's name to its size.

    ``broken`` says why the repository could not be read at all. ``folders`` are those that were listed, each with its
    status from before, where somebody wants to know.
    """

    id: str
    folder: str
    refs: dict[str, list[str]] = field(default_factory=dict)
    snapshots: list[RawSnapshot] = field(default_factory=list)
    partial: dict[str, int] = field(default_factory=dict)
    warnings: list[Notice] = field(default_factory=list)
    broken: Notice | None = None
    folders: list[tuple[str, os.stat_result]] | None = None


class Memory(Protocol):
    """Remembers how repositories are laid out."""

    def recall(self, repo: RawRepo) -> bool:
        """Fill the repository in as it lies there now, without listing its folders; False where that cannot be."""

    def remember(self, repo: RawRepo) -> None:
        """Keep what was read of it."""


def repo_id_of(name: str) -> str:
    """``models--org--name`` → ``org/name``, as the hub's own client reads it."""
    return name[len(MODEL_PREFIX) :].replace("--", "/")


def is_repo_id(repo_id: str) -> bool:
    """Whether it can be an id at all: no part of it is empty or leads to another folder where it is part of a path."""
    return all(part not in ("", ".", "..") for part in repo_id.split("/"))


def read_hub(cache: str, memory: Memory | None = None) -> tuple[list[RawRepo], list[Notice]]:
    """All model repositories of a cache in the order of their names, and what could not be read.

    Other kinds (datasets, spaces) and foreign entries are passed over. Raises OSError when the cache itself cannot
    be read.
    """
    place = _Place(Path(cache).stat().st_dev, f"{cache}/blobs")
    warnings: list[Notice] = []
    repos = []
    for entry in sorted(os.scandir(cache), key=lambda entry: entry.name):
        if not entry.name.startswith(MODEL_PREFIX):
            continue
        repo = RawRepo(repo_id_of(entry.name), entry.path)
        if not is_repo_id(repo.id):
            warnings.append(Notice.of("library-foreign-entry", file=entry.path))
        elif entry.is_dir(follow_symlinks=False):
            repos.append(repo)
            if memory is None:
                _read_repo(repo, place)
            elif not memory.recall(repo):
                repo.folders = []
                _read_repo(repo, place)
                memory.remember(repo)
        elif entry.is_symlink():
            repo.broken = _is_link(entry.path)
            repos.append(repo)
        else:
            warnings.append(Notice.of("library-foreign-entry", file=entry.path))
    return repos, warnings


def read_repo(cache: str, repo_id: str) -> RawRepo | None:
    """One repository of a cache, None where it is not there. Raises OSError when the cache cannot be read."""
    name = MODEL_PREFIX + repo_id.replace("/", "--")
    # Asked of the listing, because a file system may find a name in other letters and the id would be wrong.
    if not is_repo_id(repo_id) or repo_id_of(name) != repo_id or name not in os.listdir(cache):  # noqa: PTH208
        return None
    repo = RawRepo(repo_id, f"{cache}/{name}")
    if Path(repo.folder).is_symlink():
        repo.broken = _is_link(repo.folder)
    elif Path(repo.folder).is_dir():
        _read_repo(repo, _Place(Path(cache).stat().st_dev, f"{cache}/blobs"))
    else:
        return None
    return repo


def read_folder(folder: str) -> RawSnapshot:
    """The files of a folder that is a model by itself; links may lead to places in it. Raises OSError.

    Hidden folders (``.git``, the ``.cache`` of a download) are no part of the model.
    """
    snapshot = RawSnapshot("", folder)
    _read_tree(snapshot, folder, "", _Inside(-1, {}, (folder,), hidden_folders=False), 0)
    return snapshot


@dataclass(slots=True)
class _Place:
    """A cache: its device, and its shared blobs."""

    device: int
    shared: str


@dataclass(slots=True)
class _Inside:
    """Where links of a snapshot may lead: ``blobs`` maps inodes to names on ``device``, ``roots`` are the folders.

    ``hidden_folders`` says whether those are read. ``folders`` is that of the repository.
    """

    device: int
    blobs: dict[int, str]
    roots: tuple[str, ...]
    real_roots: tuple[str, ...] = ()
    hidden_folders: bool = True
    folders: list[tuple[str, os.stat_result]] | None = None


def _read_repo(repo: RawRepo, place: _Place) -> None:
    parts = set()
    try:
        for entry in _list(repo.folder, repo.folders):
            if entry.is_dir(follow_symlinks=False):
                parts.add(entry.name)
            elif entry.is_symlink() and entry.name in ("blobs", "snapshots", "refs"):
                repo.broken = _is_link(entry.path)
                return
        blobs = _read_blobs(repo) if "blobs" in parts else {}
        if "refs" in parts:
            _read_refs(repo, f"{repo.folder}/refs", "", 0)
        if "snapshots" in parts:
            roots = (f"{repo.folder}/blobs", f"{repo.folder}/snapshots", place.shared)
            _read_snapshots(repo, _Inside(place.device, blobs, roots, folders=repo.folders))
    except OSError as error:
        repo.broken = Notice.of("folder-unreadable", folder=error.filename or repo.folder, reason=_reason(error))


def _list(folder: str, noted: list[tuple[str, os.stat_result]] | None) -> list[os.DirEntry[str]]:
    """What is in a folder, all at once; its status goes to ``noted``. Raises OSError."""
    if noted is not None:
        noted.append((folder, os.lstat(folder)))
    return list(os.scandir(folder))


def _read_blobs(repo: RawRepo) -> dict[int, str]:
    """Inodes and names of the contents. On Windows asking for an inode is as slow as reading a link: none there."""
    blobs = {}
    for entry in _list(f"{repo.folder}/blobs", repo.folders):
        # A link among the blobs leads to the shared store; it is followed, and checked, with the file that uses it.
        if entry.is_file(follow_symlinks=False):
            name = entry.name
            if name.endswith(".incomplete"):
                repo.partial[name] = entry.stat(follow_symlinks=False).st_size
            elif os.name != "nt":
                blobs[entry.inode()] = name
    return blobs


def _read_refs(repo: RawRepo, folder: str, prefix: str, depth: int) -> None:
    """Names of commits; one that cannot be read costs a name and no model."""
    try:
        entries = _list(folder, repo.folders)
    except OSError as error:
        repo.warnings.append(Notice.of("ref-unreadable", file=folder, reason=_reason(error)))
        return
    for entry in entries:
        if entry.is_file(follow_symlinks=False):
            if entry.name in IGNORED:
                continue
            try:
                commit = _read_small(entry.path)
            except (OSError, ValueError) as error:
                repo.warnings.append(Notice.of("ref-unreadable", file=entry.path, reason=_reason(error)))
                continue
            repo.refs.setdefault(commit, []).append(prefix + entry.name)
        elif entry.is_dir(follow_symlinks=False) and depth < MAX_DEPTH:
            _read_refs(repo, entry.path, f"{prefix}{entry.name}/", depth + 1)


def _read_small(path: str) -> str:
    number = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        return os.read(number, MAX_REF_BYTES).decode("ascii").strip()
    finally:
        os.close(number)


def _read_snapshots(repo: RawRepo, inside: _Inside) -> None:
    for entry in _list(f"{repo.folder}/snapshots", repo.folders):
        snapshot = RawSnapshot(entry.name, entry.path)
        if entry.is_dir(follow_symlinks=False):
            _read_below(snapshot, entry.path, "", inside, 0)
        elif entry.is_symlink():
            snapshot.broken.append(BrokenFile("", _is_link(entry.path)))
        elif entry.name in IGNORED:
            continue
        else:
            repo.warnings.append(Notice.of("library-foreign-entry", file=entry.path))
            continue
        repo.snapshots.append(snapshot)


def _read_tree(snapshot: RawSnapshot, folder: str, prefix: str, inside: _Inside, depth: int) -> None:
    """Add what is below ``folder``, which is ``depth`` folders below the snapshot's."""
    device, blobs = inside.device, inside.blobs
    add, new = snapshot.files.append, tuple.__new__
    for entry in _list(folder, inside.folders):
        name = prefix + entry.name
        if entry.is_symlink():
            try:
                status = entry.stat()
            except OSError:
                status = None  # told below, with the reason
            if status is not None and status.st_dev == device:
                blob = blobs.get(status.st_ino)
                if blob is not None:
                    add(new(StoredFile, (name, blob, status)))
                    continue
            found = _follow(entry.path, inside)
            if isinstance(found, Notice):
                snapshot.broken.append(BrokenFile(name, found, found.code == "file-link-dangling"))
            else:
                add(StoredFile(name, *found))
        elif entry.is_file(follow_symlinks=False):
            if entry.name not in IGNORED:
                add(StoredFile(name, entry.path, os.lstat(entry.path)))
        elif entry.is_dir(follow_symlinks=False):
            if depth < MAX_DEPTH and (inside.hidden_folders or not entry.name.startswith(".")):
                _read_below(snapshot, entry.path, name, inside, depth + 1)
        else:
            reason = Notice.of("file-unreadable", file=entry.path, reason="not a regular file")
            snapshot.broken.append(BrokenFile(name, reason))


def _read_below(snapshot: RawSnapshot, folder: str, name: str, inside: _Inside, depth: int) -> None:
    """The same, but a folder that cannot be read is noted and does not hide those beside it."""
    try:
        _read_tree(snapshot, folder, f"{name}/" if name else "", inside, depth)
    except OSError as error:
        reason = Notice.of("folder-unreadable", folder=error.filename or folder, reason=_reason(error))
        snapshot.broken.append(BrokenFile(name, reason))


def _follow(path: str, inside: _Inside) -> tuple[str, os.stat_result] | Notice:
    """The real path of a link's file and its status, or why it cannot be had."""
    status = None
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        pass  # where it leads to decides what is said
    except (OSError, ValueError) as error:
        return Notice.of("file-unreadable", file=path, reason=_reason(error))
    if not inside.real_roots:
        inside.real_roots = tuple(os.path.realpath(root) for root in inside.roots)
    real = os.path.realpath(path)
    if not any(_is_below(real, root) for root in inside.real_roots):
        return Notice.of("file-link-outside", file=path, target=real)
    if status is None:
        return Notice.of("file-link-dangling", file=path)
    if not stat.S_ISREG(status.st_mode):
        return Notice.of("file-unreadable", file=path, reason="it leads to a folder or a device")
    return real, status


def _is_link(path: str) -> Notice:
    try:
        target = os.readlink(path)  # noqa: PTH115, one step: a chain of thousands is nobody's model
    except OSError as error:
        return Notice.of("folder-unreadable", folder=path, reason=_reason(error))
    return Notice.of("folder-is-link", folder=path, target=target)


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _reason(error: Any) -> str:
    if isinstance(error, OSError):
        return "links in a circle" if error.errno == errno.ELOOP else (error.strerror or str(error))
    return str(error)


def folders_of(path: str) -> list[os.DirEntry[str]]:
    """Folders in a folder, sorted, without hidden ones and links. Raises OSError."""
    entries = [e for e in list(os.scandir(path)) if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)]
    return sorted(entries, key=lambda entry: entry.name)
