"""From the word a user says for a model to what runs: artifact or ready graphs, task, precision, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.engine.request import ModelChoice
from workbench.errors import ModelError
from workbench.library.artifacts import Artifact, Artifacts
from workbench.library.manifest import Manifest
from workbench.library.references import Found
from workbench.library.variants import choose_variant, complete_variants, find_variants
from workbench.receipts.files import RECEIPTS, read_receipts
from workbench.receipts.receipt import Receipt, ReceiptRow
from workbench.receipts.verdicts import is_of_this_machine, medians_of, rows_of_best_provider, verification_of
from workbench.receipts.verification import recommend
from workbench.tasks.catalog import TASKS, TaskInfo, same_graph, task_info

__all__ = [
    "LAST_RECEIPTS",
    "RunTarget",
    "Wish",
    "artifact_of",
    "choose_target",
    "precisions_of",
    "recommended_by",
    "recommended_of_rows",
    "recommended_precision",
    "with_threads",
]

# A receipt may be of one variant alone, so several are looked at.
LAST_RECEIPTS = 8


@dataclass(frozen=True)
class Wish:
    """How the user wants it run; None leaves it to us."""

    task: str | None = None
    precision: str | None = None
    provider: str = "auto"
    allow_fallback: bool = False
    threads: int = 0
    node_fallback: bool = True


@dataclass(frozen=True)
class RunTarget:
    """What will run. ``reason`` is why this variant: ``asked``, ``recommended``, ``only`` or ``most-exact``;
    ``published`` whether it is an export, whose manifest has the hashes of its files."""

    task: TaskInfo
    choice: ModelChoice
    variant: str
    reason: str
    published: bool = False


@dataclass(frozen=True)
class _Place:
    """A folder with graphs, and what is known of it."""

    name: str
    folder: Path
    task: str | None
    recommended: str | None
    only_files: frozenset[str] | None


def choose_target(found: Found, wish: Wish, artifacts: Callable[[], Artifacts]) -> RunTarget:
    """What runs for this model and these wishes. Raises ModelError, UsageError.

    An export of ours goes before graphs that came with the model, because it was verified.
    """
    place, task, variants = _found_variants(found, wish, artifacts)
    chosen = choose_variant(
        variants, task.layouts, folder=place.folder, precision=wish.precision, recommended=place.recommended
    )
    choice = ModelChoice(
        name=place.name,
        folder=str(place.folder),
        graphs={name: str(path) for name, path in chosen.graphs.items()},
        task=task.id,
        provider=wish.provider,
        allow_fallback=wish.allow_fallback,
        threads=wish.threads,
        node_fallback=wish.node_fallback,
    )
    return RunTarget(task, choice, chosen.precision, chosen.why, place.only_files is not None)


def with_threads(target: RunTarget, threads: int) -> RunTarget:
    """The same, to be run with so many threads."""
    return replace(target, choice=replace(target.choice, threads=threads))


def precisions_of(found: Found, wish: Wish, artifacts: Callable[[], Artifacts]) -> tuple[str, ...]:
    """The precisions of what would run for these wishes, the most exact first. Raises ModelError, UsageError."""
    _, task, variants = _found_variants(found, wish, artifacts)
    return tuple(complete_variants(variants, task.layouts))


def recommended_precision(artifact: Artifact) -> str | None:
    """The precision to prefer of an artifact, by what verification measured and by its receipts."""
    if artifact.manifest is None:
        return None
    stored = read_receipts(artifact.folder / RECEIPTS, limit=LAST_RECEIPTS)
    return recommended_by(artifact.manifest, stored.receipts)


def recommended_by(manifest: Manifest, receipts: Sequence[Receipt]) -> str | None:
    """The one that receipts, newest first, recommend. Those of other machines or other files do not count."""
    measured: dict[str, tuple[int, Mapping[str, Any]]]
    measured = {item.precision: (item.bytes, item.verification) for item in manifest.variants}
    if not measured:
        return None
    rows: dict[str, ReceiptRow] = {}
    for receipt in receipts:
        if receipt.commit == manifest.commit and receipt.task == manifest.task and is_of_this_machine(receipt):
            for row in rows_of_best_provider(receipt.rows):
                if row.precision in measured and row.bytes == measured[row.precision][0]:
                    rows.setdefault(row.precision, row)
    measured |= {name: (row.bytes, verification_of(row)) for name, row in rows.items()}
    return recommend(measured, medians_of(rows.values()))


def recommended_of_rows(rows: Sequence[ReceiptRow]) -> str:
    """The precision that one receipt recommends by itself; empty where nothing was measured."""
    best = rows_of_best_provider(rows)
    measured = {row.precision: (row.bytes, verification_of(row)) for row in best}
    return recommend(measured, medians_of(best)) if measured else ""


def artifact_of(found: Found, artifacts: Callable[[], Artifacts], task: str | None = None) -> Artifact | None:
    """The export that a word means: itself, or that of the model it names; None where there is none."""
    if found.artifact:
        return found.artifact
    return _export_of(found, task_info(task) if task else None, artifacts().artifacts)


def _found_variants(
    found: Found, wish: Wish, artifacts: Callable[[], Artifacts]
) -> tuple[_Place, TaskInfo, Mapping[str, Mapping[str, Path]]]:
    wanted = task_info(wish.task) if wish.task else None
    place = _of_artifact(found.artifact) if found.artifact else _place_of_model(found, wanted, artifacts)
    task = wanted or _own_task(place)
    variants: Mapping[str, Mapping[str, Path]] = find_variants(place.folder)
    if place.only_files is not None:  # a file that the manifest does not name does not exist
        variants = _named_only(variants, place)
    return place, task, variants


def _place_of_model(found: Found, wanted: TaskInfo | None, artifacts: Callable[[], Artifacts]) -> _Place:
    there = artifacts().artifacts
    exported = _export_of(found, wanted, there)
    if exported:
        return _of_artifact(exported)
    revision = found.revision
    if revision is None:
        reason = found.model.reason if found.model else None
        if reason:
            raise ModelError(reason.code, **reason.arguments)
        raise _not_exported(found, found.folder, there)
    able = revision.export.tasks
    if wanted and able and not revision.precisions and wanted.id not in able:  # an export would be of no help
        raise ModelError("run-cannot-do", model=found.name, task=wanted.id, tasks=", ".join(able))
    if not revision.precisions:
        if revision.state != "ready" and revision.reason:
            raise ModelError(revision.reason.code, **revision.reason.arguments)
        raise _not_exported(found, revision.folder, there)
    return _Place(found.name, revision.folder, revision.task, None, None)


def _not_exported(found: Found, folder: Path, artifacts: Sequence[Artifact]) -> ModelError:
    """Why a model without graphs cannot run: its export cannot be used, or there is none.

    The folder of an export says of which model and commit it is where its manifest cannot be read.
    """
    if found.model:
        commit = found.revision.commit or "" if found.revision else ""
        start = f"{found.model.id.replace('/', '--')}/{commit[:8]}"
        for item in artifacts:
            if item.reason and item.id.startswith(start):
                return ModelError(item.reason.code, **item.reason.arguments)
    return ModelError("run-needs-export", folder=folder)


def _export_of(found: Found, wanted: TaskInfo | None, artifacts: Sequence[Artifact]) -> Artifact | None:
    """The export of this model that fits: of this commit, made for the task or for another with the same graph."""
    if found.model is None:
        return None
    task = wanted or TASKS.get(found.revision.task or "" if found.revision else "")
    of_model = [item for item in artifacts if item.manifest and item.manifest.repo_id == found.model.id]
    if found.revision and found.revision.commit:
        of_model = [item for item in of_model if item.manifest and item.manifest.commit == found.revision.commit]
    ready = [item for item in of_model if item.state == "ready"]
    if task is None:
        return ready[0] if ready else None
    exact = [item for item in ready if item.task == task.id]
    others = [item for item in ready if same_graph(item.task or "", task.id)]
    return next(iter([*exact, *others]), None) or (ready[0] if ready and wanted is None else None)


def _of_artifact(artifact: Artifact) -> _Place:
    if artifact.manifest is None or artifact.state != "ready":
        reason = artifact.reason
        if reason is None:
            raise ModelError("model-file-missing", file=artifact.folder / "workbench.json")
        raise ModelError(reason.code, **reason.arguments)
    name = f"{artifact.manifest.repo_id}"
    return _Place(name, artifact.folder, artifact.task, recommended_precision(artifact), artifact.manifest.file_names)


def _own_task(place: _Place) -> TaskInfo:
    if place.task is None:
        raise ModelError("task-none", architecture="unknown", known=", ".join(TASKS))
    if place.task not in TASKS:
        raise ModelError("run-unknown-task", task=place.task, known=", ".join(TASKS))
    return TASKS[place.task]


def _named_only(variants: Mapping[str, Mapping[str, Path]], place: _Place) -> dict[str, dict[str, Path]]:
    named = place.only_files or frozenset()
    kept = {
        precision: {graph: path for graph, path in graphs.items() if path.relative_to(place.folder).as_posix() in named}
        for precision, graphs in variants.items()
    }
    return {precision: graphs for precision, graphs in kept.items() if graphs}
