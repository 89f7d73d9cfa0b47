"""What a receipt comes to, in words: codes with arguments, one sentence a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.errors import Notice
from workbench.receipts.receipt import AS_FAST, Agreed, Receipt, ReceiptRow, times_as_fast

__all__ = [
    "is_of_this_machine",
    "medians_of",
    "rows_of_best_provider",
    "verdicts",
    "verification_of",
]

# The provider that runs where the user names none, best first.
BEST_PROVIDERS = ("cuda", "dml", "cpu")
# A size or a speed that differs by less is told as the same.
SAME_SIZE = 1.05
SAME_PERPLEXITY = 0.0005


def verdicts(receipt: Receipt) -> tuple[Notice, ...]:
    """One sentence for each row, in their order. Speed and size are told by comparison with fp32 on the same provider,
    those of fp32 itself with fp32 on the CPU."""
    several = len({row.provider for row in receipt.rows}) > 1
    best = {id(row) for row in rows_of_best_provider(receipt.rows) if row.precision == receipt.recommended}
    return tuple(_verdict(receipt, row, several=several, recommended=id(row) in best) for row in receipt.rows)


def rows_of_best_provider(rows: Iterable[ReceiptRow]) -> tuple[ReceiptRow, ...]:
    """The rows of the provider that would run: the best of those on which a variant ran without an error."""
    there = tuple(rows)
    asked = {row.provider for row in there if row.error is None} or {row.provider for row in there}
    best = next((name for name in BEST_PROVIDERS if name in asked), None) or next(iter(asked), None)
    return tuple(row for row in there if row.provider == best)


def medians_of(rows: Iterable[ReceiptRow]) -> dict[str, float]:
    """Seconds a run by precision, of rows of one provider."""
    return {row.precision: row.speed.median_s for row in rows if row.speed}


def verification_of(row: ReceiptRow) -> dict[str, Any]:
    """What was measured of answers, in the form of a manifest; nothing where the row has an error."""
    if row.agreement is None or row.error is not None:
        return {}
    agreed = row.agreement
    return {"agreement": {"metric": agreed.metric, "mean": agreed.mean, "extra": dict(agreed.extra)}}


def is_of_this_machine(receipt: Receipt) -> bool:
    """Whether the speeds of a receipt are those of a machine like this one."""
    from workbench.doctor.machine import this_machine  # reads files of the system

    here = this_machine()
    return (receipt.machine.processor, receipt.machine.cores) == (here.processor, here.cores)


def _verdict(receipt: Receipt, row: ReceiptRow, *, several: bool, recommended: bool) -> Notice:
    name: dict[str, Any] = {"precision": row.precision}
    if several:
        name["provider"] = row.provider
    if row.error is not None:
        # A row with an error may have been timed before; what is broken is what counts.
        reason = Notice(str(row.error["code"]), row.error["arguments"])
        failed = {**name, "reason": [_told(reason, row.error)]}
        return Notice("verdict-failed-on" if several else "verdict-failed", failed)
    parts = [*_speed(receipt, row), *_size(receipt, row), *_answers(row.agreement)]
    if recommended:
        parts.append(Notice.of("verdict-recommended"))
    told = {**name, "parts": [part.to_json() for part in parts]}
    return Notice("verdict-on" if several else "verdict", told)


def _told(reason: Notice, error: Mapping[str, Any]) -> dict[str, Any]:
    """The reason as a part of a sentence; in the words of the receipt where this version does not know its code."""
    try:
        str(reason)
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError):  # whatever a stranger wrote
        return Notice.of("verdict-other-reason", reason=str(error["message"])).to_json()
    return reason.to_json()


def _speed(receipt: Receipt, row: ReceiptRow) -> Sequence[Notice]:
    base = receipt.row("fp32", row.provider if row.precision != "fp32" else "cpu")
    factor = times_as_fast(row, base)
    if factor is None or base is row:
        return ()
    if row.precision == "fp32":
        return (Notice.of("verdict-than-cpu", factor=_factor(factor)),)
    if 1 / AS_FAST <= factor < AS_FAST:
        return (Notice.of("verdict-as-fast"),)
    if factor > 1:
        return (Notice.of("verdict-faster", factor=_factor(factor)),)
    return (Notice.of("verdict-slower", factor=_factor(1 / factor)),)


def _size(receipt: Receipt, row: ReceiptRow) -> Sequence[Notice]:
    base = receipt.row("fp32", row.provider)
    if base is None or row.precision == "fp32" or not (base.bytes and row.bytes):
        return ()
    factor = base.bytes / row.bytes
    if factor >= SAME_SIZE:
        return (Notice.of("verdict-smaller", factor=_factor(factor)),)
    if factor <= 1 / SAME_SIZE:
        return (Notice.of("verdict-larger", factor=_factor(1 / factor)),)
    return (Notice.of("verdict-as-large"),)


def _answers(agreed: Agreed | None) -> Sequence[Notice]:
    if agreed is None:
        return ()
    mean, samples, differing = agreed.mean, agreed.samples, agreed.differing
    percent = f"{mean * 100:.1f}"
    match agreed.metric:
        case "same label":
            if differing:
                return (Notice.of("verdict-labels-differ", differing=differing, samples=samples),)
            return (Notice.of("verdict-same-labels", samples=samples),)
        case "cosine":
            return (Notice.of("verdict-cosine", mean=f"{mean:.4f}"),)
        case "same next token":
            told = [Notice.of("verdict-next-tokens", percent=percent) if differing else Notice.of("verdict-same-next")]
            known, got = (agreed.extra.get(name) for name in ("reference_perplexity", "perplexity"))
            if known and got is not None and abs(got / known - 1) >= SAME_PERPLEXITY:
                told.append(Notice.of("verdict-perplexity", change=f"{(got / known - 1) * 100:+.1f}"))
            return told
        case "word accuracy":
            if not differing:
                return (Notice.of("verdict-same", samples=samples),)
            errors = agreed.extra.get("word_error_rate", 1 - mean) * 100
            return (Notice.of("verdict-words", percent=f"{errors:.1f}", samples=samples),)
        case "mask IoU":
            return (Notice.of("verdict-masks", percent=percent),)
    if differing:
        return (Notice.of("verdict-differ", differing=differing, samples=samples),)
    return (Notice.of("verdict-same", samples=samples),)


def _factor(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
