"""Results as text for a terminal, one function per type."""

from __future__ import annotations

from workbench.cli.output import table
from workbench.results import Embedding, Labels, Result, Similarity, Spans, Text, Transcript

__all__ = ["result_text"]

MAX_NUMBERS = 6
MAX_CELL = 40


def result_text(result: Result) -> str:
    """The result as a person reads it; long vectors are cut, ``--json`` has them whole."""
    match result:
        case Labels(labels):
            return table(("label", "score"), [(item.label, f"{item.score:.4f}") for item in labels], right=(1,))
        case Spans(spans):
            rows = [(item.label, item.word, f"{item.score:.4f}", f"{item.start}–{item.end}") for item in spans]
            return table(("entity", "text", "score", "characters"), rows, right=(2,)) if rows else "(nothing found)"
        case Embedding(vectors, pooled):
            return _embedding(vectors, pooled)
        case Similarity():
            return _similarity(result)
        case Transcript():
            return _transcript(result)
        case Text(text):
            return text


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


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "  …   "
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes):02d}:{rest:05.2f}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
