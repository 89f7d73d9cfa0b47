"""Inputs and answers in a few words, for tables in which many stand below each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from workbench.results import (
    Answers,
    Audio,
    Boxes,
    Depth,
    Embedding,
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

__all__ = ["MAX_CHARACTERS", "short", "short_answer", "short_input"]

MAX_CHARACTERS = 120
# Of a vector, and of the parts of an answer, only the first are told.
NUMBERS = 4
PARTS = 6


def short(text: str) -> str:
    """One line of at most :data:`MAX_CHARACTERS`."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 1] + "…"


def short_input(item: Any) -> str:
    """An input; of a file its name alone, which tells nothing of where a user keeps it."""
    if isinstance(item, Mapping):
        return short(" | ".join(short_input(value) for value in item.values()))
    if isinstance(item, (list, tuple)):
        return short(", ".join(map(short_input, item)))
    text = str(item)
    path = PurePath(text)
    is_file = (path.is_absolute() or text.startswith("media/")) and path.suffix and "\n" not in text
    return short(path.name if is_file else text)


def short_answer(result: Result) -> str:
    """An answer; of numbers only so many as tell two of them apart."""
    match result:
        case Labels(labels):
            return f"{labels[0].label} ({labels[0].score:.1%})" if labels else "–"
        case Spans(spans):
            return _list(f"{span.word} ({span.label})" for span in spans)
        case Boxes():
            return _list(f"{box.label} at {box.xmin:.0f}, {box.ymin:.0f}" for box in result.boxes)
        case Masks():
            return _list(f"{mask.label} {(mask.pixels > 0).mean():.1%}" for mask in result.masks)
        case Transcript() | Text():
            return short(result.text.strip()) or "–"
        case Fills(masks):
            return _list(fills[0].word.strip() if fills else "–" for fills in masks)
        case Answers(answers=answers):
            return short(answers[0].answer) if answers and answers[0].answer else "–"
        case Ranking(ranks=ranks):
            return _list(str(rank.index + 1) for rank in ranks)
        case Embedding(vectors):
            return _numbers(vectors[0])
        case Similarity(scores=scores):
            return _numbers(scores[0])
        case Depth(values, unit):
            return f"{values.min():.4g} to {values.max():.4g} ({unit})"
        case MadePicture(pixels):
            return f"{result.width_px}×{result.height_px} pixels, mean value {pixels.mean():.1f}"
        case Audio():
            return f"{result.duration_s:.2f} s of sound"


def _list(parts: Iterable[str]) -> str:
    told = list(parts)
    return short(", ".join(told[:PARTS]) + (f", … ({len(told)})" if len(told) > PARTS else "")) or "–"


def _numbers(vector: Any) -> str:
    return " ".join(f"{value:.3f}" for value in vector[:NUMBERS]) + (" …" if len(vector) > NUMBERS else "")
