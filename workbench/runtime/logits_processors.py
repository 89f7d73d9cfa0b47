"""What is done to the scores of the next token before one is chosen, each as transformers 4.57 does it.

Those at the end narrow down what may be drawn by chance; where all of them are wanted, temperature comes first, then
the ``k`` likeliest, the likeliest of a mass, and those that are not far behind the likeliest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

__all__ = [
    "FloatArray",
    "LogitsProcessor",
    "configured",
    "encoder_repetition_penalty",
    "ended_sooner",
    "finite",
    "forbidden_words",
    "forced_at",
    "log_softmax",
    "min_p",
    "no_ngrams_of",
    "no_repeated_ngrams",
    "not_before",
    "repetition_penalty",
    "suppressed",
    "suppressed_at",
    "temperature",
    "top_k",
    "top_p",
]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]

# Changes the scores of the next token, float32 [vocabulary], in place, given all tokens so far.
LogitsProcessor = Callable[[FloatArray, Sequence[int]], None]


def configured(penalty: float, ngram_size: int) -> list[LogitsProcessor]:
    """What a ``generation_config.json`` asks for in greedy decoding too; 1 and 0 stand for nothing."""
    processors = [repetition_penalty(penalty)] if penalty != 1 else []
    return [*processors, no_repeated_ngrams(ngram_size)] if ngram_size else processors


def suppressed(ids: Collection[int]) -> LogitsProcessor:
    """Never one of these tokens."""
    index = np.array(sorted(set(ids)), dtype=np.int64)

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        scores[index[index < len(scores)]] = -np.inf

    return process


def suppressed_at(position: int, ids: Collection[int]) -> LogitsProcessor:
    """None of these tokens at one position, counted from the start of the prompt."""
    suppress = suppressed(ids)

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        if len(tokens) == position:
            suppress(scores, tokens)

    return process


def not_before(length: int, ids: Collection[int]) -> LogitsProcessor:
    """None of these tokens while there are fewer than ``length``, the prompt included."""
    suppress = suppressed(ids)

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        if len(tokens) < length:
            suppress(scores, tokens)

    return process


def forced_at(position: int, ids: Collection[int]) -> LogitsProcessor:
    """One of these tokens, and no other, at one position, counted from the start of the prompt."""
    index = sorted(set(ids))

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        if len(tokens) == position:
            scores[:] = -np.inf
            scores[index] = 0

    return process


def repetition_penalty(penalty: float) -> LogitsProcessor:
    """Make every token that has occurred less likely (Keskar et al. 2019, "CTRL", section 4.1)."""

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        _penalize(scores, np.unique(np.asarray(tokens, dtype=np.int64)), penalty)

    return process


def encoder_repetition_penalty(penalty: float, source: Sequence[int]) -> LogitsProcessor:
    """Make the tokens that the encoder read likelier: a penalty, turned round."""
    seen = np.unique(np.asarray(source, dtype=np.int64))

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        _penalize(scores, seen, 1 / penalty)

    return process


def _penalize(scores: FloatArray, seen: np.ndarray[Any, np.dtype[np.int64]], penalty: float) -> None:
    seen = seen[seen < len(scores)]
    values = scores[seen]
    scores[seen] = np.where(values < 0, values * np.float32(penalty), values / np.float32(penalty))


def no_repeated_ngrams(size: int) -> LogitsProcessor:
    """No sequence of ``size`` tokens twice."""

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        count = len(tokens) - size + 1
        if count > 0:
            seen = np.asarray(tokens, dtype=np.int64)
            again = np.ones(count, dtype=bool)
            for place in range(size - 1):
                again &= seen[place : place + count] == seen[count + place]
            scores[seen[size - 1 :][again]] = -np.inf

    return process


def no_ngrams_of(source: Sequence[int], size: int) -> LogitsProcessor:
    """No sequence of ``size`` tokens that the encoder has read."""
    following: dict[tuple[int, ...], list[int]] = {}
    for start in range(len(source) - size + 1):
        following.setdefault(tuple(source[start : start + size - 1]), []).append(source[start + size - 1])

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        if len(tokens) + 1 >= size:
            scores[following.get(tuple(tokens[len(tokens) - size + 1 :]), [])] = -np.inf

    return process


def forbidden_words(words: Collection[Sequence[int]]) -> LogitsProcessor:
    """None of these sequences: the last token of each is forbidden where the others stand before it."""
    single = suppressed([word[0] for word in words if len(word) == 1])
    longer = [tuple(word) for word in words if len(word) > 1]

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        single(scores, tokens)
        for word in longer:
            # A word longer than all that stands there is not looked at, even where it would be complete now.
            if len(word) <= len(tokens) and tuple(tokens[len(tokens) - len(word) + 1 :]) == word[:-1]:
                scores[word[-1]] = -np.inf

    return process


def ended_sooner(start: int, factor: float, ends: Collection[int]) -> LogitsProcessor:
    """Make the end tokens likelier, by a power of ``factor`` that grows with each token after ``start`` of them."""
    index = sorted(set(ends))

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        if len(tokens) > start:
            scores[index] += np.abs(scores[index]) * np.float32(factor ** (len(tokens) - start) - 1)

    return process


def finite(scores: FloatArray, tokens: Sequence[int]) -> None:
    """No infinity and nothing that is no number."""
    np.nan_to_num(scores, copy=False, nan=0.0)


def log_softmax(scores: FloatArray, tokens: Sequence[int] = ()) -> None:
    """Logits as logarithms of probabilities."""
    scores -= scores.max()
    scores -= np.log(np.exp(scores).sum())


def temperature(value: float) -> LogitsProcessor:
    """Above 1 unlikely tokens become likelier, below 1 less likely."""

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        scores /= np.float32(value)

    return process


def top_k(count: int) -> LogitsProcessor:
    """Only the ``count`` likeliest tokens, and those that are as likely as the last of them."""

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        if count < len(scores):
            scores[scores < np.partition(scores, -count)[-count]] = -np.inf

    return process


def top_p(mass: float) -> LogitsProcessor:
    """Only the likeliest tokens that together have this share of all probability; at least one."""

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        possible = np.flatnonzero(scores > -np.inf)
        order = possible[np.argsort(scores[possible], kind="stable")]  # the least likely first
        chances = np.exp(scores[order] - scores[order[-1:]])
        chances /= chances.sum()
        scores[order[:-1][np.cumsum(chances)[:-1] <= np.float32(1 - mass)]] = -np.inf

    return process


def min_p(share: float) -> LogitsProcessor:
    """Only tokens with at least this share of the likeliest one's probability."""

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        unlikely = chances < np.float32(share) * chances.max()
        unlikely[scores.argmax()] = False
        scores[unlikely] = -np.inf

    return process
