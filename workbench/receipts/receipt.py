"""The receipt of an exported model: what each variant answers, and how fast, on one machine. Plain data for any front.

A receipt is one JSON file in the artifact's folder ``receipts/``; published files never change, so each measurement
makes a new one. It tells of the machine what speed depends on, and nothing of its user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from workbench.receipts.closeness import Closeness, closeness

__all__ = [
    "AS_FAST",
    "RECEIPT_SCHEMA",
    "Agreed",
    "Machine",
    "Placement",
    "Receipt",
    "ReceiptRow",
    "SampleSet",
    "Speed",
    "WorstSample",
    "receipt_json",
    "times_as_fast",
]

RECEIPT_SCHEMA = 1
# Up to so much of fp32's time a variant counts as equally fast: two measurements of one graph differ by as much.
AS_FAST = 1.1

Reference = Literal["torch", "fp32"]


@dataclass(frozen=True)
class WorstSample:
    """A sample whose answer is far from the reference's. ``index`` counts from 0 in the order of the samples.

    ``input``, ``got`` and ``wanted`` are short texts to be shown; ``value`` is what the metric gave, 1 for the same.
    """

    index: int
    input: str
    got: str
    wanted: str
    value: float


@dataclass(frozen=True)
class Agreed:
    """How far the answers of a variant agree with the reference's, as :mod:`workbench.tasks.agreement` measures it.

    ``low`` and ``high`` are the ends of a 95 % interval of the mean, by bootstrap over the samples. ``differing``
    counts the samples whose value is below 1 - 1e-6 (for cosines, overlaps of masks, values of pictures and spectra,
    which never come out the same: below 0.99). ``extra`` are further figures by name: ``perplexity`` and
    ``reference_perplexity`` of a language model, ``word_error_rate``, ``rank_correlation``, ``box_iou``.
    """

    metric: str
    mean: float
    low: float
    high: float
    samples: int
    differing: int
    worst: tuple[WorstSample, ...] = ()
    extra: Mapping[str, float] = field(default_factory=dict)

    @property
    def closeness(self) -> Closeness:
        """The figures as a judgement."""
        return closeness(self.mean, self.extra)


@dataclass(frozen=True)
class Speed:
    """Seconds, bytes and inputs a second. ``threads`` 0 is onnxruntime's own choice; ``first_s`` is the first run,
    which warms everything up, and is not among the others."""

    load_s: float
    first_s: float
    median_s: float
    p95_s: float
    throughput_per_s: float
    runs: int
    threads: int
    peak_memory_bytes: int


@dataclass(frozen=True)
class Placement:
    """Where the nodes of one graph ran on one provider, by its short name (``cpu``, ``cuda``, ``dml``).

    ``operators`` counts nodes by operator; ``time_s`` is the time of its nodes in one run, None where that was not
    measured, and ``operator_times_s`` what each operator took of it; onnxruntime runs some operators together, under
    names of its own. ``reason`` says why nodes fell back to it, empty where it is the provider that was asked for;
    ``notice`` is the same as a code with its arguments, None in receipts of older versions.
    """

    graph: str
    provider: str
    nodes: int
    operators: Mapping[str, int] = field(default_factory=dict)
    time_s: float | None = None
    reason: str = ""
    operator_times_s: Mapping[str, float] = field(default_factory=dict)
    notice: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ReceiptRow:
    """One variant on one provider. ``agreement`` and ``speed`` are None where it could not be measured; ``error`` says
    why then. ``outputs``: output → ``{"max_abs_diff", "cosine"}``. ``providers_got`` are short names."""

    precision: str
    provider: str
    bytes: int
    agreement: Agreed | None
    speed: Speed | None
    outputs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    providers_got: tuple[str, ...] = ()
    placements: tuple[Placement, ...] = ()
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Machine:
    """What speed depends on. ``features`` are those of the processor that matter for int8, such as ``avx512_vnni``."""

    system: str
    processor: str
    cores: int
    memory_bytes: int
    features: tuple[str, ...] = ()
    gpu: str = ""


@dataclass(frozen=True)
class SampleSet:
    """What was measured on. ``kind`` is ``built-in`` or ``own``; ``skipped`` lists inputs that could not be read, each
    with the reason."""

    kind: Literal["built-in", "own"]
    count: int
    sha256: str
    skipped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Receipt:
    """``created`` is UTC in ISO 8601; ``reference`` is what the answers were compared with: the torch checkpoint, or
    the fp32 graph where the checkpoint is not at hand. ``recommended`` is a precision."""

    repo_id: str
    commit: str
    task: str
    created: str
    machine: Machine
    versions: Mapping[str, str]
    reference: Reference
    samples: SampleSet
    rows: tuple[ReceiptRow, ...]
    recommended: str
    schema: int = RECEIPT_SCHEMA

    def row(self, precision: str, provider: str | None = None) -> ReceiptRow | None:
        """The row of a variant; without a provider the first of them."""
        return next(
            (row for row in self.rows if row.precision == precision and provider in (None, row.provider)),
            None,
        )


def times_as_fast(row: ReceiptRow, base: ReceiptRow | None) -> float | None:
    """How many times as fast as ``base`` a variant answers the usual input, by the medians of both; None where one of
    them was not timed."""
    if base is None or row.speed is None or base.speed is None:
        return None
    ours_s, theirs_s = row.speed.median_s, base.speed.median_s
    return theirs_s / ours_s if ours_s > 0 and theirs_s > 0 else None


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """The receipt as its file has it, the schema first."""
    value = asdict(receipt)
    return {"schema": value.pop("schema"), **value}
