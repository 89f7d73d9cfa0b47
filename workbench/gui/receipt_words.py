"""What the window says of a receipt's figures: agreement, speed, and both in one short line."""

from __future__ import annotations

from workbench.gui.language import tr
from workbench.gui.provider_names import provider_name
from workbench.receipts.closeness import Closeness
from workbench.receipts.receipt import AS_FAST, Agreed, Receipt, ReceiptRow, times_as_fast
from workbench.receipts.verdicts import rows_of_best_provider

__all__ = [
    "agreement_figure",
    "agreement_number",
    "agreement_tone",
    "agreement_words",
    "differing",
    "further",
    "interval",
    "is_recommended",
    "measured_row",
    "rate",
    "short_verdict",
    "speed_beside_fp32",
    "times",
    "tone_words",
]

NEXT_TOKEN = "same next token"
# The role of the theme's colours.
TONES = {
    Closeness.SAME: "success",
    Closeness.VERY_CLOSE: "success",
    Closeness.CLOSE: "accent",
    Closeness.COARSE: "warning",
    Closeness.FAR: "danger",
}
# What is measured in shares of samples, words or pairs; other measures are plain numbers.
SHARES = ("same label", "same text", "same word", "same answer", "same order", NEXT_TOKEN, "word accuracy")


def agreement_words(near: Closeness) -> str:
    match near:
        case Closeness.SAME:
            return tr("Practically the same")
        case Closeness.VERY_CLOSE:
            return tr("Very close")
        case Closeness.CLOSE:
            return tr("Close")
        case Closeness.COARSE:
            return tr("Noticeable differences")
    return tr("Large differences")


def agreement_tone(agreed: Agreed | None) -> str:
    """The role of the theme's colours for an agreement; ``muted`` where nothing was compared."""
    return TONES[agreed.closeness] if agreed else "muted"


def tone_words(tone: str) -> str:
    """What a tone means at the least."""
    near = min((near for near, its in TONES.items() if its == tone), default=None)
    return tr("Not compared") if near is None else agreement_words(near)


def agreement_number(metric: str, mean: float) -> str:
    """What the number counts, with the number."""
    value = _number(metric, mean)
    match metric:
        case "same label":
            return tr("same label in {percent}% of the samples", percent=value)
        case "same text":
            return tr("same text in {percent}% of the samples", percent=value)
        case "same word":
            return tr("same word in {percent}% of the gaps", percent=value)
        case "same answer":
            return tr("same answer in {percent}% of the samples", percent=value)
        case "same order":
            return tr("{percent}% of the pairs in the same order", percent=value)
        case str() if metric == NEXT_TOKEN:
            return tr("{percent}% of the next tokens", percent=value)
        case "word accuracy":
            return tr("{percent}% of the words", percent=value)
        case "box F1":
            return tr("F1 of the boxes {value}", value=value)
        case "mask IoU":
            return tr("overlap of the masks {value}", value=value)
        case "picture values":
            return tr("{percent}% the same picture", percent=format(100 * mean, ".1f"))
        case "span F1":
            return tr("F1 of the spans {value}", value=value)
        case "spectrum and length":
            return tr("likeness of the sounds {value}", value=value)
    return tr("cosine {value}", value=value) if metric == "cosine" else f"{metric} {value}"


def agreement_figure(agreed: Agreed) -> str:
    """The mean alone, short enough for a label: ``"0.992"``, ``"98.1%"``. What is not quite 1 does not look so."""
    if agreed.metric in SHARES:
        return f"{100 * agreed.mean:.1f}%"
    shown = f"{agreed.mean:.3f}"
    return f"{agreed.mean:.5f}" if shown == "1.000" and agreed.mean < 1 - 5e-6 else shown


def interval(agreed: Agreed) -> str:
    """The ends of the interval, in the unit of :func:`agreement_number`."""
    low, high = (_number(agreed.metric, value) for value in (agreed.low, agreed.high))
    if agreed.metric in SHARES:
        return tr("{low}% to {high}%", low=low, high=high)
    return tr("{low} to {high}", low=low, high=high)


