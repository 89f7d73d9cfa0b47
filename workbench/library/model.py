"""What the library knows of a model, as plain data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from workbench.errors import Notice
from workbench.settings import Settings, data_dir, starter_hub

__all__ = [
    "BrokenFile",
    "Contents",
    "Model",
    "Revision",
    "Roots",
    "Scan",
    "State",
    "StoredFile",
    "Support",
    "Totals",
]

State = Literal["ready", "incomplete", "damaged"]


class StoredFile(NamedTuple):
    """One file of a revision. ``name`` is relative to the revision's folder, with forward slashes.

    ``blob`` is the path of the content: where the link leads to, or the file itself. A tuple, because a cache has
    thousands of them and a listing should not wait for their construction.
    """

    name: str
    blob: str
    stat: os.stat_result

    @property
    def size_bytes(self) -> int:
        return self.stat.st_size


class Totals(NamedTuple):
    """Of files: their size, each content counted once, and the latest times of use and of change. Without files, 0."""

    size_bytes: int = 0
    last_used: float = 0.0
    last_modified: float = 0.0

    @classmethod
    def of(cls, files: Iterable[StoredFile]) -> Totals:
        contents = {blob: status for _, blob, status in files}.values()
        if not contents:
            return cls()
        return cls(
            sum([status.st_size for status in contents]),
            max([status.st_atime for status in contents]),
            max([status.st_mtime for status in contents]),
        )


@dataclass(frozen=True)
class BrokenFile:
    """A file of a revision that cannot be used, and why. ``missing`` when it may just not have been downloaded yet."""

    name: str
    reason: Notice
    missing: bool = False


@dataclass(frozen=True)
class Contents:
    """What the files of a revision say in themselves; kept in the index, everything else is worked out of it.

    ``label_count`` is that of a classifier's labels; ``entails`` says that one of them is an entailment.
    """

    architectures: tuple[str, ...] = ()
    model_type: str | None = None
    remote_code: bool = False
    quantization: str | None = None
    label_count: int | None = None
    entails: bool = False
    pipeline_tag: str | None = None
    library: str | None = None
    licence: str | None = None
    languages: tuple[str, ...] = ()
    parameter_count: int | None = None
    broken: tuple[BrokenFile, ...] = ()
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Support:
    """Whether something can be done with a model, for which of our tasks, and why not or under which condition."""

    answer: Literal["yes", "confirm", "no"]
    reason: Notice | None = None
    tasks: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        return self.answer != "no"

    def to_json(self) -> dict[str, Any]:
        reason = self.reason.to_json() if self.reason else None
        return {"answer": self.answer, "reason": reason, "tasks": list(self.tasks)}


class _Placed:
    """What has a folder, at the path ``place``, and totals of the files in it."""

    place: str
    totals: Totals

    @property
    def folder(self) -> Path:
        return Path(self.place)

    @property
    def size_bytes(self) -> int:
        return self.totals.size_bytes

    @property
    def last_used(self) -> float:
        return self.totals.last_used

    @property
    def last_modified(self) -> float:
        return self.totals.last_modified


@dataclass(frozen=True)
class Revision(_Placed):
    """One snapshot of a model. Times are seconds since 1970.

    ``place`` is the path of its folder. ``task`` is the hub's pipeline tag, one of ours or not. ``precisions`` maps
    those of its ONNX graphs to the graphs' names.
    """

    commit: str
    refs: tuple[str, ...]
    place: str
    files: tuple[StoredFile, ...]
    totals: Totals
    state: State
    reason: Notice | None
    task: str | None
    formats: tuple[str, ...]
    precisions: Mapping[str, tuple[str, ...]]
    export: Support
    run: Support
    contents: Contents
    warnings: tuple[Notice, ...] = ()

    @property
    def name(self) -> str:
        """How to say it shortly: its first ref, else the beginning of its commit."""
        return self.refs[0] if self.refs else self.commit[:8]

    def path(self, name: str) -> Path | None:
        """Where this file is; None when there is none, or its link leads out of the model's place."""
        return self.folder / name if any(item.name == name for item in self.files) else None

    def to_json(self) -> dict[str, Any]:
        contents = self.contents
        return {
            "commit": self.commit,
            "refs": list(self.refs),
            "folder": self.place,
            "state": self.state,
            "reason": self.reason.to_json() if self.reason else None,
            "task": self.task,
            "licence": contents.licence,
            "languages": list(contents.languages),
            "architectures": list(contents.architectures),
            "model_type": contents.model_type,
            "parameter_count": contents.parameter_count,
            "formats": list(self.formats),
            "precisions": {name: list(graphs) for name, graphs in self.precisions.items()},
            "size_bytes": self.size_bytes,
            "files": len(self.files),
            "last_modified": self.last_modified,
            "export": self.export.to_json(),
            "run": self.run.to_json(),
        }


