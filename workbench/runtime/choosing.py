"""Which token comes next, given the scores of all: the likeliest one, or one drawn by chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from workbench.errors import EngineError
from workbench.runtime.logits_processors import FloatArray, LogitsProcessor

__all__ = ["Chooser", "by_chance", "likeliest"]

# A token out of the scores of the next one, float32 [vocabulary], which it may change, given all tokens so far.
Chooser = Callable[[FloatArray, Sequence[int]], int]


def likeliest(processors: Sequence[LogitsProcessor] = ()) -> Chooser:
    """The token with the highest score; of equal ones the first. Raises EngineError where the scores leave none."""

    def choose(scores: FloatArray, tokens: Sequence[int]) -> int:
        for process in processors:
            process(scores, tokens)
        token = int(scores.argmax())  # of a NaN among the scores, its place
        _check(float(scores[token]))
        return token

    return choose


def by_chance(processors: Sequence[LogitsProcessor], seed: int | None = None) -> Chooser:
    """A token drawn with the probabilities that the scores stand for.

    The same seed gives the same tokens for the same scores; without one they differ each time. Raises EngineError where
    the scores leave no token.
    """
    generator = np.random.default_rng(seed)

    def choose(scores: FloatArray, tokens: Sequence[int]) -> int:
        for process in processors:
            process(scores, tokens)
        highest = float(scores.max())
        _check(highest)
        if highest == math.inf:
            raise EngineError("graph-not-finite")
        possible = np.flatnonzero(scores > -np.inf)
        sums = np.cumsum(np.exp(scores[possible].astype(np.float64) - highest))
        # Rounding can make the drawn number the whole sum, behind which there is nothing.
        place = min(int(np.searchsorted(sums, generator.random() * sums[-1], side="right")), len(possible) - 1)
        return int(possible[place])

    return choose


def _check(highest: float) -> None:
    if math.isnan(highest):
        raise EngineError("graph-not-finite")
    if highest == -math.inf:
        raise EngineError("generation-no-token")
