"""What a user means by a word for a model: a folder, an exported model, or an id of the hub."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelError
from workbench.library.artifacts import Artifact, Artifacts, read_artifact
from workbench.library.index import Index
from workbench.library.manifest import MANIFEST_NAME
from workbench.library.model import Model, Revision, Scan
from workbench.library.scanner import is_model_folder, repo_of_folder, scan_model_folder

__all__ = ["Found", "find", "is_path", "revision_called"]

NEAR = 3
MIN_LIKENESS = 0.4
MIN_COMMIT = 4  # letters of a commit that stand for it


@dataclass(frozen=True)
class Found:
    """Either an ``artifact``, or a ``model`` with the ``revision`` that is meant, None where none can be read."""

    name: str
    folder: Path
    model: Model | None = None
    revision: Revision | None = None
    artifact: Artifact | None = None

    def path(self, name: str) -> Path | None:
        """Where this file of it is; None when there is none, or its link leads out of the model's place."""
        if self.artifact:
            manifest = self.artifact.manifest
            whole = manifest is not None and self.artifact.state == "ready" and name in manifest.file_names
            return self.folder / name if whole else None
        return self.revision.path(name) if self.revision else None


def find(
    name: str,
    revision: str | None,
    *,
    scan: Callable[[], Scan],
    artifacts: Callable[[], Artifacts],
    repo: Callable[[str], Model | None] = lambda repo_id: None,
) -> Found:
    """Look for a model by the path of a folder, an id of the hub, or the id of an artifact.

    An id may be in other letters (case) or only its last part, where that is clear. ``repo`` finds exactly one id
    without a listing, which is made where that one is not whole. A word that does not look like a path means a folder
    of the working directory only where no id is exactly that. Raises ModelError with what is near, and for a revision
    that is not there.
    """
    if is_path(name):
        folder = Path(name).expanduser()
        if not os.path.isdir(folder):  # noqa: PTH112, never raises
            raise ModelError("model-no-folder", folder=folder)
        return _in_folder(folder, revision, artifacts)
    model = repo(name)
    if model and model.state == "ready" and (revision is None or revision_called(model, revision)):
        return _of_model(model, revision)  # else another place may have what is meant
    listed = artifacts().artifacts
    artifact = next((item for item in listed if item.id == name), None)
    if artifact:
        return _of_artifact(artifact, revision)
    scanned = scan()
    models = _matching(name, scanned.models)
    if not any(model.id == name for model in models) and _is_folder_of_a_model(name):
        return _in_folder(Path(name), revision, artifacts)
    if len(models) == 1:
        return _of_model(models[0], revision)
    if models:
        raise ModelError("model-ambiguous", name=name, known=", ".join(model.id for model in models))
    # A model that was deleted from the cache after its export still runs by its own name.
    exported = [item for item in listed if item.repo_id and name.casefold() in _words_for(item.repo_id)]
    if exported:
        return _of_artifact(_best(exported, revision), revision)
    raise _unknown(name, scanned, listed)


def _unknown(name: str, scanned: Scan, listed: Sequence[Artifact]) -> ModelError:
    known = {model.id for model in scanned.models} | {item.id for item in listed}
    places = ", ".join(map(str, scanned.places)) or "the hub cache"
    if not known:
        return ModelError("model-none-known", name=name, places=places)
    by_word = {word: item for item in sorted(known, reverse=True) for word in _words_for(item)}
    words = difflib.get_close_matches(name.casefold(), by_word, 2 * NEAR, MIN_LIKENESS)
    near = list(dict.fromkeys(by_word[word] for word in words)) or sorted(known)
    return ModelError("model-unknown", name=name, places=places, near=", ".join(near[:NEAR]))


def is_path(name: str) -> bool:
    """Whether a word means a folder and no id."""
    return os.path.isabs(name) or name.startswith((".", "~")) or name.endswith("/") or "\\" in name  # noqa: PTH117


