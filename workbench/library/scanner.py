"""Lists the models of hub caches and of the user's folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import Notice
from workbench.library.hub import MODEL_PREFIX, RawRepo, RawSnapshot, folders_of, read_folder, read_hub
from workbench.library.index import Index
from workbench.library.judging import judge
from workbench.library.model import Model, Revision, Roots, Scan, StoredFile
from workbench.library.weights import format_of

__all__ = ["is_hub_cache", "is_model_folder", "scan", "scan_model_folder"]

MAIN = "main"
SIGNS = frozenset({"config.json", "model_index.json", "modules.json", "workbench.json", "adapter_config.json"})
FOLDER_DEPTH = 2


def scan(roots: Roots) -> Scan:
    """All models of these roots. Never raises for what lies there: that is told by states and warnings.

    A folder of the user is a model by itself, holds models one or two levels down, or is a hub cache.
    """
    index = Index(roots.index)
    models: list[Model] = []
    warnings: list[Notice] = []
    done: set[str] = set()
    for cache in roots.hub_caches:
        if _first_time(cache, done):
            _scan_hub(cache, index, models, warnings, quiet=cache in roots.quiet)
    for folder in roots.folders:
        if _first_time(folder, done):
            _scan_folder(folder, index, models, warnings)
    unwritten = index.save((*roots.hub_caches, *roots.folders))
    if unwritten:
        warnings.append(unwritten)
    models.sort(key=lambda model: (model.id.casefold(), model.id))
    return Scan(tuple(models), tuple(warnings))


def is_hub_cache(folder: Path) -> bool:
    """Whether it has a repository in the layout of the hub's cache. Raises OSError."""
    return any(Path(entry, "snapshots").is_dir() for entry in folder.glob(f"{MODEL_PREFIX}*"))


def is_model_folder(folder: Path) -> bool:
    """Whether the folder itself holds a model: a config, weights, or ``onnx/`` with graphs. Raises OSError."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in SIGNS or (format_of(entry.name) and not entry.is_dir()):
            return True
        if entry.name == "onnx" and entry.is_dir(follow_symlinks=False):
            return any(name.endswith(".onnx") for name in os.listdir(entry.path))  # noqa: PTH208
    return False


def scan_model_folder(folder: Path, root: Path, index: Index, name: str | None = None) -> Model:
    """The model in this folder, with one revision without a commit. Raises OSError."""
    raw = read_folder(str(folder))
    raw.files.sort()
    revision = judge(raw, (), index.contents(raw.folder, raw.files), {})
    status = folder.stat()
    used = max((item.stat.st_atime for item in raw.files), default=status.st_atime)
    return Model(
        id=name or folder.name,
        root=root,
        folder=folder,
        layout="folder",
        revisions=(revision,),
        size_bytes=revision.size_bytes,
        last_used=used,
        last_modified=revision.last_modified,
        warnings=revision.warnings,
    )


def _first_time(root: Path, done: set[str]) -> bool:
    real = os.path.realpath(root)
    new = real not in done
    done.add(real)
    return new


def _scan_hub(cache: Path, index: Index, models: list[Model], warnings: list[Notice], *, quiet: bool) -> None:
    try:
        repos, odd = read_hub(str(cache))
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            if not quiet:
                warnings.append(Notice.of("cache-missing", folder=cache))
        else:
            warnings.append(Notice.of("folder-unreadable", folder=cache, reason=error.strerror or error))
        return
    warnings += odd
    models += [_model(repo, cache, index) for repo in repos]


def _model(repo: RawRepo, cache: Path, index: Index) -> Model:
    revisions = [_revision(raw, repo, index) for raw in repo.snapshots]
    if len(revisions) > 1:
        revisions.sort(key=_preference)
    lost = [name for commit, names in repo.refs.items() for name in names if not _has(repo, commit)]
    warnings = [*repo.warnings, *(notice for revision in revisions for notice in revision.warnings)]
    warnings += [Notice.of("ref-without-snapshot", model=repo.id, ref=name) for name in sorted(lost)]
    broken = repo.broken
    if broken is None and not revisions:
        broken = Notice.of("repo-empty", folder=repo.folder)
    if len(revisions) == 1:
        files: tuple[StoredFile, ...] = revisions[0].files
        size = revisions[0].size_bytes
    else:
        unique = {item.identity: item for revision in revisions for item in revision.files}
        files, size = tuple(unique.values()), sum(item.size_bytes for item in unique.values())
    if files:
        used = max([item.stat.st_atime for item in files])
        modified = max([item.stat.st_mtime for item in files])
    else:
        status = os.lstat(repo.folder)
        used, modified = status.st_atime, status.st_mtime
    return Model(
        id=repo.id,
        root=cache,
        folder=Path(repo.folder),
        layout="hub",
        revisions=tuple(revisions),
        size_bytes=size,
        last_used=used,
        last_modified=modified,
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


def _has(repo: RawRepo, commit: str) -> bool:
    return any(raw.commit == commit for raw in repo.snapshots)


def _scan_folder(folder: Path, index: Index, models: list[Model], warnings: list[Notice]) -> None:
    try:
        root = folder.resolve(strict=True)
        if is_hub_cache(root):
            _scan_hub(root, index, models, warnings, quiet=False)
        elif is_model_folder(root):
            models.append(scan_model_folder(root, root, index))
        else:
            before = len(models)
            _scan_below(root, root, index, models, warnings, FOLDER_DEPTH)
            if len(models) == before:
                warnings.append(Notice.of("model-folder-empty", folder=folder))
    except FileNotFoundError:
        warnings.append(Notice.of("model-folder-missing", folder=folder))
    except (OSError, RuntimeError) as error:
        warnings.append(Notice.of("folder-unreadable", folder=folder, reason=getattr(error, "strerror", error)))


def _scan_below(
    folder: Path, root: Path, index: Index, models: list[Model], warnings: list[Notice], depth: int
) -> None:
    for path in _subfolders(folder):
        try:
            if is_hub_cache(path):
                _scan_hub(path, index, models, warnings, quiet=False)
            elif is_model_folder(path):
                models.append(scan_model_folder(path, root, index, path.relative_to(root).as_posix()))
            elif depth > 1:
                _scan_below(path, root, index, models, warnings, depth - 1)
        except OSError as error:
            warnings.append(Notice.of("folder-unreadable", folder=path, reason=error.strerror or error))


def _subfolders(folder: Path) -> Iterator[Path]:
    for entry in folders_of(str(folder)):
        yield Path(entry.path)
