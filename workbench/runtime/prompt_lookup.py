"""Prompt-lookup decoding: what may follow is guessed from where the last tokens stood before, and checked in one step.

A step over several tokens costs less than as many steps, and gives the scores after each of them: a guess is right
where it is the token that would have been chosen. So the text is that of plain decoding, only sooner where a text
repeats what stands before it (summaries, corrections, code). Where guesses do not pay, they are not made.

A step over several tokens rounds otherwise than one over a single token. A choice out of it counts only where the best
score leads by more than such a difference can be; else that token is chosen again out of a step of its own. Graphs that
round to few bits on the way differ by much more, and what they put into the cache does too: they are not guessed for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from workbench.runtime.causal_decoder import CachedState
from workbench.runtime.choosing import Chooser
from workbench.runtime.logits_processors import FloatArray
from workbench.tasks.base import Run

__all__ = ["Drafts", "Lookup"]

# The longest and the shortest end of a text that is looked for in what stands before it.
LONGEST, SHORTEST = 4, 2
# How many tokens are guessed at once: at first, at least and at most.
FIRST, FEWEST, MOST = 5, 3, 12
# Guessing must be faster than plain decoding by this factor, or it rests.
WORTH = 1.05
# It is judged after so many guesses, and rests for so many tokens, twice as many each time it is found slow again.
TRIAL = 4
REST, LONGEST_REST = 32, 1024
# A lead counts from so many times the largest difference that was seen between the two kinds of steps.
CAUTION = 8.0
# The share of the scores' size below which no difference can be told from rounding.
ROUNDING = 2e-5
# Steps that differ by a larger share of the scores' size do more than round, and would alter the text.
ONLY_ROUNDED = 1e-4
# How much the newest step counts in the mean time of a step.
NEWEST = 0.2


class Drafts:
    """What followed the last place where a text's end stood before."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        # Where the token behind each stretch of tokens stands, the last one.
        self._behind: dict[tuple[int, ...], int] = {}

    def after(self, tokens: Sequence[int], count: int) -> list[int]:
        """What may follow these tokens, ``count`` at most; none where their end is new.

        They must begin with those of the call before. The longest end that is found counts.
        """
        known = self._tokens
        for token in tokens[len(known) :]:
            # Only what something stands behind is put down: an end must not find itself.
            for size in range(SHORTEST, min(LONGEST, len(known)) + 1):
                self._behind[tuple(known[-size:])] = len(known)
            known.append(token)
        for size in range(min(LONGEST, len(known)), SHORTEST - 1, -1):
            place = self._behind.get(tuple(known[-size:]))
            if place is not None:
                return known[place : place + count]
        return []


class Lookup:
    """Steps of plain decoding, or over guesses where those pay, for one model. ``clock`` tells seconds.

    What was learned of the model's steps stays from text to text.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._plain_s = 0.0  # what a step over one token takes, 0 while that is not known
        self._difference = (
            0.0  # the largest difference of scores between the two kinds of steps, relative to their size
        )
        self._compared = False
        self.begin()

    def begin(self) -> None:
        """Forget the text before."""
        self._drafts = Drafts()
        self._count = FIRST
        self._trials, self._trial_tokens, self._trial_s = 0, 0, 0.0
        self._rest, self._next_rest = 0, REST
        self._doubtful: FloatArray | None = None  # scores whose best led by too little

    def step(self, state: CachedState, tokens: Sequence[int], room: int, choose: Chooser, run: Run) -> list[int]:
        """The next tokens, at least one and ``room`` at most, each the one that ``choose`` takes.

        The state has read all of ``tokens`` but the last one, and then so of what is returned. Raises Cancelled.
        """
        guess: list[int] = []
        ready = self._doubtful is None and self._plain_s and self._rest <= 0
        if ready and self._difference <= ONLY_ROUNDED:
            guess = self._drafts.after(tokens, min(self._count, room - 1))
        if guess and not self._compared:
            self._compare(state, tokens, guess, run)
        if not guess or self._difference > ONLY_ROUNDED:
            return [self._plain(state, tokens, choose, run)]
        started = self._clock()
        new = self._checked(state, tokens, guess, choose, run)
        self._judge(len(new), len(guess), self._clock() - started)
        return new or [self._plain(state, tokens, choose, run)]

    def _plain(self, state: CachedState, tokens: Sequence[int], choose: Chooser, run: Run) -> int:
        started = self._clock()
        scores = state.advance(tokens[-1:], run)[-1]
        if self._doubtful is not None:
            self._note_difference(self._doubtful, scores)
            self._doubtful = None
        token = choose(scores, tokens)
        took = self._clock() - started
        self._plain_s = took if not self._plain_s else (1 - NEWEST) * self._plain_s + NEWEST * took
        self._rest -= 1
        return token

    def _checked(
        self, state: CachedState, tokens: Sequence[int], guess: Sequence[int], choose: Chooser, run: Run
    ) -> list[int]:
        """The tokens that a step over a guess finds; none where the first cannot be told for sure."""
        before = state.length
        text, new = list(tokens), []
        for place, scores in enumerate(state.advance([tokens[-1], *guess], run)):
            unchanged = scores.copy()
            token = choose(scores, text)
            best, scores[token] = scores[token], -np.inf
            if best - scores.max() <= self._unsure(unchanged):
                self._doubtful = unchanged
                break
            text.append(token)
            new.append(token)
            if place == len(guess) or token != guess[place]:
                break
        state.rewind(before + len(new))
        return new

    def _compare(self, state: CachedState, tokens: Sequence[int], guess: Sequence[int], run: Run) -> None:
        """Learn how far the two kinds of steps are apart for this model."""
        before = state.length
        single = state.advance(tokens[-1:], run)[-1].copy()
        state.rewind(before)
        self._note_difference(state.advance([tokens[-1], *guess], run)[0], single)
        state.rewind(before)
        self._compared = True

    def _note_difference(self, several: FloatArray, single: FloatArray) -> None:
        both = np.isfinite(several) & np.isfinite(single)
        apart = float(np.abs(several[both] - single[both]).max(initial=0))
        self._difference = max(self._difference, apart / max(_size(single), 1e-9))

    def _unsure(self, scores: FloatArray) -> float:
        return _size(scores) * max(ROUNDING, CAUTION * self._difference)

    def _judge(self, found: int, guessed: int, took_s: float) -> None:
        if found > guessed:
            self._count = min(MOST, 2 * self._count)
        elif found <= guessed // 2:
            self._count = max(FEWEST, self._count - 2)
        self._trials += 1
        self._trial_tokens += found
        self._trial_s += took_s
        if self._trials == TRIAL:
            if self._trial_tokens * self._plain_s < WORTH * self._trial_s:
                self._rest, self._next_rest = self._next_rest, min(2 * self._next_rest, LONGEST_REST)
            else:
                self._next_rest = REST
            self._trials, self._trial_tokens, self._trial_s = 0, 0, 0.0


def _size(scores: FloatArray) -> float:
    """The largest magnitude among scores; some may be minus infinity."""
    return float(np.abs(scores[np.isfinite(scores)]).max(initial=0))
