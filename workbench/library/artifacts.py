"""The models that were exported: folders with a manifest below the artifacts' folder."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ModelError, Notice
from workbench.library.hub import folders_of
from workbench.library.manifest import MANIFEST_NAME, Manifest, VariantEntry, read_manifest
from workbench.library.model import State

__all__ = ["Artifact", "Artifacts", "list_artifacts", "read_artifact"]


@dataclass(frozen=True)
class Artifact:
    """One exported model. ``id`` is its folder relative to the artifacts' folder, with a forward slash.

    ``manifest`` is None where it cannot be read. ``size_bytes`` counts what the manifest names. ``last_modified`` is
    when something was published in it, in seconds since 1970.
    """

    id: str
    folder: Path
    manifest: Manifest | None
    state: State
    reason: Notice | None = None
    last_modified: float = 0.0

    @property
    def repo_id(self) -> str | None:
        return self.manifest.repo_id if self.manifest else None

    @property
    def task(self) -> str | None:
        return self.manifest.task if self.manifest else None

    @property
    def variants(self) -> tuple[VariantEntry, ...]:
        return self.manifest.variants if self.manifest else ()

    @property
    def size_bytes(self) -> int:
        return self.manifest.bytes if self.manifest else 0

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "id": self.id,
            "folder": str(self.folder),
            "state": self.state,
            "reason": self.reason.to_json() if self.reason else None,
            "size_bytes": self.size_bytes,
            "last_modified": self.last_modified,
        }
        return value | {"manifest": self.manifest.to_json() if self.manifest else None}


@dataclass(frozen=True)
class Artifacts:
    """All exported models in the order of their ids, and what was odd on the way."""

    artifacts: tuple[Artifact, ...] = ()
    warnings: tuple[Notice, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "artifacts": [artifact.to_json() for artifact in self.artifacts],
            "warnings": [warning.to_json() for warning in self.warnings],
        }


def list_artifacts(artifacts_dir: Path) -> Artifacts:
    """The artifacts ``<org>--<name>/<commit8>-<task>`` below this folder; a damaged one hides no other.

    Folders without a manifest are none, and hidden ones (staging) are passed over.
    """
    found: list[Artifact] = []
    warnings: list[Notice] = []
    for model in _folders(artifacts_dir, warnings):
        for folder in _folders(model, warnings):
            if os.path.lexists(folder / MANIFEST_NAME):
                found.append(read_artifact(folder, f"{model.name}/{folder.name}"))
    return Artifacts(tuple(sorted(found, key=lambda item: item.id)), tuple(warnings))


def read_artifact(folder: Path, id_: str) -> Artifact:
    """The artifact in this folder, which has a manifest. Sizes of files are compared; hashes are left to a receipt."""
    try:
        manifest = read_manifest(folder)
    except ModelError as error:
        return Artifact(id_, folder, None, "damaged", Notice(error.code, error.arguments))
    reason = _misfit(folder, manifest)
    return Artifact(id_, folder, manifest, "damaged" if reason else "ready", reason, _published(folder))


def _published(folder: Path) -> float:
    try:
        return (folder / MANIFEST_NAME).stat().st_mtime
    except OSError:  # gone since it was read
        return 0.0


def _misfit(folder: Path, manifest: Manifest) -> Notice | None:
    real_folder = os.path.realpath(folder)
    for entry in (*manifest.files, *(item for variant in manifest.variants for item in variant.files)):
        path = folder / entry.name
        try:
            status = path.stat()
        except FileNotFoundError:
            return Notice.of("model-file-missing", file=path)
        except OSError as error:
            return Notice.of("file-unreadable", file=path, reason=error.strerror or error)
        real = os.path.realpath(path)
        if not real.startswith(real_folder + os.sep):
            return Notice.of("file-link-outside", file=path, target=real)
        if not stat.S_ISREG(status.st_mode):
            return Notice.of("file-unreadable", file=path, reason="not a regular file")
        if status.st_size != entry.bytes:
            return Notice.of("artifact-misfit", file=path, got=status.st_size, wanted=entry.bytes)
    return None


def _folders(folder: Path, warnings: list[Notice]) -> list[Path]:
    try:
        return [Path(entry.path) for entry in folders_of(str(folder))]
    except FileNotFoundError:
        return []  # nothing was exported yet, or it was deleted just now
    except OSError as error:
        warnings.append(Notice.of("folder-unreadable", folder=folder, reason=error.strerror or error))
        return []
