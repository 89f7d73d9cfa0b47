"""An artifact proves itself where it lands: its files are those that were published, and each variant answers on this
machine as the checkpoint did, without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.errors import Cancelled, ModelError, Notice, UsageError, WorkbenchError, error_to_wire
from workbench.library.checked_files import checked_files
from workbench.library.manifest import Manifest
from workbench.library.published_files import check_files
from workbench.providers import PROVIDERS, short_provider
from workbench.receipts.closeness import MIN_MEAN_CLOSE
from workbench.receipts.measured_model import MeasuredModel
from workbench.receipts.measuring import agreed_of, working_providers
from workbench.receipts.receipt import Agreed
from workbench.settings import Settings, data_dir
from workbench.wire import Message

__all__ = ["Proof", "ProofRow", "prove"]

Tell = Callable[[Mapping[str, Any]], None]

# Where the export itself measured less than is asked for, an artifact may come so near to that: processors round
# differently, and so do providers.
LEEWAY = 0.02


@dataclass(frozen=True)
class ProofRow:
    """One variant on one provider. ``least`` is the agreement that it must have, ``recorded`` what the export measured,
    None where it did not. ``agreement`` is None where it could not be run; ``error`` says why."""

    precision: str
    provider: str
    providers_got: tuple[str, ...]
    agreement: Agreed | None
    least: float
    recorded: float | None
    error: WorkbenchError | None = None

    @property
    def holds(self) -> bool:
        return self.agreement is not None and self.agreement.mean >= self.least

    def to_json(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "provider": self.provider,
            "providers_got": list(self.providers_got),
            "agreement": asdict(self.agreement) if self.agreement else None,
            "least": self.least,
            "recorded": self.recorded,
            "holds": self.holds,
            "error": error_to_wire(self.error) if self.error else None,
        }


@dataclass(frozen=True)
class Proof:
    """``files`` were compared with the hashes of the manifest, ``bytes`` in all."""

    model: MeasuredModel
    files: int
    bytes: int
    rows: tuple[ProofRow, ...]

    @property
    def holds(self) -> bool:
        return bool(self.rows) and all(row.holds for row in self.rows)

    @property
    def failure(self) -> WorkbenchError | None:
        """Why it does not hold, in one line: of several variants the first."""
        for row in self.rows:
            where = {"precision": row.precision, "provider": row.provider}
            if row.error:
                return ModelError("proof-not-run", **where, reason=row.error)
            if row.agreement and not row.holds:
                figures = {"mean": f"{row.agreement.mean:.4f}", "least": f"{row.least:.4f}"}
                return ModelError("proof-under-threshold", **where, metric=row.agreement.metric, **figures)
        return None

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model.repo_id,
            "commit": self.model.commit,
            "task": self.model.task.id,
            "folder": str(self.model.folder),
            "files": self.files,
            "bytes": self.bytes,
            "holds": self.holds,
            "rows": [row.to_json() for row in self.rows],
        }


def prove(
    model: MeasuredModel,
    settings: Settings,
    *,
    precisions: Sequence[str] | None = None,
    providers: Sequence[str] | None = None,
    threshold: float | None = None,
    on_progress: Tell | None = None,
    cancellation: Cancellation | None = None,
) -> Proof:
    """Check the files, then run the recorded samples on each variant and provider.

    Without ``threshold`` it is :data:`MIN_MEAN_CLOSE`, or near to what the export measured where that is less. Raises
    ModelError for files that are not those of the manifest and for an artifact without recorded answers, UsageError,
    Cancelled.
    """
    cancel = cancellation or Cancellation()
    tell = on_progress or (lambda body: None)
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError("usage-bad-threshold", value=threshold)
    chosen = model.chosen(precisions)
    if model.manifest is None or not model.has_reference:
        raise ModelError("proof-no-reference", model=model.name)
    files = check_files(model.folder, model.manifest, tell, cancel, checked=checked_files(data_dir()))
    asked = _asked(settings, providers, cancel)
    rows = []
    for provider in asked:
        for precision in chosen:
            recorded = _recorded(model.manifest, precision)
            rows.append(_row(model, settings, precision, provider, _least(recorded, threshold), recorded, tell, cancel))
    return Proof(model, files, model.manifest.bytes, tuple(rows))


def _asked(settings: Settings, providers: Sequence[str] | None, cancellation: Cancellation) -> tuple[str, ...]:
    """The providers by their short names: those that are named, else the one of the settings."""
    named = list(providers or (settings.provider,))
    if named == ["auto"]:
        known, _ = working_providers(settings, cancellation)
        working = [name for name, reason in known.items() if reason is None]
        return tuple(name for name in ("cuda", "dml", "cpu") if name in working)[:1] or ("cpu",)
    for name in named:
        if name not in PROVIDERS:
            raise UsageError("provider-unknown", provider=name, known=", ".join(PROVIDERS))
    return tuple(dict.fromkeys(named))


def _recorded(manifest: Manifest, precision: str) -> float | None:
    variant = manifest.variant(precision)
    agreement = variant.verification.get("agreement") if variant else None
    return float(agreement["mean"]) if agreement else None


def _least(recorded: float | None, threshold: float | None) -> float:
    if threshold is not None:
        return threshold
    if recorded is None or recorded >= MIN_MEAN_CLOSE:
        return MIN_MEAN_CLOSE
    return recorded - LEEWAY


def _row(
    model: MeasuredModel,
    settings: Settings,
    precision: str,
    provider: str,
    least: float,
    recorded: float | None,
    tell: Tell,
    cancellation: Cancellation,
) -> ProofRow:
    def receive(message: Message) -> None:
        if message.kind == "progress":
            tell({**message.body, "precision": precision, "provider": provider})

    choice = model.choice(precision, provider, settings.usable_threads)
    body = {"model": choice.to_body(), "reference": str(model.folder / "reference"), "params": model.params}
    host = EngineHost(settings.memory_limit_bytes)
    try:
        doing = Notice.of("doing-verify-on", model=choice.name, provider=provider)
        found = host.call("verify", body, doing=doing, on_event=receive, cancellation=cancellation)
    except Cancelled:
        raise
    except WorkbenchError as error:
        cancellation.check()
        return ProofRow(precision, provider, (), None, least, recorded, error)
    finally:
        host.close()
    got = tuple(short_provider(name) for name in found["providers"])
    return ProofRow(precision, provider, got, agreed_of(found["agreed"]), least, recorded)
