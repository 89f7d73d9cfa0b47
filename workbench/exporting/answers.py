"""The checkpoint's own answers to a user's samples: staged and loaded as for an export, nothing is exported."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from exporters.protocol import ExportRequest
from workbench.cancellation import Cancellation
from workbench.children import ChildGone
from workbench.errors import ExportError
from workbench.exporting.spec import STAGING
from workbench.exporting.staging import stage_source
from workbench.exporting.toolchains import Toolchain
from workbench.exporting.worker import start_worker
from workbench.exporting.worker_copy import ensure_worker_copy
from workbench.wire import Message

__all__ = ["Checkpoint", "torch_answers"]


@dataclass(frozen=True)
class Checkpoint:
    """A snapshot in the cache, and what it is asked as: our task id and Optimum's name for what it exports."""

    source: Path
    task: str
    export_task: str


@contextmanager
def torch_answers(
    checkpoint: Checkpoint,
    samples: Sequence[Any],
    *,
    toolchain: Toolchain,
    artifacts_dir: Path,
    data_dir: Path,
    on_progress: Callable[[Mapping[str, Any]], None] | None = None,
    cancellation: Cancellation | None = None,
) -> Iterator[tuple[Path, tuple[tuple[int, str], ...]]]:
    """A folder with ``samples.json`` and ``answers.npz`` for the length of the block, and the numbers of samples that
    the checkpoint could not answer, each with the reason.

    Weights that are pickles are not loaded: nobody was asked. Raises ExportError, ToolchainError, Cancelled, OSError.
    """
    cancel = cancellation or Cancellation()
    with _workplace(artifacts_dir) as place:
        staged = stage_source(checkpoint.source, place / "source", allow_pickle=False, check=cancel.check)
        output = place / "answers"
        request = ExportRequest(
            source=str(staged.folder),
            output=str(output),
            task=checkpoint.task,
            export_task=checkpoint.export_task,
            precisions=[],
            samples=list(samples),
        )

        def receive(message: Message) -> None:
            if on_progress and message.kind == "progress":
                on_progress(message.body)

        child = start_worker(toolchain.python, ensure_worker_copy(data_dir), place / "home", lambda line: None, cancel)
        try:
            body = child.request(request.to_body("answer"), receive).wait(cancel)
        except ChildGone as gone:
            raise ExportError("answers-stopped", how=gone.how) from gone
        finally:
            child.kill()
            child.close()
        yield output, tuple((int(number), str(reason)) for number, reason in body["skipped"])


@contextmanager
def _workplace(artifacts_dir: Path) -> Iterator[Path]:
    """A folder beside the artifacts, so that weights are linked rather than copied. Whoever cleans up after killed
    exports removes it, unless it is in use."""
    (artifacts_dir / STAGING).mkdir(parents=True, exist_ok=True)
    for number in range(100):
        place = artifacts_dir / STAGING / f"answers-{number}"
        lock = FileLock(place.with_name(f"{place.name}.lock"), timeout=0)
        try:
            with lock:
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                try:
                    yield place
                finally:
                    shutil.rmtree(place, ignore_errors=True)
                return
        except Timeout:
            continue
    raise ExportError("export-locked", model="the workbench", task="receipts")
