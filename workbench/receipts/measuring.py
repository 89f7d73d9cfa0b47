"""Measuring a receipt: every variant on every provider that works here, each in an engine of its own, with as many
threads as suit it.

A variant that brings the engine down, or a provider that cannot run it, has its error in its row; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import __version__
from workbench.cancellation import Cancellation
from workbench.doctor.machine import this_machine
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import Cancelled, ModelError, Notice, ProviderError, UsageError, WorkbenchError, error_to_wire
from workbench.library.checked_files import checked_files
from workbench.library.published_files import check_files
from workbench.receipts.files import read_receipts, write_receipt
from workbench.receipts.measured_model import MeasuredModel
from workbench.receipts.receipt import Agreed, Receipt, ReceiptRow, Speed, WorstSample
from workbench.receipts.reference_answers import OwnSamples, ReferenceAnswers, reference_answers
from workbench.receipts.verification import is_fast
from workbench.running import placements_of, short_provider
from workbench.settings import Settings, data_dir
from workbench.targets import LAST_RECEIPTS, recommended_by, recommended_of_rows
from workbench.tasks.catalog import check_params
from workbench.thread_choice import ThreadChoices, threads_file
from workbench.thread_measuring import measure_threads
from workbench.wire import Message

if TYPE_CHECKING:
    from workbench.exporting.answers import Checkpoint

__all__ = ["NewReceipt", "agreed_of", "measure", "working_providers"]

Tell = Callable[[Mapping[str, Any]], None]

# How long each variant is timed once it is warm, and on how many of the samples.
TIMING_S = 5.0
TIMED_INPUTS = 16
# With a whole answer of a language model, one sample would take all the time there is.
TIMED_WITH: Mapping[str, Mapping[str, Any]] = {"text-generation": {"max_new_tokens": 32, "do_sample": False}}
FEW_TOKENS: Mapping[str, Mapping[str, Any]] = {"text-generation": {"max_new_tokens": 8, "do_sample": False}}


@dataclass(frozen=True)
class NewReceipt:
    """A receipt that was just measured. ``file`` is None where it was not kept: nothing could be measured,
    or it could not be written, which a warning says."""

    receipt: Receipt
    file: Path | None
    warnings: tuple[Notice, ...] = ()


def measure(
    model: MeasuredModel,
    settings: Settings,
    *,
    own: OwnSamples | None = None,
    checkpoint: Callable[[], Checkpoint],
    providers: Sequence[str] | None = None,
    precisions: Sequence[str] | None = None,
    on_progress: Tell | None = None,
    cancellation: Cancellation | None = None,
) -> NewReceipt:
    """Measure and write a receipt.

    ``providers`` are short names, all that work where there are none; ``own`` replaces the samples that were recorded
    with the export, and ``checkpoint`` then tells what to ask about them. ``on_progress`` gets ``stage`` (``answers``,
    ``time`` or ``verify``), ``done``, ``total`` and ``unit``, and the ``precision`` and ``provider`` that is measured.
    Raises UsageError, ProviderError for a named provider that does not work here, ModelError and InputError where
    there is nothing to compare with or files are not those that were published, Cancelled.
    """
    cancel = cancellation or Cancellation()
    tell = on_progress or (lambda body: None)
    chosen = model.chosen(precisions)
    if model.manifest:
        check_files(model.folder, model.manifest, lambda body: None, cancel, chosen, checked_files(data_dir()))
    with _engine(settings) as host:
        known, version = working_providers(settings, cancel, host)
    asked = _wanted(providers, known)
    with reference_answers(model, own, checkpoint, settings, tell, cancel) as answers:
        if "cpu" in asked and not settings.usable_threads:
            with _engine(settings) as host:
                _know_threads(host, model, chosen, answers, cancel)

        def again(row: ReceiptRow) -> Speed | None:
            return _Row(model, settings, answers, row.precision, row.provider, tell, cancel).speed()

        rows: list[ReceiptRow] = []
        skipped: dict[tuple[str, str], None] = dict.fromkeys(answers.samples.skipped)
        for provider in asked:
            for precision in chosen:
                row, passed_over = _Row(model, settings, answers, precision, provider, tell, cancel).measure()
                rows.append(row)
                skipped |= dict.fromkeys(passed_over)
        rows = [replace(row, speed=_confirmed(row, rows, again)) for row in rows]
        counted = max((row.agreement.samples for row in rows if row.agreement), default=answers.samples.count)
        samples = replace(answers.samples, count=counted, skipped=tuple(skipped))
        receipt = Receipt(
            repo_id=model.repo_id,
            commit=model.commit,
            task=model.task.id,
            created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            machine=this_machine(),
            versions={"workbench": __version__, "onnxruntime": version},
            reference=answers.kind,
            samples=samples,
            rows=tuple(rows),
            recommended="",
        )
        receipt = replace(receipt, recommended=_recommended(model, receipt))
    if all(row.error for row in rows):  # it would stand before one that tells something
        return NewReceipt(receipt, None, answers.warnings)
    try:
        return NewReceipt(receipt, write_receipt(model.receipts, receipt), answers.warnings)
    except OSError as error:
        unwritten = Notice.of("receipt-not-written", folder=model.receipts, reason=error.strerror or error)
        return NewReceipt(receipt, None, (*answers.warnings, unwritten))


def _confirmed(
    row: ReceiptRow, rows: Sequence[ReceiptRow], again: Callable[[ReceiptRow], Speed | None]
) -> Speed | None:
    """The speed of a row. One that seems slower than fp32 on its provider is timed once more, and the better of both
    times counts: other work of the machine must not cost a precision its recommendation."""
    base = next((item.speed for item in rows if (item.precision, item.provider) == ("fp32", row.provider)), None)
    if row.speed is None or base is None or row.error is not None:
        return row.speed
    if is_fast(row.precision, {"fp32": base.median_s, row.precision: row.speed.median_s}):
        return row.speed
    second = again(row)
    return second if second and second.median_s < row.speed.median_s else row.speed


def working_providers(
    settings: Settings, cancellation: Cancellation | None = None, host: EngineHost | None = None
) -> tuple[dict[str, Notice | None], str]:
    """Providers by their short names, each with why it does not work here, None where it does; and the version of
    onnxruntime. Without a ``host`` an engine is started for it."""
    own = None if host else EngineHost(settings.memory_limit_bytes)
    try:
        engine = host or own
        assert engine is not None
        found = engine.call("providers", {}, doing=Notice.of("doing-providers"), cancellation=cancellation)
    finally:
        if own:
            own.close()
    rows = {item["name"]: None if item["works"] else Notice.from_json(item["notice"]) for item in found["providers"]}
    return rows, str(found["onnxruntime"])


def agreed_of(value: Mapping[str, Any]) -> Agreed:
    """The engine's figures (``agreed``)."""
    worst = tuple(WorstSample(**item) for item in value["worst"])
    return Agreed(**{**value, "worst": worst, "extra": dict(value["extra"])})


