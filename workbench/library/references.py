"""What a user means by a word for a model: a folder, an exported model, or an id of the hub."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelError
from workbench.library.artifacts import Artifact, Artifacts, read_artifact
from workbench.library.index import Index
from workbench.library.manifest import MANIFEST_NAME
from workbench.library.model import Model, Revision, Scan
from workbench.library.scanner import is_model_folder, scan_model_folder

__all__ = ["Found", "find"]

NEAR = 3
MIN_COMMIT = 4


@dataclass(frozen=True)
class Found:
    """Either an ``artifact``, or a ``model`` with the ``revision`` that is meant, None where none can be read."""

    name: str
    folder: Path
    model: Model | None = None
    revision: Revision | None = None
    artifact: Artifact | None = None


def find(name: str, revision: str | None, *, scan: Callable[[], Scan], artifacts: Callable[[], Artifacts]) -> Found:
    """Look for a model by the path of a folder, the id of an artifact, or an id of the hub.

    An id may be in other letters (case) or only its last part, where that is clear. Raises ModelError with what is
    near, and for a revision that is not there.
    """
    if Path(name).is_dir() and (_looks_like_path(name) or "/" not in name.strip("/")):
        return _in_folder(Path(name).absolute(), revision)
    listed = artifacts().artifacts
    artifact = next((item for item in listed if item.id == name), None)
    if artifact:
        return Found(artifact.repo_id or artifact.id, artifact.folder, artifact=artifact)
    models = scan()
    matching = _matching(name, models.models)
    if len(matching) == 1:
        return _of_model(matching[0], revision)
    if matching:
        raise ModelError("model-ambiguous", name=name, known=", ".join(model.id for model in matching))
    if Path(name).is_dir():
        return _in_folder(Path(name).absolute(), revision)
    # A model that was deleted from the cache after its export still runs by its own name.
    exported = [item for item in listed if item.repo_id and _same(item.repo_id, name)]
    if exported:
        newest = max(exported, key=lambda item: item.folder.stat().st_mtime)
        return Found(newest.repo_id or newest.id, newest.folder, artifact=newest)
    known = [*(model.id for model in models.models), *(item.id for item in listed)]
    places = ", ".join(sorted({str(model.root) for model in models.models})) or "the cache and your folders"
    if not known:
        raise ModelError("model-none-known", name=name, places=places)
    near = difflib.get_close_matches(name, known, NEAR, 0.4) or known[:NEAR]
    raise ModelError("model-unknown", name=name, places=places, near=", ".join(near))


def _looks_like_path(name: str) -> bool:
    path = Path(name)
    return path.is_absolute() or name.startswith((".", "~")) or name.endswith(("/", "\\")) or "\\" in name


def _in_folder(folder: Path, revision: str | None) -> Found:
    if (folder / MANIFEST_NAME).exists():
        artifact = read_artifact(folder, f"{folder.parent.name}/{folder.name}")
        return Found(artifact.repo_id or artifact.id, folder, artifact=artifact)
    try:
        if not is_model_folder(folder):
            raise ModelError("model-not-a-folder", folder=folder)
        # A folder may be a snapshot of a hub cache, whose links lead to the blobs beside it.
        model = scan_model_folder(folder, folder, Index(None))
    except OSError as error:
        raise ModelError("folder-unreadable", folder=folder, reason=error.strerror or error) from error
    return _of_model(model, revision)


def _of_model(model: Model, revision: str | None) -> Found:
    if revision is None:
        folder = model.revision.folder if model.revision else model.folder
        return Found(model.id, folder, model, model.revision)
    for item in model.revisions:
        commit = len(revision) >= MIN_COMMIT and item.commit.startswith(revision)
        if revision in item.refs or commit:
            return Found(model.id, item.folder, model, item)
    known = ", ".join(item.name for item in model.revisions) or "none"
    raise ModelError("model-no-revision", model=model.id, revision=revision, known=known)


def _matching(name: str, models: Sequence[Model]) -> list[Model]:
    """Models of this id; else those that differ in upper and lower case; else those whose last part it is."""
    for fits in (
        lambda model: model.id == name,
        lambda model: _same(model.id, name),
        lambda model: _same(model.id.rpartition("/")[2], name),
    ):
        found = [model for model in models if fits(model)]
        if found:
            # The same id in two caches: the first place that is searched is meant.
            return found[:1] if len({model.id for model in found}) == 1 else found
    return []


def _same(a: str, b: str) -> bool:
    return a.casefold() == b.casefold()
