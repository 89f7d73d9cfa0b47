"""Whether the files of an export are those that were published; nothing else is measured or proven."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.cancellation import Cancellation
from workbench.errors import ModelError
from workbench.library.manifest import FileEntry, Manifest

__all__ = ["check_files"]

Tell = Callable[[Mapping[str, Any]], None]

READ_BYTES = 4 << 20


def check_files(
    folder: Path,
    manifest: Manifest,
    tell: Tell,
    cancellation: Cancellation,
    precisions: Collection[str] | None = None,
) -> int:
    """Compare every file with the manifest's hash, of variants those of ``precisions`` or of all; how many there are.

    Raises ModelError, Cancelled.
    """
    entries = tuple(_entries(manifest, precisions))
    total, done = sum(entry.bytes for entry in entries), 0
    for entry in entries:
        digest = hashlib.sha256()
        path = folder / entry.name
        try:
            with path.open("rb") as stream:
                while part := stream.read(READ_BYTES):
                    cancellation.check()
                    digest.update(part)
                    done += len(part)
                    tell({"stage": "files", "done": done / 1e6, "total": total / 1e6, "unit": "MB"})
        except OSError as error:
            raise ModelError("file-unreadable", file=path, reason=error.strerror or error) from error
        if digest.hexdigest() != entry.sha256:
            raise ModelError("artifact-changed", file=path)
    return len(entries)


def _entries(manifest: Manifest, precisions: Collection[str] | None) -> Iterator[FileEntry]:
    yield from manifest.files
    for variant in manifest.variants:
        if precisions is None or variant.precision in precisions:
            yield from variant.files
