"""From the word a user says for a model to a planned export, with what it will need."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ExportError, ModelError, Notice
from workbench.exporting.estimate import ExportEstimate, estimate_export
from workbench.exporting.spec import ExportSpec, check_precisions, resolve_precisions
from workbench.library.model import Revision
from workbench.library.references import Found
from workbench.tasks.catalog import TASKS, TaskInfo, task_info
from workbench.tasks.samples import samples

__all__ = ["ExportPlan", "plan_export"]


@dataclass(frozen=True)
class ExportPlan:
    """One export with what it is expected to need."""

    spec: ExportSpec
    estimate: ExportEstimate


def plan_export(
    found: Found,
    *,
    task: str | None,
    precisions: tuple[str, ...],
    force: bool,
    allow_pickle: bool,
    artifacts_dir: Path,
) -> ExportPlan:
    """What an export of this model will be. Raises UsageError, ModelError and ExportError for what cannot be exported.

    An architecture that the library does not know is tried when the user names the task: the toolchain may know it.
    """
    wanted = task_info(task) if task else None
    names = resolve_precisions(precisions)
    revision = found.revision
    if revision is None:
        reason = found.model.reason if found.model else None
        if reason:
            raise _refused(reason)
        raise ModelError("export-onnx-only", folder=found.folder)
    if revision.state != "ready" and revision.reason:
        raise _refused(revision.reason)
    support = revision.export
    if not support.possible and support.reason and not (wanted and support.reason.code.startswith("task-")):
        raise _refused(support.reason)
    chosen = wanted or _own_task(revision, support.tasks)
    check_precisions(names, chosen.id)
    spec = ExportSpec(
        source=revision.folder,
        repo_id=found.name,
        commit=revision.commit or _fingerprint(revision),
        task=chosen.id,
        export_task=chosen.layout_for(revision.contents.architectures).export_task,
        precisions=names,
        samples=samples(chosen.id),
        licence=revision.contents.licence,
        allow_pickle=allow_pickle,
        force=force,
        architectures=revision.contents.architectures,
    )
    artifacts_dir.mkdir(parents=True, exist_ok=True)
    return ExportPlan(spec, estimate_export(spec, artifacts_dir))


def _own_task(revision: Revision, possible: tuple[str, ...]) -> TaskInfo:
    if revision.task in TASKS and revision.task in possible:
        return TASKS[revision.task]
    if possible:
        raise ExportError("export-other-task", task=revision.task or "it", tasks=", ".join(possible))
    known, architecture = ", ".join(TASKS), ", ".join(revision.contents.architectures) or "unknown"
    raise ModelError("task-none", architecture=architecture, known=known)


def _fingerprint(revision: Revision) -> str:
    """What stands for a commit where a folder has none: it changes when a file does."""
    said = "\0".join(f"{item.name}\0{item.size_bytes}\0{item.stat.st_mtime_ns}" for item in revision.files)
    return hashlib.sha1(said.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _refused(reason: Notice) -> ExportError:
    return ExportError(reason.code, **reason.arguments)
