"""Deleting: first a plan that says what would go and how much it frees, then its execution.

Containment is checked here, path by path and without following a link: a cache may hold links that lead anywhere, and
what is deleted must lie in the place the plan is for. What is gone when it is executed is what was shown: anything that
changed in between is left alone.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from workbench.errors import ModelError, Notice
from workbench.library.artifacts import Artifact
from workbench.library.model import Model, Revision

__all__ = ["DeletionPlan", "execute", "plan_artifact_deletion", "plan_deletion", "together"]


# Each try that meets a file which has just gone leaves at least that one less.
REMOVAL_TRIES = 1000


@dataclass(frozen=True)
class Doomed:
    """One path below ``root`` that goes, as it was when the plan was made. ``bytes`` is what that frees.

    ``shared`` is a content that another revision may have begun to use when it comes to it; then it stays.
    """

    root: Path
    path: Path
    bytes: int
    fingerprint: str
    shared: bool = False


@dataclass(frozen=True)
class DeletionPlan:
    """What would be deleted. The root that something lies below stays itself. ``kept`` says what is left and why."""

    what: str
    doomed: tuple[Doomed, ...]
    kept: tuple[Notice, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(item.path for item in self.doomed)

    @property
    def bytes(self) -> int:
        """What will be free afterwards."""
        return sum(item.bytes for item in self.doomed)

    def to_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "bytes": self.bytes,
            "paths": [str(path) for path in self.paths],
            "bytes_of_paths": [item.bytes for item in self.doomed],
            "kept": [notice.to_json() for notice in self.kept],
        }


def plan_deletion(model: Model, revision: Revision | None = None) -> DeletionPlan:
    """What deleting a model of a hub cache, or one of its revisions, would remove. Raises ModelError.

    A revision goes with its refs and with the contents that no other revision uses; the only one is the whole model.
    A model in a folder that the user pointed at is theirs: other programs may use it, and other things may lie in it.
    """
    if model.layout != "hub":
        reason = "it is a folder of yours, not a hub cache or an exported model"
        raise ModelError("delete-protected", folder=model.folder, reason=reason)
    _check(model.folder, model.root)
    if revision is None or len(model.revisions) == 1:
        locks = model.root / ".locks" / model.folder.name
        paths = [model.folder, *([locks] if os.path.lexists(locks) else [])]
        for path in paths:
            _check(path, model.root)
        kept = _kept_in_store(model, model.revisions)
        return DeletionPlan(model.id, tuple(_doomed(model.root, path) for path in paths), kept)
    return _plan_revision(model, revision)


def together(first: DeletionPlan, *others: DeletionPlan) -> DeletionPlan:
    """One plan for the copies of a model."""
    plans = (first, *others)
    doomed = tuple(item for plan in plans for item in plan.doomed)
    return DeletionPlan(first.what, doomed, tuple(notice for plan in plans for notice in plan.kept))


def plan_artifact_deletion(artifact: Artifact) -> DeletionPlan:
    """What deleting an exported model would remove. Raises ModelError for one outside of the artifacts' folder."""
    folder = artifact.folder
    if artifact.id != f"{folder.parent.name}/{folder.name}":
        reason = "it does not lie in the folder of exported models"
        raise ModelError("delete-protected", folder=folder, reason=reason)
    root = folder.parent.parent
    _check(folder, root)
    return DeletionPlan(artifact.id, (_doomed(root, folder),))


def execute(plan: DeletionPlan) -> int:
    """Delete what the plan names; the bytes freed. Raises ModelError, before anything is gone where that can be known.

    Links are removed as links, never what they lead to.
    """
    for item in plan.doomed:
        _check(item.path, item.root)
        if not os.path.lexists(item.path) or _fingerprint(item.path) != item.fingerprint:
            raise ModelError("delete-changed", path=item.path)
    freed = 0
    still_used: dict[Path, frozenset[str]] = {}
    for item in plan.doomed:
        if item.shared:
            # The revision's own links are gone by now; whoever links here still, or since, needs it.
            if item.root not in still_used:
                still_used[item.root] = _used_blobs(item.root)
            if item.path.name in still_used[item.root]:
                continue
        try:
            _remove(item.path)
        except OSError as error:
            # Below a folder the system may name the file alone.
            path = error.filename if error.filename and os.path.isabs(error.filename) else item.path  # noqa: PTH117
            raise ModelError("delete-failed", path=path, reason=error.strerror or error) from error
        freed += item.bytes
    _remove_empty_parents(plan)
    return freed


def _remove(path: Path) -> None:
    """Remove a file or a folder. What another process removes at the same time is gone as it was to be."""
    for _ in range(REMOVAL_TRIES):
        try:
            if stat.S_ISDIR(path.lstat().st_mode):
                shutil.rmtree(path)
            else:
                path.unlink()
            return
        except FileNotFoundError:
            if not os.path.lexists(path):
                return
    shutil.rmtree(path)


