"""Lists the models of hub caches and of the user's folders."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from workbench.errors import Notice
from workbench.garbage import no_collections
from workbench.library.hub import (
    MODEL_PREFIX,
    RawRepo,
    RawSnapshot,
    folders_of,
    read_folder,
    read_hub,
    read_repo,
    repo_id_of,
)
from workbench.library.index import Index
from workbench.library.judging import judge
from workbench.library.model import Model, Revision, Roots, Scan, Totals
from workbench.library.weights import format_of

__all__ = ["find_repo", "is_hub_cache", "is_model_folder", "repo_of_folder", "scan", "scan_model_folder"]

MAIN = "main"
SIGNS = frozenset({"config.json", "model_index.json", "modules.json", "workbench.json", "adapter_config.json"})
FOLDER_DEPTH = 2
# Where a download into a folder keeps what is not finished, below that folder.
LOCAL_DOWNLOADS = (".cache", "huggingface", "download")


def scan(roots: Roots) -> Scan:
    """All models of these roots. Never raises for what lies there: that is told by states and warnings.

    A folder of the user is a model by itself, holds models one or two levels down, or is a hub cache.
    """
    with no_collections():  # a listing makes many objects that stay, none in circles: a tenth of its time
        listing = _Listing(Index(roots.index))
        for cache in roots.hub_caches:
            listing.hub(cache, quiet=cache in roots.quiet)
        for folder in roots.folders:
            listing.folder(folder)
        unwritten = listing.index.save((*roots.hub_caches, *roots.folders))
        if unwritten:
            listing.warnings.append(unwritten)
        models = sorted(_each_once(listing.models), key=lambda model: (model.id.casefold(), model.id))
        return Scan(tuple(models), tuple(listing.warnings), tuple(listing.places))


def find_repo(roots: Roots, repo_id: str) -> Model | None:
    """The model of exactly this id, without a look at any other: of the first hub cache that has it whole, else of the
    first that has it at all. Its copies are not told. A cache that cannot be read has none; a listing says so.
    """
    found = None
    for cache in roots.hub_caches:
        try:
            repo = read_repo(str(cache), repo_id)
        except OSError:
            continue
        if repo:
            model = _model(repo, cache, Index(None))
            if model.state == "ready":
                return model
            found = found or model
    return found


def repo_of_folder(folder: Path) -> tuple[Model, str | None] | None:
    """The model of a hub cache whose own folder, or the folder of one of whose snapshots, this is; with the commit.

    None for a folder that is neither. Raises OSError.
    """
    commit = folder.name if folder.parent.name == "snapshots" else None
    place = folder.parent.parent if commit else folder
    if not place.name.startswith(MODEL_PREFIX) or not (place / "snapshots").is_dir():
        return None
    repo = read_repo(str(place.parent), repo_id_of(place.name))
    return (_model(repo, place.parent, Index(None)), commit) if repo else None


def is_hub_cache(folder: Path) -> bool:
    """Whether it has a repository in the layout of the hub's cache. Raises OSError."""
    names = [name for name in os.listdir(folder) if name.startswith(MODEL_PREFIX)]  # noqa: PTH208
    return any(os.path.isdir(folder / name / "snapshots") for name in names)  # noqa: PTH112, never raises


def is_model_folder(folder: Path) -> bool:
    """Whether the folder itself holds a model: a config, ``onnx/`` with graphs, or weights. Raises OSError.

    Weights that lie beside the folders of models do not make all of them one.
    """
    entries = list(os.scandir(folder))
    names = {entry.name for entry in entries}
    if names & SIGNS or ("onnx" in names and _has_graphs(folder / "onnx")):
        return True
    if not any(format_of(entry.name) and not os.path.isdir(entry.path) for entry in entries):  # noqa: PTH112
        return False
    return not any(_has_sign(Path(entry.path)) for entry in folders_of(str(folder)))


def scan_model_folder(folder: Path, root: Path, index: Index, name: str | None = None) -> Model:
    """The model in this folder, with one revision without a commit. Raises OSError."""
    raw = read_folder(str(folder))
    raw.files.sort()
    partial = _unfinished(folder)
    revision = judge(raw, (), index.contents(raw.folder, raw.files), partial)
    totals = revision.totals if raw.files else _totals_of_nothing(raw.folder)
    return Model(
        id=name or folder.name,
        root=root,
        place=raw.folder,
        layout="folder",
        revisions=(revision,),
        totals=totals,
        leftover_bytes=sum(partial.values()),
        warnings=revision.warnings,
    )


