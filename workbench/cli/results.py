"""Results as text for a terminal, one function per type."""

from __future__ import annotations

from workbench.cli.output import table
from workbench.results import (
    Answers,
    Audio,
    Boxes,
    Depth,
    Embedding,
    Fill,
    Fills,
    Labels,
    MadePicture,
    Masks,
    Ranking,
    Result,
    Similarity,
    Spans,
    Text,
    Transcript,
)

__all__ = ["result_text"]

NOTHING = "(nothing found)"
MAX_NUMBERS = 6
MAX_CELL = 40


def result_text(result: Result) -> str:
    """The result as a person reads it; long vectors are cut, ``--json`` has them whole."""
    match result:
        case Labels(labels):
            return table(("label", "score"), [(item.label, f"{item.score:.4f}") for item in labels], right=(1,))
        case Spans():
            return _spans(result)
        case Embedding(vectors, pooled):
            return _embedding(vectors, pooled)
        case Similarity():
            return _similarity(result)
        case Transcript():
            return _transcript(result)
        case Text(text):
            return text
        case Fills():
            return "\n\n".join(_fills(fills) for fills in result.masks)
        case Answers():
            return _answers(result)
        case Ranking():
            ranks = [(f"{rank.score:.4f}", str(rank.index), rank.text) for rank in result.ranks]
            return table(("score", "number", "text"), ranks, right=(0, 1))
        case Boxes():
            return _boxes(result)
        case Masks():
            return _masks(result)
        case Depth(values, unit):
            height, width = values.shape
            return f"depth of {width}×{height} pixels, from {values.min():.4g} to {values.max():.4g} ({unit})"
        case MadePicture():
            return f"a picture of {result.width_px}×{result.height_px} pixels"
        case Audio():
            return f"{result.duration_s:.2f} s of sound at {result.sampling_rate} Hz"


def _spans(result: Spans) -> str:
    rows = [(item.label, item.word, f"{item.score:.4f}", f"{item.start}–{item.end}") for item in result.spans]
    return table(("entity", "text", "score", "characters"), rows, right=(2,)) if rows else NOTHING


def _fills(fills: tuple[Fill, ...]) -> str:
    rows = [(fill.word, f"{fill.score:.4f}", fill.text) for fill in fills]
    return table(("token", "score", "text"), rows, right=(1,))


def _answers(result: Answers) -> str:
    rows = [(item.answer or "(no answer)", f"{item.score:.4f}", f"{item.start}–{item.end}") for item in result.answers]
    return table(("answer", "score", "characters"), rows, right=(1,))


def _boxes(result: Boxes) -> str:
    rows = [
        (box.label, f"{box.score:.4f}", f"{box.xmin:.0f}, {box.ymin:.0f} – {box.xmax:.0f}, {box.ymax:.0f}")
        for box in result.boxes
    ]
    return table(("label", "score", "box (px)"), rows, right=(1,)) if rows else NOTHING


def _embedding(vectors: object, pooled: bool) -> str:
    rows, columns = vectors.shape  # type: ignore[attr-defined]
    kind = "one vector" if pooled else f"{rows} token vectors"
    first = ", ".join(f"{value:.4f}" for value in vectors[0][:MAX_NUMBERS])  # type: ignore[index]
    return f"{kind} of {columns} numbers; the first: [{first}{', …' if columns > MAX_NUMBERS else ''}]"


def _similarity(result: Similarity) -> str:
    if len(result.rows) == 1:
        order = result.scores[0].argsort()[::-1]
        rows = [(f"{result.scores[0][n]:.4f}", result.columns[n]) for n in order]
        return table(("cosine", f"to: {result.rows[0]}"), rows)
    rows_ = [
        (str(n + 1), *(f"{score:.2f}" for score in scores), _cut(result.rows[n]))
        for n, scores in enumerate(result.scores)
    ]
    headings = ("", *(str(n + 1) for n in range(len(result.columns))), "sentence")
    return table(headings, rows_, right=range(len(result.columns) + 1))


def _transcript(result: Transcript) -> str:
    if not result.segments:
        return result.text.strip() or "(no speech)"
    return "\n".join(f"[{_clock(item.start_s)} → {_clock(item.end_s)}] {item.text.strip()}" for item in result.segments)


def _masks(result: Masks) -> str:
    pixels = result.width_px * result.height_px
    rows = [
        (mask.label, "–" if mask.score is None else f"{mask.score:.4f}", f"{(mask.pixels > 0).sum() / pixels:.1%}")
        for mask in result.masks
    ]
    return table(("label", "score", "share of the picture"), rows, right=(1, 2)) if rows else NOTHING


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "  …   "
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes):02d}:{rest:05.2f}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