def _plan_revision(model: Model, revision: Revision) -> DeletionPlan:
    own = _blobs_of(revision.folder, model.folder)
    used = _used_blobs(model.folder, without=revision.folder.name)
    refs = [model.folder / "refs" / name for name in revision.refs]
    contents = [model.folder / "blobs" / name for name in sorted(own - used)]
    there = [path for path in (revision.folder, *refs, *contents) if os.path.lexists(path)]
    for path in there:
        _check(path, model.folder)
    kept = _kept_in_store(model, (revision,))
    if own & used:
        kept = (Notice.of("delete-keeps-used", count=len(own & used), model=model.id), *kept)
    doomed = tuple(_doomed(model.folder, path, shared=path in contents) for path in there)
    return DeletionPlan(f"{model.id} at {revision.name}", doomed, kept)


def _used_blobs(repo: Path, without: str | None = None) -> frozenset[str]:
    """Names in ``blobs`` that the snapshots of a repository lead to. Raises ModelError where that cannot be known."""
    snapshots = repo / "snapshots"
    try:
        folders = [path for path in snapshots.iterdir() if path.name != without] if snapshots.is_dir() else []
    except OSError as error:
        raise ModelError("folder-unreadable", folder=snapshots, reason=error.strerror or error) from error
    return frozenset(name for folder in folders for name in _blobs_of(folder, repo))


def _blobs_of(snapshot: Path, repo: Path) -> frozenset[str]:
    """Names in ``blobs`` that the links of a snapshot lead to, at once or over other links."""
    blobs = str(repo / "blobs")
    real_blobs = os.path.realpath(blobs)
    names = set()
    for path, status in _tree(snapshot):
        if stat.S_ISLNK(status.st_mode):
            step = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))  # noqa: PTH115, PTH118, PTH120
            for target, folder in ((step, blobs), (os.path.realpath(path), real_blobs)):
                if os.path.dirname(target) == folder:  # noqa: PTH120
                    names.add(os.path.basename(target))  # noqa: PTH119
    return frozenset(names)


def _kept_in_store(model: Model, revisions: Iterable[Revision]) -> tuple[Notice, ...]:
    """Contents that caches share between models are nobody's to delete."""
    store = os.path.realpath(model.root / "blobs") + os.sep
    kept = {item.blob for revision in revisions for item in revision.files if item.blob.startswith(store)}
    return (Notice.of("delete-keeps-shared", count=len(kept), folder=model.root / "blobs"),) if kept else ()


def _check(path: Path, root: Path) -> None:
    """``path`` must lie below ``root`` with no link on the way, and be no link to a folder. Raises ModelError."""
    try:
        parts = path.relative_to(root).parts
    except ValueError:
        parts = ()
    if not parts or ".." in parts:
        raise ModelError("delete-outside", path=path, root=root)
    step = root
    for part in parts:
        step = step / part
        if step.is_symlink() and (step != path or os.path.isdir(step)):  # noqa: PTH112, never raises
            raise ModelError("delete-link", path=step)
    # What is no link for us may be one for the system, as a junction of Windows is.
    if os.path.realpath(path.parent) != os.path.join(os.path.realpath(root), *parts[:-1]):  # noqa: PTH118
        raise ModelError("delete-outside", path=path, root=root)


def _doomed(root: Path, path: Path, *, shared: bool = False) -> Doomed:
    # A file that has a name elsewhere too stays there, and frees nothing.
    frees = [status.st_size for _, status in _tree(path) if stat.S_ISREG(status.st_mode) and status.st_nlink == 1]
    return Doomed(root, path, sum(frees), _fingerprint(path), shared)


def _fingerprint(path: Path) -> str:
    """Changes when anything below comes, goes or is written."""
    digest = blake2b(digest_size=16)
    for name, status in _tree(path):
        said = f"{name}\0{status.st_ino}\0{status.st_mode}\0{status.st_size}\0{status.st_mtime_ns}\0"
        digest.update(said.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _tree(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The path and all below it, links not followed, each with its status. Raises ModelError for what is hidden."""
    try:
        status = path.lstat()
        yield str(path), status
        if stat.S_ISDIR(status.st_mode):
            for folder, folders, files in os.walk(path, onerror=_raise):
                folders.sort()
                for name in sorted((*folders, *files)):
                    below = os.path.join(folder, name)  # noqa: PTH118
                    yield below, os.lstat(below)
    except OSError as error:
        raise ModelError("folder-unreadable", folder=error.filename or path, reason=error.strerror or error) from error


def _raise(error: OSError) -> None:
    raise error


def _remove_empty_parents(plan: DeletionPlan) -> None:
    """Folders that only held what is gone: an artifact's model folder, those of a ref with slashes in its name."""
    for item in plan.doomed:
        parent = item.path.parent
        while parent != item.root and parent.is_relative_to(item.root):
            try:
                parent.rmdir()
            except OSError:  # not empty, or gone with another
                break
            parent = parent.parent