def _wanted(providers: Sequence[str] | None, known: Mapping[str, Notice | None]) -> tuple[str, ...]:
    if not providers:
        return tuple(name for name, reason in known.items() if reason is None)
    for name in providers:
        if name not in known:
            raise UsageError("provider-unknown", provider=name, known=", ".join(known))
        if known[name] is not None:
            raise ProviderError("provider-not-working", provider=name, reason=known[name])
    return tuple(dict.fromkeys(providers))


def _recommended(model: MeasuredModel, receipt: Receipt) -> str:
    """What ``run`` will take once this receipt is there: of an export, one function says both."""
    if model.manifest is None:
        return recommended_of_rows(receipt.rows)
    before = read_receipts(model.receipts, limit=LAST_RECEIPTS - 1).receipts
    return recommended_by(model.manifest, (receipt, *before)) or ""


@dataclass
class _Row:
    """One variant on one provider, being measured."""

    model: MeasuredModel
    settings: Settings
    answers: ReferenceAnswers
    precision: str
    provider: str
    tell: Tell
    cancellation: Cancellation

    def measure(self) -> tuple[ReceiptRow, tuple[tuple[str, str], ...]]:
        """The row, and the samples that could not be read, each with the reason."""
        row = ReceiptRow(self.precision, self.provider, self.model.bytes_of(self.precision), None, None)
        skipped: tuple[tuple[str, str], ...] = ()
        host = EngineHost(self.settings.memory_limit_bytes)
        try:
            # Timed first: what is compared with would count as the model's memory.
            row = self._timed(host, row)
            row, skipped = self._compared(host, row)
        except Cancelled:
            raise
        except WorkbenchError as error:
            self.cancellation.check()
            row = replace(row, error=error_to_wire(error))
        finally:
            host.close()
        return row, skipped

    def speed(self) -> Speed | None:
        """Only the speed, in a new engine; None where it fails this time."""
        row = ReceiptRow(self.precision, self.provider, 0, None, None)
        host = EngineHost(self.settings.memory_limit_bytes)
        try:
            return self._timed(host, row).speed
        except WorkbenchError:
            self.cancellation.check()
            return None
        finally:
            host.close()

    def _timed(self, host: EngineHost, row: ReceiptRow) -> ReceiptRow:
        choice = self._choice
        timed = TIMED_WITH.get(self.model.shown.id)
        params = check_params(self.model.shown, {**self.model.task.verified_with, **(timed or {})})
        body = {
            "model": choice.to_body(),
            "inputs": _spread(self.answers.inputs),
            "params": params,
            "budget_s": TIMING_S,
            "skip_unreadable": self.answers.samples.kind == "own",
        }
        found = host.call(
            "bench", body, doing=self._doing, on_event=self._receive("time"), cancellation=self.cancellation
        )
        names = ("load_s", "first_s", "median_s", "p95_s", "throughput_per_s", "runs", "peak_memory_bytes")
        speed = Speed(threads=choice.threads, **{name: found[name] for name in names})
        got = tuple(short_provider(name) for name in found["providers"])
        return replace(row, speed=speed, providers_got=got, placements=placements_of(found))

    def _compared(self, host: EngineHost, row: ReceiptRow) -> tuple[ReceiptRow, tuple[tuple[str, str], ...]]:
        body = {
            "model": self._choice.to_body(),
            "reference": str(self.answers.folder),
            "params": self.model.params,
            "skip_unreadable": self.answers.samples.kind == "own",
        }
        found = host.call(
            "verify", body, doing=self._doing, on_event=self._receive("verify"), cancellation=self.cancellation
        )
        agreed = agreed_of(found["agreed"])
        if not _all_finite(agreed, found["outputs"]):
            raise ModelError("receipt-not-finite", precision=self.precision)
        skipped = tuple((item["input"], item["error"]["message"]) for item in found["skipped"])
        return replace(row, agreement=agreed, outputs=found["outputs"]), skipped

    @property
    def _choice(self) -> ModelChoice:
        """As a run has it: with the threads of the setting, else those that were measured for this machine."""
        choice = self.model.choice(self.precision, self.provider, self.settings.usable_threads)
        if self.settings.usable_threads or self.provider != "cpu":
            return choice
        return replace(choice, threads=ThreadChoices(threads_file(data_dir())).known(choice))

    @property
    def _doing(self) -> Notice:
        name = f"{self.model.name} {self.precision}"
        return Notice.of("doing-measure-on", model=name, provider=self.provider)

    def _receive(self, stage: str) -> Callable[[Message], None]:
        def receive(message: Message) -> None:
            if message.kind == "progress":
                where = {"stage": stage, "precision": self.precision, "provider": self.provider}
                self.tell({**message.body, **where})

        return receive