def _is_folder_of_a_model(name: str) -> bool:
    """Whether it is one in the working directory; what cannot be read is none that anybody means."""
    folder = Path(name)
    try:
        return folder.is_dir() and ((folder / MANIFEST_NAME).exists() or is_model_folder(folder))
    except OSError:
        return False


def _in_folder(folder: Path, revision: str | None, artifacts: Callable[[], Artifacts]) -> Found:
    try:
        folder = folder.resolve()
        if os.path.lexists(folder / MANIFEST_NAME):
            known = (item for item in artifacts().artifacts if item.folder.resolve() == folder)
            # One that lies elsewhere has its path as id: that is how it can be named, and it is nothing to delete.
            return _of_artifact(next(known, None) or read_artifact(folder, str(folder)), revision)
        of_cache = repo_of_folder(folder)
        if of_cache:
            model, commit = of_cache
            return _of_model(model, revision or commit)
        if not is_model_folder(folder):
            raise ModelError("model-not-a-folder", folder=folder)
        model = scan_model_folder(folder, folder, Index(None))
    except (OSError, RuntimeError) as error:
        raise ModelError("folder-unreadable", folder=folder, reason=getattr(error, "strerror", error)) from error
    return _of_model(model, revision)


def _of_artifact(artifact: Artifact, revision: str | None) -> Found:
    commit = artifact.manifest.commit if artifact.manifest else ""
    if revision is not None and not _is_commit(revision, commit):
        raise ModelError("model-no-revision", model=artifact.id, revision=revision, known=commit[:8] or "none")
    return Found(artifact.repo_id or artifact.id, artifact.folder, artifact=artifact)


def _best(exported: Sequence[Artifact], revision: str | None) -> Artifact:
    """Of exports of one model, one of this revision that works; of several the one that was made last."""

    def rank(item: Artifact) -> tuple[bool, bool, float, str]:
        fits = revision is not None and item.manifest is not None and _is_commit(revision, item.manifest.commit)
        return fits, item.state == "ready", item.last_modified, item.id

    return max(exported, key=rank)


def _of_model(model: Model, revision: str | None) -> Found:
    if revision is None:
        folder = model.revision.folder if model.revision else model.folder
        return Found(model.id, folder, model, model.revision)
    called = [(copy, item) for copy in model.everywhere if (item := revision_called(copy, revision))]
    if called:
        copy, item = next((pair for pair in called if pair[1].state == "ready"), called[0])
        return Found(copy.id, item.folder, copy, item)
    names = (item.name for copy in model.everywhere for item in copy.revisions if item.name)
    known = ", ".join(dict.fromkeys(names)) or "none"
    raise ModelError("model-no-revision", model=model.id, revision=revision, known=known)


def revision_called(model: Model, revision: str) -> Revision | None:
    """The revision of this name or commit."""
    return next((item for item in model.revisions if revision in item.refs or _is_commit(revision, item.commit)), None)


def _is_commit(word: str, commit: str) -> bool:
    return bool(commit) and (word == commit or (len(word) >= MIN_COMMIT and commit.startswith(word)))


def _matching(name: str, models: Sequence[Model]) -> list[Model]:
    """Models of this id; else those that differ in upper and lower case; else those whose last part it is."""
    folded = name.casefold()
    for found in (
        [model for model in models if model.id == name],
        [model for model in models if model.id.casefold() == folded],
        [model for model in models if folded in _words_for(model.id)],
    ):
        if found:
            if len({model.id for model in found}) > 1:
                return found
            # The same id in two places: the one that is searched first is meant, unless only another one is whole.
            return [next((model for model in found if model.state == "ready"), found[0])]
    return []


def _words_for(id_: str) -> tuple[str, str]:
    """An id as a user may say it, in whole or by its last part."""
    folded = id_.casefold()
    return folded, folded.rpartition("/")[2]
