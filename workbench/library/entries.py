"""What a user can pick: each model of the library once, with its exports, and what can be done with it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from workbench.errors import Notice
from workbench.library.model import Support
from workbench.tasks.catalog import TASKS, same_graph

if TYPE_CHECKING:  # a front that only shows entries needs none of what reads them
    from workbench.library.artifacts import Artifact, Artifacts
    from workbench.library.model import Model, Scan

__all__ = ["Copy", "Entry", "Listing", "Modality", "Standing", "list_entries", "modality_of"]

# ``ready`` runs now, ``export`` must be exported first, ``unusable`` can do neither, for the ``reason``.
Standing = Literal["ready", "export", "unusable"]
Modality = Literal["text", "image", "audio", "other"]

# What the hub's pipeline tags are about, where the catalog does not say.
AUDIO_TAGS = ("audio", "speech", "voice")
IMAGE_TAGS = ("image", "object", "depth", "mask-generation", "visual", "video", "keypoint", "document")
TEXT_TAGS = (
    "text",
    "token",
    "fill",
    "question",
    "summar",
    "translation",
    "zero-shot-classification",
    "sentence",
    "table",
)
NO_EXPORT = Support("no")


class Copy(NamedTuple):
    """The same model once more, in another cache."""

    folder: str
    size_bytes: int


@dataclass(frozen=True)
class Entry:
    """One model. ``name`` is the word that ``Workbench.target`` and ``plan_export`` take, ``title`` what users call it.

    ``tasks`` can be run now, the model's own first; ``precisions`` are those of each, and ``recommended`` the one that
    runs unless another is asked for, where verification chose one. ``size_bytes`` counts the exports as well, but not
    the ``copies`` in other caches.
    """

    name: str
    modality: Modality
    standing: Standing
    reason: Notice | None
    task: str | None
    tasks: tuple[str, ...]
    precisions: Mapping[str, tuple[str, ...]]
    size_bytes: int
    recommended: Mapping[str, str] = field(default_factory=dict)
    export: Support = NO_EXPORT
    damaged: bool = False
    own_title: str = ""
    copies: tuple[Copy, ...] = ()

    @property
    def title(self) -> str:
        """The name, or the model's where this is an export whose model is gone."""
        return self.own_title or self.name

    @property
    def short_name(self) -> str:
        """The title without the organisation."""
        return self.title.rsplit("/", 1)[-1]

    @property
    def owner(self) -> str:
        """The organisation, empty where there is none."""
        return self.title.rpartition("/")[0]


@dataclass(frozen=True)
class Listing:
    """All entries in the order of their names, what was odd on the way, and the caches and folders looked through."""

    entries: tuple[Entry, ...] = ()
    warnings: tuple[Notice, ...] = ()
    places: tuple[str, ...] = field(default=())


def list_entries(scan: Scan, artifacts: Artifacts, recommended: Mapping[str, str | None]) -> Listing:
    """One entry a model, and one for each export whose model is gone.

    ``recommended`` maps the ids of artifacts to the precision to prefer.
    """
    exports: dict[str, list[Artifact]] = {}
    broken = []
    for artifact in artifacts.artifacts:
        if artifact.repo_id is None:
            broken.append(_of_artifact(artifact, recommended))
        else:
            exports.setdefault(artifact.repo_id, []).append(artifact)
    entries = [_of_model(model, exports.pop(model.id, ()), recommended) for model in scan.models]
    orphans = [_of_artifact(artifact, recommended) for left in exports.values() for artifact in left]
    entries += [*orphans, *broken]
    entries.sort(key=lambda entry: (entry.short_name.casefold(), entry.name))
    return Listing(tuple(entries), (*scan.warnings, *artifacts.warnings), tuple(str(place) for place in scan.places))


def modality_of(task: str | None) -> Modality:
    """What a pipeline tag of the hub is about: what goes in beside text, where the task is one of ours."""
    if task is None:
        return "other"
    if task in TASKS:
        return TASKS[task].modality
    for modality, words in (("audio", AUDIO_TAGS), ("image", IMAGE_TAGS), ("text", TEXT_TAGS)):
        if any(word in task for word in words):
            return modality  # type: ignore[return-value]  # mypy takes the literals for any text
    return "other"


def _of_model(model: Model, exports: Sequence[Artifact], recommended: Mapping[str, str | None]) -> Entry:
    revision = model.revision
    commit = revision.commit if revision else ""
    # The same choice as a run makes: exports of this commit, and before the graphs that came with the model.
    ours = [item for item in exports if item.manifest and (not commit or item.manifest.commit == commit)]
    precisions: dict[str, tuple[str, ...]] = {}
    best: dict[str, str] = {}
    for task in _own_first(model.task):
        artifact = _export_for(task, ours)
        if artifact:
            if chosen := recommended.get(artifact.id):
                best[task] = chosen
            precisions[task] = tuple(variant.precision for variant in artifact.variants)
        elif revision and task in revision.run.tasks:
            precisions[task] = tuple(revision.precisions)
    export = revision.export if revision else NO_EXPORT
    standing: Standing = "ready" if precisions else "export" if export.possible else "unusable"
    reason = None
    if standing == "unusable":
        reason = model.reason or export.reason or (revision.run.reason if revision else None)
    size_bytes = model.size_bytes + sum(item.size_bytes for item in exports)
    return Entry(
        name=model.id if model.layout == "hub" else model.place,
        modality=modality_of(model.task),
        standing=standing,
        reason=reason,
        task=model.task,
        tasks=tuple(precisions),
        precisions=precisions,
        size_bytes=size_bytes,
        recommended=best,
        export=export,
        damaged=model.state != "ready",
        copies=tuple(Copy(copy.place, copy.size_bytes) for copy in model.copies),
    )


def _of_artifact(artifact: Artifact, recommended: Mapping[str, str | None]) -> Entry:
    """An export whose model is not in any cache, or whose manifest cannot be read."""
    ready = artifact.state == "ready"
    names = tuple(variant.precision for variant in artifact.variants)
    precisions = {task: names for task in _own_first(artifact.task) if ready and _serves(artifact, task)}
    return Entry(
        name=artifact.id,
        modality=modality_of(artifact.task),
        standing="ready" if precisions else "unusable",
        reason=None if precisions else artifact.reason,
        task=artifact.task,
        tasks=tuple(precisions),
        precisions=precisions,
        size_bytes=artifact.size_bytes,
        recommended={task: best for task in precisions if (best := recommended.get(artifact.id))},
        damaged=not ready,
        own_title=artifact.repo_id or "",
    )


@lru_cache
def _own_first(task: str | None) -> tuple[str, ...]:
    return tuple(sorted(TASKS, key=lambda name: name != task))


def _export_for(task: str, exports: Sequence[Artifact]) -> Artifact | None:
    ready = [item for item in exports if item.state == "ready"]
    if not ready:  # of most models, for each of the tasks
        return None
    exact = (item for item in ready if item.task == task)
    return next(exact, None) or next((item for item in ready if _serves(item, task)), None)


def _serves(artifact: Artifact, task: str) -> bool:
    return same_graph(artifact.task or "", task)
