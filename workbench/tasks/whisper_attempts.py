"""When Whisper's text for a window is not to be trusted, and what is tried then.

Section 4.5 of Radford et al. 2022 and the code it came with: a text that repeats itself, or that the model itself
thinks unlikely, is made again by drawing tokens at rising temperatures; where the model thinks that nobody speaks, and
its text is unlikely too, there is none.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.runtime.generate import DecoderState
from workbench.runtime.logits_processors import FloatArray, LogitsProcessor
from workbench.tasks.base import Run

__all__ = ["TEMPERATURES", "Attempt", "Checks", "compression_ratio"]

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Checks:
    """What a text must be like: the limits of the original."""

    most_compression: float = 2.4
    least_log_probability: float = -1.0
    most_silence: float = 0.6


@dataclass
class Attempt:
    """One way to write a window down, at one temperature (0 takes the likeliest token).

    ``start`` decodes the window from its beginning; ``silence`` is the token that stands for "nobody speaks".
    """

    start: DecoderState
    temperature: float
    silence: int
    random: np.random.Generator
    silence_probability: float = 0.0
    tokens: list[int] = field(default_factory=list)
    _scores: FloatArray | None = None
    _sum: float = 0.0
    _count: int = 0

    def advance(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        """See :class:`DecoderState`. The scores of the very first token, the start, tell how likely silence is."""
        first = self._scores is None
        logits = self.start.advance(token_ids, run)
        if first:
            self.silence_probability = float(np.exp(logits[0, self.silence] - _log_sum_exp(logits[0])))
        return logits

    def observing(self) -> LogitsProcessor:
        """The last processor: keeps the scores for :meth:`took`, and puts chance into them where that is wanted."""

        def process(scores: FloatArray, tokens: Sequence[int]) -> None:
            self._scores = scores
            if self.temperature > 0:
                self._scores = scores.copy()
                # The largest of scores with Gumbel noise is a draw from their softmax.
                scores /= np.float32(self.temperature)
                scores += self.random.gumbel(size=len(scores)).astype(np.float32)

        return process

    def took(self, token: int, *, ends: bool) -> None:
        """Count a token that was chosen by the scores just seen; one that ends the text is likely or not as well."""
        if self._scores is not None:
            self._sum += float(self._scores[token]) - _log_sum_exp(self._scores)
            self._count += 1
        if not ends:
            self.tokens.append(token)

    @property
    def log_probability(self) -> float:
        """The mean over the tokens; 0 for none."""
        return self._sum / self._count if self._count else 0.0

    def is_silence(self, checks: Checks) -> bool:
        """Whether nobody speaks: the model says so, and its text is unlikely."""
        return self.silence_probability > checks.most_silence and self.log_probability < checks.least_log_probability

    def fails(self, checks: Checks, decode: Callable[[Sequence[int]], str]) -> bool:
        """Whether the text goes round in circles, or is unlikely."""
        if self.log_probability < checks.least_log_probability:
            return True
        return compression_ratio(decode(self.tokens)) > checks.most_compression


def compression_ratio(text: str) -> float:
    """How many times smaller a text is when it is compressed: large where it repeats itself."""
    data = text.encode("utf-8", "replace")
    return len(data) / len(zlib.compress(data))


def _log_sum_exp(scores: FloatArray) -> float:
    highest = scores.max()
    return float(highest + np.log(np.exp(scores - highest).sum()))
