"""How far an answer agrees with the reference's answer, as one number in [0, 1] per kind of result."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.results import (
    Answers,
    Audio,
    Box,
    Boxes,
    Depth,
    Embedding,
    Fill,
    Fills,
    Labels,
    MadePicture,
    Mask,
    Masks,
    Ranking,
    Result,
    Similarity,
    Spans,
    Text,
    Transcript,
)
from workbench.runtime.spectrum import mean_spectrum
from workbench.tasks.base import Array

__all__ = [
    "Agreement",
    "agreement",
    "box_overlap",
    "cosine",
    "further_figures",
    "mask_overlap",
    "rank_correlation",
    "sound_agreement",
    "word_error_rate",
]

LEAST_OVERLAP = 0.5
# A mean difference of this, a fifth of what 8 bits can tell, is another picture; of a step or two, nobody sees it.
VISIBLE = 51


@dataclass(frozen=True)
class Agreement:
    """``metric`` names the measure; ``value`` is 1 for the same answer (a cosine may fall to -1)."""

    metric: str
    value: float


def agreement(got: Result, wanted: Result) -> Agreement:
    """The measure that fits the kind of result.

    Labels: the same label comes first. Spans: F1 of (label, start, end). Embedding, Similarity: mean cosine of the
    vectors. Boxes: F1 of boxes with the same label that overlap by at least half (intersection over union), matched
    the surest first. Masks: mean overlap of masks with the same label, 0 for one without a partner. Depth: cosine of
    the maps. Transcript: 1 - word error rate, at least 0. Text: the texts are the same. Fills: the share of masks with
    the same token first. Answers: the same stretch comes first. Ranking: the share of pairs of texts that stand in the
    same order. MadePicture: see :func:`_same_values`. Audio: cosine of the mean
    spectra, times the shorter length by the longer.
    """
    match got, wanted:
        case Labels(), Labels():
            return Agreement("same label", float(_top(got) == _top(wanted)))
        case Spans(), Spans():
            ours, theirs = ({(s.label, s.start, s.end) for s in spans.spans} for spans in (got, wanted))
            return Agreement("span F1", 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours or theirs else 1.0)
        case Boxes(), Boxes():
            return Agreement("box F1", _box_f1(got.boxes, wanted.boxes))
        case Masks(), Masks():
            return Agreement("mask IoU", _mask_overlap(got.masks, wanted.masks))
        case Depth(), Depth():
            return Agreement("cosine", cosine(got.values, wanted.values))
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
        case MadePicture(), MadePicture():
            return Agreement("picture values", _same_values(got.pixels, wanted.pixels))
        case Audio(), Audio():
            spectra = mean_spectrum(got.samples), mean_spectrum(wanted.samples)
            return sound_agreement(*spectra, got.duration_s, wanted.duration_s)
    raise TypeError(f"{type(got).__name__} cannot be compared with {type(wanted).__name__}")


def further_figures(got: Result, wanted: Result) -> dict[str, tuple[float, float]]:
    """What else is told of two results of one kind: name → (value, its weight in a mean over samples).

    Transcripts and texts: ``word_error_rate``, weighted by wanted words, so that its mean is that of all words.
    Rankings: ``rank_correlation`` of the scores (Spearman). Boxes: ``box_iou``, the mean overlap of those that match.
    """
    match got, wanted:
        case Transcript(ours), Transcript(theirs):
            return _word_errors(ours, theirs)
        case Text(ours), Text(theirs):
            return _word_errors(ours, theirs)
        case Ranking(), Ranking():
            by_index = [{rank.index: rank.score for rank in item.ranks} for item in (got, wanted)]
            both = sorted(by_index[0].keys() & by_index[1].keys())
            if len(both) > 1:
                scores = ([item[index] for index in both] for item in by_index)
                return {"rank_correlation": (rank_correlation(*map(np.array, scores)), 1)}
        case Boxes(), Boxes():
            overlaps = _matches(got.boxes, wanted.boxes)
            if overlaps:
                return {"box_iou": (float(np.mean(overlaps)), len(overlaps))}
    return {}


def _word_errors(ours: str, theirs: str) -> dict[str, tuple[float, float]]:
    return {"word_error_rate": (word_error_rate(ours, theirs), max(1, len(_words(theirs))))}


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's: the correlation of ranks, equal values sharing theirs; 1 for two constant rows, 0 for one."""
    ranks = [_ranks(np.asarray(values, np.float64).ravel()) for values in (a, b)]
    return cosine(*(rank - rank.mean() for rank in ranks))


def _ranks(values: Array) -> Array:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles: Array = np.cumsum(counts) - (counts - 1) / 2
    return middles[place]


def _same_values(ours: Array, theirs: Array) -> float:
    """1 - the mean difference of 8-bit values by :data:`VISIBLE`, at least 0; 0 for pictures of different sizes."""
    if ours.shape != theirs.shape:
        return 0.0
    return max(0.0, 1 - float(np.mean(np.abs(ours.astype(np.int16) - theirs))) / VISIBLE)


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


def box_overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 for one without area."""
    width = min(a.xmax, b.xmax) - max(a.xmin, b.xmin)
    height = min(a.ymax, b.ymax) - max(a.ymin, b.ymin)
    shared = max(0.0, width) * max(0.0, height)
    both = sum((box.xmax - box.xmin) * (box.ymax - box.ymin) for box in (a, b)) - shared
    return shared / both if both > 0 else 0.0


def _box_f1(ours: Sequence[Box], theirs: Sequence[Box]) -> float:
    matched = len(_matches(ours, theirs))
    return 2 * matched / (len(ours) + len(theirs)) if ours or theirs else 1.0


def _matches(ours: Sequence[Box], theirs: Sequence[Box]) -> list[float]:
    """The overlaps of boxes with the same label that overlap by at least half, the surest matched first."""
    free, overlaps = list(theirs), []
    for box in ours:
        same = [other for other in free if other.label == box.label]
        best = max(same, key=lambda other: box_overlap(box, other), default=None)
        if best is not None and box_overlap(box, best) >= LEAST_OVERLAP:
            free.remove(best)
            overlaps.append(box_overlap(box, best))
    return overlaps


def mask_overlap(a: Mask, b: Mask) -> float:
    """Intersection over union of what is inside two masks of one size; 1 for two empty ones."""
    x, y = a.pixels > 0, b.pixels > 0
    both = int((x | y).sum())
    return int((x & y).sum()) / both if both else 1.0


def _mask_overlap(ours: Sequence[Mask], theirs: Sequence[Mask]) -> float:
    free, shared = list(range(len(theirs))), 0.0
    for mask in ours:
        overlaps = {n: mask_overlap(mask, theirs[n]) for n in free if theirs[n].label == mask.label}
        best = max(overlaps, key=overlaps.__getitem__, default=None)
        if best is not None:
            free.remove(best)
            shared += overlaps[best]
    pairs = max(len(ours), len(theirs))
    return shared / pairs if pairs else 1.0


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split()


def _distance(a: Sequence[str], b: Sequence[str]) -> int:
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]