def differing(agreed: Agreed) -> str:
    """``"2 of 26 differ"``, or that none does. A text has hundreds of next tokens, so that one of them is another says
    little of it."""
    if agreed.differing and agreed.metric == NEXT_TOKEN:
        return tr("in {samples} texts", samples=agreed.samples)
    if agreed.differing:
        return tr("{count} of {samples} differ", count=agreed.differing, samples=agreed.samples)
    return tr("all {samples} agree", samples=agreed.samples)


def is_recommended(receipt: Receipt, row: ReceiptRow) -> bool:
    """Whether a row is the recommended variant on the best provider that was measured."""
    best = rows_of_best_provider(receipt.rows)
    return row.precision == receipt.recommended and row.error is None and any(row is item for item in best)


def further(agreed: Agreed) -> list[str]:
    """What else was measured of the answers, in words."""
    said = []
    whole = agreed.extra.get("reference_perplexity", 0.0)
    if "perplexity" in agreed.extra and whole > 0:
        ours = agreed.extra["perplexity"]
        change = f"{100 * (ours / whole - 1):+.1f}".replace("-", "\N{MINUS SIGN}")
        if not change.strip("+\N{MINUS SIGN}0."):
            change = "\N{PLUS-MINUS SIGN}0.0"
        said.append(tr("perplexity {value} ({change}%)", value=format(ours, ".2f"), change=change))
    if "rank_correlation" in agreed.extra:
        said.append(tr("rank correlation {value}", value=format(agreed.extra["rank_correlation"], ".4f")))
    if "box_iou" in agreed.extra:
        said.append(tr("overlap of the boxes {value}", value=format(agreed.extra["box_iou"], ".4f")))
    return said


def rate(per_s: float) -> str:
    """Inputs a second, with as many digits as anyone can use."""
    return f"{per_s:,.0f}" if per_s >= 100 else f"{per_s:.1f}" if per_s >= 1 else f"{per_s:.2f}"


def times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 20 else f"{ratio:.1f}"


def speed_beside_fp32(receipt: Receipt, row: ReceiptRow) -> str:
    """How fast a variant is beside fp32 on the same provider; empty where there is nothing to compare."""
    ratio = times_as_fast(row, receipt.row("fp32", row.provider))
    if row.precision == "fp32" or ratio is None:
        return ""
    if 1 / AS_FAST <= ratio < AS_FAST:
        return tr("as fast as fp32")
    if ratio > 1:
        return tr("{times}× faster than fp32", times=times(ratio))
    return tr("{times}× slower than fp32", times=times(1 / ratio))


def measured_row(receipt: Receipt, precision: str, provider: str) -> ReceiptRow | None:
    """What was measured of a variant: on this provider, else on another."""
    rows = [row for row in receipt.rows if row.precision == precision and row.error is None]
    return next((row for row in rows if row.provider == provider), rows[0] if rows else None)


def short_verdict(receipt: Receipt, precision: str, provider: str) -> str:
    """One line on a variant: ``"int8: 26 of 26 agree, 1.9× faster than fp32"``, ``"q4: 85.0% of the next tokens,
    perplexity 21.12 (+3.1%)"``; empty where it was not measured."""
    row = measured_row(receipt, precision, provider)
    if row is None:
        return ""
    said = []
    if row.agreement and row.agreement.metric == NEXT_TOKEN:
        said += [agreement_number(NEXT_TOKEN, row.agreement.mean), *further(row.agreement)]
    elif row.agreement:
        same = row.agreement.samples - row.agreement.differing
        said.append(tr("{same} of {samples} agree", same=same, samples=row.agreement.samples))
    if speed := speed_beside_fp32(receipt, row):
        said.append(speed)
    if not said:
        return ""
    name = precision if row.provider == provider else f"{precision}, {provider_name(row.provider)}"
    return tr("{variant}: {verdict}", variant=name, verdict=tr(", ").join(said))


def _number(metric: str, value: float) -> str:
    return format(100 * value, ".1f") if metric in SHARES else format(value, ".4f")
