"""Deleting: first a plan that says what would go and how much it frees, then its execution.

Containment is checked here, path by path and without following a link: a cache may hold links that lead anywhere, and
what is deleted must lie in the place the plan is for.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ModelError
from workbench.library.artifacts import Artifact
from workbench.library.model import Model, Revision

__all__ = ["DeletionPlan", "execute", "plan_artifact_deletion", "plan_deletion"]


@dataclass(frozen=True)
class Doomed:
    """One path that goes, as it was when the plan was made."""

    path: Path
    inode: int
    bytes: int


@dataclass(frozen=True)
class DeletionPlan:
    """What would be deleted. Everything lies below ``root``, which itself stays. ``kept`` says what is left and why."""

    what: str
    root: Path
    doomed: tuple[Doomed, ...]
    kept: tuple[str, ...] = ()

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
            "kept": list(self.kept),
        }


def plan_deletion(model: Model, revision: Revision | None = None) -> DeletionPlan:
    """What deleting a model of a hub cache, or one of its revisions, would remove. Raises ModelError.

    A revision goes with its refs and with the contents that no other revision uses. A model of a folder that the user
    pointed at is theirs, and not deleted.
    """
    if model.layout != "hub":
        raise ModelError("delete-protected", folder=model.folder, reason="it is a folder of yours, not of a hub cache")
    _check(model.folder, model.root)
    if revision is None or len(model.revisions) == 1:
        locks = model.root / ".locks" / model.folder.name
        paths = [model.folder, *([locks] if locks.is_dir() and not locks.is_symlink() else [])]
        return DeletionPlan(model.id, model.root, tuple(_doomed(path) for path in paths))
    others = {item.blob for other in model.revisions if other is not revision for item in other.files}
    blobs = model.folder / "blobs"
    own = {Path(item.blob if os.path.isabs(item.blob) else blobs / item.blob) for item in revision.files}  # noqa: PTH117
    kept_names = {Path(blob).name for blob in others}
    contents = [path for path in sorted(own) if path.parent == blobs and path.name not in kept_names]
    refs = [model.folder / "refs" / name for name in revision.refs]
    paths = [revision.folder, *refs, *contents]
    kept = tuple(
        f"{item.name}: used by another revision" for item in revision.files if Path(item.blob).name in kept_names
    )
    for path in paths:
        _check(path, model.folder)
    plan = tuple(_doomed(path) for path in paths if path.exists() or path.is_symlink())
    return DeletionPlan(f"{model.id} at {revision.name}", model.folder, plan, kept)


def plan_artifact_deletion(artifact: Artifact) -> DeletionPlan:
    """What deleting an exported model would remove. Raises ModelError."""
    root = artifact.folder.parent.parent
    _check(artifact.folder, root)
    return DeletionPlan(artifact.id, root, (_doomed(artifact.folder),))


def execute(plan: DeletionPlan) -> int:
    """Delete what the plan names; the bytes freed. Raises ModelError, before anything is gone where it can be.

    Links are removed as links. What is no longer what it was when the plan was made is left alone.
    """
    for item in plan.doomed:
        _check(item.path, plan.root)
        try:
            inode = item.path.lstat().st_ino
        except FileNotFoundError:
            raise ModelError("delete-changed", path=item.path) from None
        if inode != item.inode:
            raise ModelError("delete-changed", path=item.path)
    for item in plan.doomed:
        try:
            if stat.S_ISDIR(item.path.lstat().st_mode):
                shutil.rmtree(item.path)
            else:
                item.path.unlink()
        except OSError as error:
            raise ModelError(
                "delete-failed", path=error.filename or item.path, reason=error.strerror or error
            ) from error
    _remove_empty_parents(plan)
    return plan.bytes


def _check(path: Path, root: Path) -> None:
    """``path`` must lie below ``root`` with no link on the way, and be no link itself where it is a folder."""
    try:
        parts = path.relative_to(root).parts
    except ValueError:
        parts = ()
    if not parts or ".." in parts:
        raise ModelError("delete-outside", path=path, root=root)
    step = root
    for part in parts[:-1]:
        step = step / part
        if step.is_symlink():
            raise ModelError("delete-link", path=step)
    if path.is_symlink() and path.is_dir():
        raise ModelError("delete-link", path=path)
    if os.path.realpath(path.parent) != os.path.join(os.path.realpath(root), *parts[:-1]):  # noqa: PTH118
        raise ModelError("delete-outside", path=path, root=root)


def _doomed(path: Path) -> Doomed:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return Doomed(path, status.st_ino, status.st_size if status.st_nlink == 1 else 0)
    return Doomed(path, status.st_ino, sum(_sizes(path)))


def _sizes(folder: Path) -> Iterator[int]:
    """Bytes of the files below, each content once; a file with a name elsewhere stays there and frees nothing."""
    for place, _, names in os.walk(folder):
        for name in names:
            status = os.lstat(os.path.join(place, name))  # noqa: PTH118
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                yield status.st_size


def _remove_empty_parents(plan: DeletionPlan) -> None:
    """Folders that only held what is gone: an artifact's model folder, a ref's branch/with/slashes."""
    for item in plan.doomed:
        parent = item.path.parent
        while parent != plan.root and parent.is_relative_to(plan.root) and _is_empty(parent):
            parent.rmdir()
            parent = parent.parent


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