@contextmanager
def _engine(settings: Settings) -> Iterator[EngineHost]:
    """An engine for the length of the block."""
    host = EngineHost(settings.memory_limit_bytes)
    try:
        yield host
    finally:
        host.close()


def _know_threads(
    host: EngineHost,
    model: MeasuredModel,
    precisions: Sequence[str],
    answers: ReferenceAnswers,
    cancellation: Cancellation,
) -> None:
    """With how many threads each variant is best run here, where that is not known: rows are measured so."""
    measure_threads(
        host,
        [model.choice(name, "cpu") for name in precisions],
        _spread(answers.inputs),
        check_params(model.shown, {**model.task.verified_with, **FEW_TOKENS.get(model.shown.id, {})}),
        ThreadChoices(threads_file(data_dir())),
        cancellation,
        skip_unreadable=answers.samples.kind == "own",
    )


def _spread(inputs: Sequence[Any]) -> list[Any]:
    """At most :data:`TIMED_INPUTS` of the samples, from all of their length."""
    count = min(len(inputs), TIMED_INPUTS)
    return [inputs[number * len(inputs) // count] for number in range(count)]


def _all_finite(agreed: Agreed, outputs: Mapping[str, Mapping[str, float]]) -> bool:
    figures: Iterable[float] = (agreed.mean, agreed.low, agreed.high, *agreed.extra.values())
    of_outputs = (value for output in outputs.values() for value in output.values())
    return all(abs(value) <= 1e300 for value in (*figures, *of_outputs))