class _Listing:
    """What was found so far. A place that was reached twice is listed once."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.models: list[Model] = []
        self.warnings: list[Notice] = []
        self.places: list[Path] = []
        self._done: set[str] = set()
        self._met = False

    def hub(self, cache: Path, *, quiet: bool = False) -> None:
        """All models of a hub cache; ``quiet`` ones need not be there."""
        if not self._first_time(cache):
            return
        try:
            repos, odd = read_hub(str(cache), self.index.memory)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._unreadable(cache, error)
            elif not quiet:
                self.warnings.append(Notice.of("cache-missing", folder=cache))
                self.places.append(cache)
            return
        self.places.append(cache)
        self.warnings += odd
        self.models += [_model(repo, cache, self.index) for repo in repos]

    def folder(self, folder: Path) -> None:
        """The models of a folder of the user."""
        if os.path.realpath(folder) in self._done:
            return
        self.places.append(folder)
        self._met = False
        try:
            root = folder.resolve(strict=True)
            self._below(root, root, FOLDER_DEPTH)
        except FileNotFoundError:
            self.warnings.append(Notice.of("model-folder-missing", folder=folder))
        except (OSError, RuntimeError) as error:
            self._unreadable(folder, error)
        else:
            if not self._met:
                self.warnings.append(Notice.of("model-folder-empty", folder=folder))

    def _below(self, folder: Path, root: Path, depth: int) -> None:
        """The model, the hub cache, or the models in the folders of this folder. Raises OSError."""
        if is_hub_cache(folder):
            self._met = True
            self.hub(folder)
        elif is_model_folder(folder):
            self._met = True
            if self._first_time(folder):
                name = folder.relative_to(root).as_posix() if folder != root else None
                self.models.append(scan_model_folder(folder, root, self.index, name))
        elif depth > 0:
            self._links(folder)
            for entry in folders_of(str(folder)):
                try:
                    self._below(Path(entry.path), root, depth - 1)
                except OSError as error:
                    self._unreadable(Path(entry.path), error)

    def _links(self, folder: Path) -> None:
        """Tell of links to folders: they are not followed, which nobody would guess."""
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112, never raises
                self.warnings.append(
                    Notice.of("folder-is-link", folder=entry.path, target=os.path.realpath(entry.path))
                )

    def _unreadable(self, folder: Path, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or error
        self.warnings.append(Notice.of("folder-unreadable", folder=folder, reason=reason))

    def _first_time(self, root: Path) -> bool:
        real = os.path.realpath(root)
        new = real not in self._done
        self._done.add(real)
        return new


def _each_once(models: list[Model]) -> list[Model]:
    """Of a repository that several hub caches have, the first that is whole, with the others as its copies.

    Folders of the user stay apart: two of one name need not hold the same model.
    """
    found: dict[str, list[Model]] = {}
    for model in models:
        found.setdefault(model.id if model.layout == "hub" else model.place, []).append(model)
    return [same[0] if len(same) == 1 else _with_copies(same) for same in found.values()]


def _with_copies(same: list[Model]) -> Model:
    best = next((model for model in same if model.state == "ready"), same[0])
    return replace(best, copies=tuple(model for model in same if model is not best))


def _model(repo: RawRepo, cache: Path, index: Index) -> Model:
    revisions = [_revision(raw, repo, index) for raw in repo.snapshots]
    if len(revisions) > 1:
        revisions.sort(key=_preference)
    warnings = repo.warnings.copy()
    for revision in revisions:
        warnings += revision.warnings
    there = {raw.commit for raw in repo.snapshots}
    if repo.refs.keys() - there:
        lost = [name for commit, names in repo.refs.items() if commit not in there for name in names]
        warnings += [Notice.of("ref-without-snapshot", model=repo.id, ref=name) for name in sorted(lost)]
    broken = repo.broken
    if broken is None and not revisions:
        broken = Notice.of("repo-empty", folder=repo.folder)
    if len(revisions) == 1:
        totals = revisions[0].totals
    else:
        totals = Totals.of(item for revision in revisions for item in revision.files)
    if not totals.last_modified:
        totals = _totals_of_nothing(repo.folder)
    return Model(
        id=repo.id,
        root=cache,
        place=repo.folder,
        layout="hub",
        revisions=tuple(revisions),
        totals=totals,
        broken=broken,
        unlisted="damaged" if repo.broken else "incomplete",
        leftover_bytes=sum(repo.partial.values()),
        warnings=tuple(warnings),
    )


def _revision(raw: RawSnapshot, repo: RawRepo, index: Index) -> Revision:
    raw.files.sort()
    refs = tuple(sorted(repo.refs.get(raw.commit, ())))
    return judge(raw, refs, index.contents(raw.folder, raw.files), repo.partial)


def _preference(revision: Revision) -> tuple[bool, bool, float, str]:
    return (MAIN not in revision.refs, not revision.refs, -revision.last_modified, revision.commit)


def _totals_of_nothing(folder: str) -> Totals:
    """Those of a repository without files: the times of its folder, 0 when that is gone since it was listed."""
    try:
        status = os.lstat(folder)
    except OSError:
        return Totals()
    return Totals(0, status.st_atime, status.st_mtime)


def _has_sign(folder: Path) -> bool:
    return any(os.path.isfile(folder / name) for name in SIGNS)  # noqa: PTH113, never raises


def _has_graphs(folder: Path) -> bool:
    try:
        return not folder.is_symlink() and any(name.endswith(".onnx") for name in os.listdir(folder))  # noqa: PTH208
    except OSError:  # no folder, or not for us to read: the other signs decide
        return False


def _unfinished(folder: Path) -> dict[str, int]:
    """Names and sizes of what a broken download into this folder left."""
    place = folder.joinpath(*LOCAL_DOWNLOADS)
    try:
        entries = [entry for entry in list(os.scandir(place)) if entry.name.endswith(".incomplete")]
        return {entry.name: entry.stat(follow_symlinks=False).st_size for entry in entries}
    except OSError:  # none was made here
        return {}
