"""Whether the files of an export are those that were published; nothing else is measured or proven."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.cancellation import Cancellation
from workbench.errors import ModelError
from workbench.library.checked_files import CheckedFiles, mark_of
from workbench.library.manifest import FileEntry, Manifest

__all__ = ["check_changed", "check_files", "note_published"]

Tell = Callable[[Mapping[str, Any]], None]

READ_BYTES = 4 << 20
# What only a proof reads: the samples and what the checkpoint answered.
PROOF_FOLDER = "reference/"


def check_files(
    folder: Path,
    manifest: Manifest,
    tell: Tell,
    cancellation: Cancellation,
    precisions: Collection[str] | None = None,
    checked: CheckedFiles | None = None,
) -> int:
    """Compare every file with the manifest's hash, of variants those of ``precisions`` or of all; how many there are.

    ``checked`` is told which they were. Raises ModelError, Cancelled.
    """
    entries = tuple(_entries(manifest, precisions))
    _compare(folder, entries, tell, cancellation, checked)
    return len(entries)


def check_changed(
    folder: Path,
    manifest: Manifest,
    precision: str,
    checked: CheckedFiles,
    tell: Tell,
    cancellation: Cancellation,
) -> None:
    """Compare those files that a run of this precision reads and that were not compared as they are now.

    Where nothing changed, they are only asked for their sizes and times. Raises ModelError, Cancelled.
    """
    entries = [entry for entry in _entries(manifest, (precision,)) if not entry.name.startswith(PROOF_FOLDER)]
    new = [entry for entry in entries if not checked.knows(folder / entry.name, entry.sha256)]
    _compare(folder, new, tell, cancellation, checked)


def note_published(
    folder: Path, manifest: Manifest, checked: CheckedFiles, precisions: Collection[str] | None = None
) -> None:
    """Take the files that were hashed for this manifest just now for compared; with ``precisions`` those alone."""
    if precisions is None:
        entries = [*manifest.files, *(file for variant in manifest.variants for file in variant.files)]
    else:
        entries = [file for variant in manifest.variants if variant.precision in precisions for file in variant.files]
    for entry in entries:
        try:
            checked.note(folder / entry.name, mark_of((folder / entry.name).stat(), entry.sha256))
        except OSError:  # gone already: whoever runs it hears that
            continue
    checked.keep()


def _compare(
    folder: Path, entries: Iterable[FileEntry], tell: Tell, cancellation: Cancellation, checked: CheckedFiles | None
) -> None:
    entries = tuple(entries)
    total, done = sum(entry.bytes for entry in entries), 0
    try:
        for entry in entries:
            digest = hashlib.sha256()
            path = folder / entry.name
            try:
                with path.open("rb") as stream:
                    status = os.fstat(stream.fileno())  # before it is read: what changes from now on is seen later
                    while part := stream.read(READ_BYTES):
                        cancellation.check()
                        digest.update(part)
                        done += len(part)
                        tell({"stage": "files", "done": done / 1e6, "total": total / 1e6, "unit": "MB"})
            except OSError as error:
                raise ModelError("file-unreadable", file=path, reason=error.strerror or error) from error
            if digest.hexdigest() != entry.sha256:
                raise ModelError("artifact-changed", file=path)
            if checked:
                checked.note(path, mark_of(status, entry.sha256))
    finally:
        if checked:
            checked.keep()


def _entries(manifest: Manifest, precisions: Collection[str] | None) -> Iterator[FileEntry]:
    yield from manifest.files
    for variant in manifest.variants:
        if precisions is None or variant.precision in precisions:
            yield from variant.files
