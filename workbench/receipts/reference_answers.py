"""What the variants of a model are compared with: answers that are recorded, that the checkpoint gives now, or those of
the fp32 graph."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import ExportError, ModelError, Notice, ToolchainError, UsageError
from workbench.receipts.receipt import Reference, SampleSet
from workbench.recorded_samples import read_recorded
from workbench.settings import Settings, data_dir
from workbench.tasks.samples import samples as built_in
from workbench.tasks.short_answers import short, short_input
from workbench.wire import Message

if TYPE_CHECKING:
    from workbench.exporting.answers import Checkpoint
    from workbench.receipts.measured_model import MeasuredModel

__all__ = ["OwnSamples", "ReferenceAnswers", "recorded_answers", "reference_answers"]

Tell = Callable[[Mapping[str, Any]], None]


class OwnSamples(Protocol):
    """A user's samples, as :func:`workbench.samples.sources.read_samples` gives them: inputs as the task takes them,
    what was passed over with the reasons, and what tells the source from others."""

    @property
    def samples(self) -> Sequence[Any]: ...
    @property
    def skipped(self) -> Sequence[tuple[str, str]]: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True)
class ReferenceAnswers:
    """``folder`` holds ``samples.json`` and ``answers.npz``; ``inputs`` are the samples as the task takes them."""

    folder: Path
    kind: Reference
    samples: SampleSet
    inputs: tuple[Any, ...]
    warnings: tuple[Notice, ...] = ()


def recorded_answers(model: MeasuredModel) -> ReferenceAnswers | None:
    """The checkpoint's answers that an export recorded; None where there are none."""
    folder = model.folder / "reference"
    if not model.has_reference:
        return None
    found = _read(folder, "torch", "built-in")
    return found if found.inputs else None


@contextmanager
def reference_answers(
    model: MeasuredModel,
    own: OwnSamples | None,
    checkpoint: Callable[[], Checkpoint],
    settings: Settings,
    tell: Tell,
    cancellation: Cancellation | None,
) -> Iterator[ReferenceAnswers]:
    """The answers to compare with, for the length of the block.

    For a user's own samples (``own``) the checkpoint is asked; where it or the toolchain is not at hand (``checkpoint``
    raises then), the fp32 graph answers, and a warning says so. Raises InputError where no sample can be read,
    ModelError where there is nothing to compare with.
    """
    if own is not None and not own.samples:
        raise UsageError("receipt-no-samples", task=model.task.id)
    recorded = recorded_answers(model) if own is None else None
    if recorded:
        yield recorded
        return
    with ExitStack() as stack:
        warnings: list[Notice] = []
        answers: ReferenceAnswers | None = None
        if own is not None:
            try:
                answers = _of_checkpoint(own, checkpoint(), settings, tell, cancellation, stack)
            except (ExportError, ModelError, ToolchainError) as error:
                warnings.append(Notice.of("receipt-without-checkpoint", reason=error))
        if answers is None:
            answers = _of_graph(model, own, settings, tell, cancellation, stack)
        yield replace(answers, warnings=tuple(warnings))


def _of_checkpoint(
    own: OwnSamples,
    checkpoint: Checkpoint,
    settings: Settings,
    tell: Tell,
    cancellation: Cancellation | None,
    stack: ExitStack,
) -> ReferenceAnswers:
    from workbench.exporting.answers import torch_answers
    from workbench.exporting.toolchains import locate_toolchain

    folder, skipped = stack.enter_context(
        torch_answers(
            checkpoint,
            own.samples,
            toolchain=locate_toolchain(data_dir(), python=settings.toolchain_python),
            artifacts_dir=settings.artifacts_folder,
            data_dir=data_dir(),
            on_progress=lambda body: tell({**body, "stage": "answers"}),
            cancellation=cancellation,
        )
    )
    return _with_own(_read(folder, "torch", "own"), own, skipped)


def _of_graph(
    model: MeasuredModel,
    own: OwnSamples | None,
    settings: Settings,
    tell: Tell,
    cancellation: Cancellation | None,
    stack: ExitStack,
) -> ReferenceAnswers:
    """What the fp32 graph answers on the CPU."""
    if "fp32" not in model.variants:
        raise ModelError("receipt-no-reference", model=model.name)
    inputs = tuple(own.samples) if own is not None else built_in(model.task.id)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="workbench-")))
    host = EngineHost(settings.memory_limit_bytes)

    def receive(message: Message) -> None:
        if message.kind == "progress":
            tell(message.body)

    choice: ModelChoice = model.choice("fp32", "cpu")
    body = {
        "model": choice.to_body(),
        "inputs": list(inputs),
        "params": model.params,
        "reference": str(folder),
    }
    try:
        done = host.call(
            "record",
            body,
            doing=Notice.of("doing-record", model=choice.name),
            on_event=receive,
            cancellation=cancellation,
        )
    finally:
        host.close()
    skipped = [(item["index"], item["error"]["message"]) for item in done["skipped"]]
    if own is not None:
        return _with_own(_read(folder, "fp32", "own"), own, skipped)
    told = json.dumps([_named(item) for item in inputs], ensure_ascii=False, sort_keys=True)
    answers = _read(folder, "fp32", "built-in")
    samples = replace(answers.samples, sha256=hashlib.sha256(told.encode()).hexdigest())
    return replace(answers, samples=samples)


def _with_own(answers: ReferenceAnswers, own: OwnSamples, skipped: Sequence[tuple[int, str]]) -> ReferenceAnswers:
    """The same with what is known of the user's samples."""
    named = [(short_input(own.samples[number]), short(reason)) for number, reason in skipped]
    passed = tuple((short(str(name)), short(str(reason))) for name, reason in own.skipped)
    samples = replace(answers.samples, sha256=own.sha256, skipped=(*passed, *named))
    return replace(answers, samples=samples)


def _read(folder: Path, kind: Reference, source: Any) -> ReferenceAnswers:
    found = read_recorded(folder)
    inputs = tuple(sample.input for sample in found.samples)
    return ReferenceAnswers(folder, kind, SampleSet(source, len(inputs), found.sha256), inputs)


def _named(item: Any) -> Any:
    """A built-in sample without the place of its file."""
    if isinstance(item, Mapping):
        return {name: _named(value) for name, value in item.items()}
    return PurePath(item).name if isinstance(item, str) and Path(item).is_absolute() else item
