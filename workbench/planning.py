"""From the word a user says for a model to a planned export, with what it will need."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from exporters.protocol import CALIBRATIONS
from workbench.errors import ExportError, ModelError, Notice, UsageError
from workbench.exporting.estimate import ExportEstimate, estimate_export
from workbench.exporting.spec import ExportSpec, check_precisions, resolve_precisions
from workbench.exporting.staging import weight_files
from workbench.library.model import Revision
from workbench.library.references import Found
from workbench.offers import Offer, offered_precisions, usual_precisions
from workbench.samples.sources import read_samples
from workbench.tasks.catalog import TASKS, TaskInfo, task_info
from workbench.tasks.samples import samples

__all__ = ["DEFAULT_SAMPLES", "ExportPlan", "OwnSamples", "plan_export"]

# Enough for ranges and for a verdict; every one of them is answered by torch and by each variant.
DEFAULT_SAMPLES = 100


@dataclass(frozen=True)
class OwnSamples:
    """Where a user's samples are, see :func:`workbench.samples.sources.read_samples`."""

    path: Path
    column: str | None = None
    limit: int = DEFAULT_SAMPLES


@dataclass(frozen=True)
class ExportPlan:
    """One export with what it is expected to need.

    ``offers`` are all precisions this model can have, with the reasons against some; ``skipped`` lists what of a user's
    samples cannot be used, each with the reason.
    """

    spec: ExportSpec
    estimate: ExportEstimate
    offers: tuple[Offer, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


def plan_export(
    found: Found,
    *,
    task: str | None,
    precisions: tuple[str, ...],
    force: bool,
    allow_pickle: bool,
    artifacts_dir: Path,
    own: OwnSamples | None = None,
    calibration: str = CALIBRATIONS[0],
) -> ExportPlan:
    """What an export of this model will be. Without precisions it has those that are suggested for the model.

    Raises UsageError, ModelError and ExportError for what cannot be exported, InputError for samples that are none.

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
    if calibration not in CALIBRATIONS:
        raise UsageError("usage-unknown-calibration", name=calibration, known=", ".join(CALIBRATIONS))
    weights = weight_files(revision.folder, allow_pickle=allow_pickle)
    offers = offered_precisions(chosen.id, weights)
    given = own and read_samples(chosen, own.path, column=own.column, limit=own.limit)
    spec = ExportSpec(
        source=revision.folder,
        repo_id=found.name,
        commit=revision.commit or _fingerprint(revision),
        task=chosen.id,
        export_task=chosen.layout_for(revision.contents.architectures).export_task,
        precisions=names or usual_precisions(offers),
        samples=given.samples if given else samples(chosen.id),
        licence=revision.contents.licence,
        allow_pickle=allow_pickle,
        force=force,
        architectures=revision.contents.architectures,
        own_samples=given is not None,
        calibration=calibration,
    )
    artifacts_dir.mkdir(parents=True, exist_ok=True)
    return ExportPlan(spec, estimate_export(spec, artifacts_dir), offers, given.skipped if given else ())


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
