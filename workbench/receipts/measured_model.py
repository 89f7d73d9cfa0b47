"""A model whose variants are measured or checked: an export of ours, or ONNX graphs that came with a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.engine.request import ModelChoice
from workbench.errors import ModelError, UsageError
from workbench.library.artifacts import Artifact
from workbench.library.manifest import Manifest
from workbench.library.references import Found
from workbench.library.variants import choose_variant, find_variants, resolve_precision, variant_bytes
from workbench.receipts.files import RECEIPTS
from workbench.settings import data_dir
from workbench.tasks.catalog import TASKS, TaskInfo, check_params, task_info

__all__ = ["MeasuredModel", "of_artifact", "of_found"]


@dataclass(frozen=True)
class MeasuredModel:
    """``task`` is what it is for; it is measured as ``shown``, which is another where one sample alone is no input of
    the task. ``variants`` are the graphs of each precision, ``receipts`` the folder of its receipts."""

    name: str
    repo_id: str
    commit: str
    task: TaskInfo
    folder: Path
    variants: Mapping[str, Mapping[str, Path]]
    receipts: Path
    manifest: Manifest | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def shown(self) -> TaskInfo:
        return task_info(self.task.verified_as or self.task.id)

    @property
    def params(self) -> dict[str, Any]:
        """Parameters with which answers are compared."""
        return check_params(self.shown, self.task.verified_with)

    @property
    def has_reference(self) -> bool:
        """Whether an export recorded the checkpoint's answers: only what a manifest names is there."""
        names = self.manifest.file_names if self.manifest else ()
        return "reference/samples.json" in names and "reference/answers.npz" in names

    def bytes_of(self, precision: str) -> int:
        return self.sizes[precision] if precision in self.sizes else variant_bytes(self.variants[precision])

    def chosen(self, precisions: Sequence[str] | None) -> tuple[str, ...]:
        """These precisions, names or aliases, or all. Raises UsageError, ModelError for one that is not there."""
        if not precisions:
            return tuple(self.variants)
        names = [resolve_precision(word) for word in precisions]
        for name in names:
            if name not in self.variants:
                choose_variant(self.variants, self.task.layouts, folder=self.folder, precision=name)  # raises
        return tuple(name for name in self.variants if name in names)

    def choice(self, precision: str, provider: str, threads: int = 0) -> ModelChoice:
        """One variant as the engine is asked for it; a provider that cannot be had is an error."""
        return ModelChoice(
            name=f"{self.name} {precision}",
            folder=str(self.folder),
            graphs={name: str(path) for name, path in self.variants[precision].items()},
            task=self.shown.id,
            provider=provider,
            threads=threads,
        )


def of_artifact(artifact: Artifact) -> MeasuredModel:
    """Raises ModelError for one that is damaged, incomplete or of a newer workbench."""
    manifest = artifact.manifest
    if manifest is None or artifact.state != "ready":
        reason = artifact.reason
        if reason is None:
            raise ModelError("model-file-missing", file=artifact.folder / "workbench.json")
        raise ModelError(reason.code, **reason.arguments)
    if manifest.task not in TASKS:
        raise ModelError("run-unknown-task", task=manifest.task, known=", ".join(TASKS))
    task = TASKS[manifest.task]
    named = {item.precision for item in manifest.variants}
    return MeasuredModel(
        name=manifest.repo_id,
        repo_id=manifest.repo_id,
        commit=manifest.commit,
        task=task,
        folder=artifact.folder,
        variants=_variants(artifact.folder, task, named),
        receipts=artifact.folder / RECEIPTS,
        manifest=manifest,
        sizes={item.precision: item.bytes for item in manifest.variants},
    )


def of_found(found: Found, task: TaskInfo) -> MeasuredModel:
    """Graphs that came with a model. Nothing is written where models are kept: its receipts lie in the data folder."""
    assert found.revision is not None
    commit = found.revision.commit or "local"
    folder = found.revision.folder
    kept = f"{found.name.strip('/').replace('/', '--')}/{commit[:8]}-{task.id}"
    return MeasuredModel(
        name=found.name,
        repo_id=found.name,
        commit=commit,
        task=task,
        folder=folder,
        variants=_variants(folder, task, None),
        receipts=data_dir() / RECEIPTS / kept,
    )


def _variants(folder: Path, task: TaskInfo, named: set[str] | None) -> dict[str, Mapping[str, Path]]:
    """The variants with all graphs that the task needs."""
    there = find_variants(folder)
    found: dict[str, Mapping[str, Path]] = {}
    for precision in there:
        if named is None or precision in named:
            try:
                chosen = choose_variant({precision: there[precision]}, task.layouts, folder=folder, precision=precision)
            except (ModelError, UsageError):
                continue
            found[precision] = chosen.graphs
    if not found:
        choose_variant({}, task.layouts, folder=folder)  # raises, and says what is missing
    return found
