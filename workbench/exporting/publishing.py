"""Making a finished export visible, all at once: published files never change, and the manifest comes last.

A new artifact is staged whole and renamed into place. A new precision of a published one is moved in file by file and
exists for readers only when the manifest that names it replaces the old one. A forced export swaps whole folders; where
it is stopped between the two renames, the next one puts the old folder back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from workbench.errors import ExportError
from workbench.files import sync_folder
from workbench.library.manifest import MANIFEST_NAME, Manifest, write_manifest

__all__ = ["REPLACED", "add_variants", "publish_new", "recover", "remove_unnamed", "replace_artifact"]

Check = Callable[[], None]

# In the staging folder: the artifact that a forced export is about to replace.
REPLACED = "replaced"


def publish_new(staged: Path, final: Path, manifest: Manifest, check: Check = lambda: None) -> None:
    """Publish a complete staged folder as a new artifact; ``final`` must not exist. ``check`` may raise before it."""
    write_manifest(staged, manifest)
    sync_tree(staged, check)
    final.parent.mkdir(parents=True, exist_ok=True)
    staged.rename(final)
    sync_folder(final.parent)


def add_variants(staged: Path, final: Path, manifest: Manifest, files: Iterable[str]) -> None:
    """Move these files (relative names) of the staged folder into the published one, then replace its manifest."""
    for name in files:
        sync_file(staged / name)
        target = final / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (staged / name).replace(target)
        sync_folder(target.parent)
    write_manifest(final, manifest)


def replace_artifact(staged: Path, final: Path, manifest: Manifest, staging: Path, check: Check = lambda: None) -> None:
    """Put a complete staged folder in the place of a published one; ``check`` may raise before it.

    Raises ExportError when the published one is in use.
    """
    if (final / "receipts").is_dir():
        shutil.copytree(final / "receipts", staged / "receipts", dirs_exist_ok=True)
    write_manifest(staged, manifest)
    sync_tree(staged, check)
    try:
        final.rename(staging / REPLACED)
    except OSError as error:
        raise ExportError("export-in-use", folder=final, reason=error.strerror or error) from error
    staged.rename(final)
    sync_folder(final.parent)
    shutil.rmtree(staging / REPLACED, ignore_errors=True)


def recover(staging: Path, final: Path) -> None:
    """Put back what a forced export had moved away when it was stopped before its own folder was in place."""
    replaced = staging / REPLACED
    if replaced.is_dir() and not (final / MANIFEST_NAME).exists():
        final.parent.mkdir(parents=True, exist_ok=True)
        replaced.rename(final)


def remove_unnamed(folder: Path, manifest: Manifest) -> list[str]:
    """Remove graphs that no manifest names: an export that was stopped while it moved them. Returns their names."""
    named = {file.name for variant in manifest.variants for file in variant.files}
    removed = []
    for path in sorted(folder.glob("onnx/*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in named:
            path.unlink()
            removed.append(name)
    return removed


def sync_file(path: Path) -> None:
    """Have the file's content on disk before a name points to it."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_tree(folder: Path, check: Check) -> None:
    for path in sorted(folder.rglob("*")):
        check()
        if path.is_dir():
            sync_folder(path)
        elif path.stat().st_nlink == 1:  # a hard link is to a file that was published before
            sync_file(path)
    sync_folder(folder)
