"""The receipts' side of :class:`workbench.api.Workbench`: measured, stored, said in words, and checked elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cancellation import Cancellation
from workbench.errors import ModelError, Notice
from workbench.library.artifacts import Artifact
from workbench.library.checked_files import checked_files
from workbench.library.manifest import read_manifest
from workbench.library_methods import LibraryMethods
from workbench.receipts.files import RECEIPTS, StoredReceipts, newest_receipt, read_receipts
from workbench.receipts.receipt import Receipt
from workbench.receipts.verdicts import verdicts
from workbench.settings import data_dir
from workbench.targets import RunTarget, Wish, artifact_of, choose_target

# What measures is imported by the methods that do it: a window that opens starts sooner.
if TYPE_CHECKING:
    from workbench.exporting.answers import Checkpoint
    from workbench.receipts.measured_model import MeasuredModel
    from workbench.receipts.measuring import NewReceipt
    from workbench.receipts.proving import Proof
    from workbench.receipts.reference_answers import OwnSamples

__all__ = ["ReceiptMethods"]


class ReceiptMethods(LibraryMethods):
    """Receipts of exports, and of graphs that came with a model."""

    def measured_model(self, model: str, *, revision: str | None = None, task: str | None = None) -> MeasuredModel:
        """What a word means as something to be measured or checked: an export, else graphs that came with a model.

        Raises ModelError, UsageError.
        """
        from workbench.receipts import measured_model

        found = self.find(model, revision)
        artifact = artifact_of(found, self.artifacts, task)
        if artifact:
            return measured_model.of_artifact(artifact)
        target = choose_target(found, Wish(task=task), self.artifacts)
        return measured_model.of_found(found, target.task)

    def stored_receipts(self, model: MeasuredModel) -> StoredReceipts:
        """The receipts of a model, newest first, and what could not be read of them."""
        return read_receipts(model.receipts)

    def receipts(self, artifact: Artifact) -> tuple[Receipt, ...]:
        """The receipts of an export that can be read, newest first."""
        return read_receipts(artifact.folder / RECEIPTS).receipts

    def receipt(self, artifact: Artifact) -> Receipt | None:
        """The newest receipt of an export."""
        return newest_receipt(artifact.folder / RECEIPTS)

    def verdicts(self, receipt: Receipt) -> tuple[Notice, ...]:
        """What a receipt comes to, one sentence for each of its rows."""
        return verdicts(receipt)

    def new_receipt(
        self,
        model: MeasuredModel,
        *,
        samples: OwnSamples | None = None,
        providers: Sequence[str] | None = None,
        precisions: Sequence[str] | None = None,
        on_progress: Callable[[Mapping[str, Any]], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> NewReceipt:
        """Measure and write a receipt, see :func:`workbench.receipts.measuring.measure`."""
        from workbench.receipts import measuring

        return measuring.measure(
            model,
            self._settings,
            own=samples,
            checkpoint=lambda: self._checkpoint(model),
            providers=providers,
            precisions=precisions,
            on_progress=on_progress,
            cancellation=cancellation,
        )

    def measure_receipt(
        self,
        artifact: Artifact,
        *,
        samples: OwnSamples | None = None,
        providers: Sequence[str] | None = None,
        on_progress: Callable[[Mapping[str, Any]], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Receipt:
        """:meth:`new_receipt` of all variants of an export."""
        from workbench.receipts import measured_model

        model = measured_model.of_artifact(artifact)
        made = self.new_receipt(
            model, samples=samples, providers=providers, on_progress=on_progress, cancellation=cancellation
        )
        return made.receipt

    def verify(
        self,
        model: MeasuredModel,
        *,
        precisions: Sequence[str] | None = None,
        providers: Sequence[str] | None = None,
        threshold: float | None = None,
        on_progress: Callable[[Mapping[str, Any]], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Proof:
        """Check an export's files and answers on this machine, see :func:`workbench.receipts.proving.prove`."""
        from workbench.receipts.proving import prove

        return prove(
            model,
            self._settings,
            precisions=precisions,
            providers=providers,
            threshold=threshold,
            on_progress=on_progress,
            cancellation=cancellation,
        )

    def _check_files(
        self,
        target: RunTarget,
        on_progress: Callable[[Mapping[str, Any]], None] | None,
        cancellation: Cancellation | None,
    ) -> None:
        """Raises ModelError for an export whose files are not those that were published. Takes time once: for what was
        not compared yet, as in a copy from another machine."""
        if not target.published:
            return
        from workbench.library.published_files import check_changed

        folder = Path(target.choice.folder)
        check_changed(
            folder,
            read_manifest(folder),
            target.variant,
            checked_files(data_dir()),
            on_progress or (lambda body: None),
            cancellation or Cancellation(),
        )

    def _checkpoint(self, model: MeasuredModel) -> Checkpoint:
        """What a model was exported from. Raises ModelError where exactly that is not in the cache any more."""
        from workbench.exporting.answers import Checkpoint

        found = self.find(model.repo_id, model.commit)
        revision = found.revision
        if revision is None or revision.commit != model.commit or revision.state != "ready":
            raise ModelError("receipt-no-checkpoint", model=model.repo_id, commit=model.commit[:8])
        layout = model.task.layout_for(revision.contents.architectures)
        return Checkpoint(revision.folder, model.task.id, layout.export_task)