@dataclass(frozen=True)
class Model(_Placed):
    """A model, found below ``root``. ``place`` is the path of its repository in a hub cache, or of its own folder.

    ``revisions`` begins with the one that is meant when none is named: ``main``, else the newest. ``broken`` is the
    reason why a model has no revision that could be read at all. ``leftover_bytes`` is what broken downloads left.
    ``copies`` are the same repository in other hub caches, in the order in which they are searched.
    """

    id: str
    root: Path
    place: str
    layout: Literal["hub", "folder"]
    revisions: tuple[Revision, ...]
    totals: Totals
    broken: Notice | None = None
    unlisted: State = "incomplete"
    leftover_bytes: int = 0
    warnings: tuple[Notice, ...] = ()
    copies: tuple[Model, ...] = ()

    @property
    def revision(self) -> Revision | None:
        """The revision that is meant when none is named."""
        return self.revisions[0] if self.revisions else None

    @property
    def state(self) -> State:
        return self.revisions[0].state if self.revisions else self.unlisted

    @property
    def reason(self) -> Notice | None:
        return self.revisions[0].reason if self.revisions else self.broken

    @property
    def task(self) -> str | None:
        return self.revisions[0].task if self.revisions else None

    @property
    def everywhere(self) -> tuple[Model, ...]:
        """This one, then its copies."""
        return (self, *self.copies)

    def to_json(self) -> dict[str, Any]:
        """One entry of ``models --json``: the facts of the default revision, and what differs by revision beside."""
        value: dict[str, Any] = {
            "id": self.id,
            "state": self.state,
            "reason": self.reason.to_json() if self.reason else None,
            "task": self.task,
        }
        if self.revision:
            value |= {key: item for key, item in self.revision.to_json().items() if key not in value}
        return value | {
            "size_bytes": self.size_bytes,
            "last_used": self.last_used,
            "last_modified": self.last_modified,
            "root": str(self.root),
            "layout": self.layout,
            "leftover_bytes": self.leftover_bytes,
            "warnings": [notice.to_json() for notice in self.warnings],
            "revisions": [revision.to_json() for revision in self.revisions],
            "copies": [
                {"root": str(copy.root), "folder": copy.place, "state": copy.state, "size_bytes": copy.size_bytes}
                for copy in self.copies
            ],
        }


@dataclass(frozen=True)
class Scan:
    """All models in the order of their ids, and what was odd on the way. A damaged model never hides a good one, and a
    repository that lies in several hub caches is listed once.

    ``places`` are the caches and folders that were looked through.
    """

    models: tuple[Model, ...]
    warnings: tuple[Notice, ...] = ()
    places: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "models": [model.to_json() for model in self.models],
            "warnings": [notice.to_json() for notice in self.warnings],
        }


@dataclass(frozen=True)
class Roots:
    """Where to look. ``quiet`` hub caches need not be there; ``index`` is the file that remembers contents, or none."""

    hub_caches: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    quiet: frozenset[Path] = field(default_factory=frozenset)
    index: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Roots:
        """The hub cache and the folders of the settings, and the starter model's cache."""
        starter = starter_hub()
        return cls(
            hub_caches=(settings.hub_cache_folder, starter),
            folders=settings.model_folders,
            quiet=frozenset({starter}),
            index=data_dir() / "library-index.json",
        )
