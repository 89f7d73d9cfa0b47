"""How far an answer agrees with the reference's answer, as one number in [0, 1] per kind of result."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.results import (
    Answers,
    Audio,
    Embedding,
    Fill,
    Fills,
    Labels,
    Ranking,
    Result,
    Similarity,
    Spans,
    Text,
    Transcript,
)
from workbench.runtime.spectrum import mean_spectrum
from workbench.tasks.base import Array

__all__ = ["Agreement", "agreement", "cosine", "sound_agreement", "word_error_rate"]


@dataclass(frozen=True)
class Agreement:
    """``metric`` names the measure; ``value`` is 1 for the same answer (a cosine may fall to -1)."""

    metric: str
    value: float


def agreement(got: Result, wanted: Result) -> Agreement:
    """The measure that fits the kind of result.

    Labels: the same label comes first. Spans: F1 of (label, start, end). Embedding, Similarity: mean cosine of the
    vectors. Transcript: 1 - word error rate, at least 0. Text: the texts are the same. Fills: the share of masks with
    the same token first. Answers: the same stretch comes first. Ranking: the share of pairs of texts that stand in the
    same order. Audio: cosine of the mean spectra, times the shorter length by the longer.
    """
    match got, wanted:
        case Labels(), Labels():
            return Agreement("same label", float(_top(got) == _top(wanted)))
        case Spans(), Spans():
            ours, theirs = ({(s.label, s.start, s.end) for s in spans.spans} for spans in (got, wanted))
            return Agreement("span F1", 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours or theirs else 1.0)
        case Embedding(), Embedding():
            pairs = zip(got.vectors, wanted.vectors, strict=True)
            return Agreement("cosine", float(np.mean([cosine(a, b) for a, b in pairs])))
        case Similarity(), Similarity():
            return Agreement("cosine", cosine(got.scores, wanted.scores))
        case Transcript(), Transcript():
            return Agreement("word accuracy", max(0.0, 1 - word_error_rate(got.text, wanted.text)))
        case Fills(), Fills():
            same = [_first(a) == _first(b) for a, b in zip(got.masks, wanted.masks, strict=True)]
            return Agreement("same word", float(np.mean(same)))
        case Answers(), Answers():
            best = [(item.answers[0].start, item.answers[0].end) if item.answers else None for item in (got, wanted)]
            return Agreement("same answer", float(best[0] == best[1]))
        case Ranking(), Ranking():
            return Agreement("same order", _same_order(got, wanted))
        case Text(), Text():
            return Agreement("same text", float(got.text == wanted.text))
        case Audio(), Audio():
            spectra = mean_spectrum(got.samples), mean_spectrum(wanted.samples)
            return sound_agreement(*spectra, got.duration_s, wanted.duration_s)
    raise TypeError(f"{type(got).__name__} cannot be compared with {type(wanted).__name__}")


def sound_agreement(a: Array, b: Array, a_s: float, b_s: float) -> Agreement:
    """Of two sounds by their mean spectra and their lengths in seconds."""
    longer_s = max(a_s, b_s)
    return Agreement("spectrum and length", cosine(a, b) * (min(a_s, b_s) / longer_s if longer_s else 1.0))


def cosine(a: Array, b: Array) -> float:
    """Cosine of two arrays taken as vectors; 1 for two zero vectors, 0 for one, NaN where a number is not finite."""
    x, y = (np.asarray(value, np.float64).ravel() for value in (a, b))
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    if norms == 0:
        return float(np.linalg.norm(x) == np.linalg.norm(y))
    return float(x @ y) / norms


def word_error_rate(got: str, wanted: str) -> float:
    """Levenshtein distance over words, by the number of wanted words; case and punctuation do not count."""
    ours, theirs = _words(got), _words(wanted)
    if not theirs:
        return float(bool(ours))
    return _distance(ours, theirs) / len(theirs)


def _first(fills: Sequence[Fill]) -> int | None:
    return fills[0].token if fills else None


def _same_order(got: Ranking, wanted: Ranking) -> float:
    """The share of pairs of texts of which the same one stands first; 1 where there are no pairs."""
    ours, theirs = ({rank.index: place for place, rank in enumerate(item.ranks)} for item in (got, wanted))
    pairs = list(itertools.combinations(sorted(ours.keys() & theirs.keys()), 2))
    return float(np.mean([(ours[a] < ours[b]) == (theirs[a] < theirs[b]) for a, b in pairs])) if pairs else 1.0


def _top(labels: Labels) -> str | None:
    return labels.labels[0].label if labels.labels else None


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split()


def _distance(a: Sequence[str], b: Sequence[str]) -> int:
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]
