"""Beam search: several texts are made side by side, and the one that is likeliest as a whole is taken.

Equal to ``GenerationMixin._beam_search`` of transformers 4.57 without sampling, for one input: which texts go on,
when one counts as finished, and when the search ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from workbench.errors import EngineError
from workbench.runtime.logits_processors import FloatArray, LogitsProcessor, log_softmax
from workbench.tasks.base import Run

__all__ = ["BeamState", "Beams", "beam_search", "largest"]

# The score of a text that is not to be taken; lower than any real one, and still a number.
NEVER = np.float32(-1e9)
# So many values are looked at together for the largest.
BLOCK = 64


class BeamState(Protocol):
    """One input being decoded into several texts at once."""

    def advance(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        """Take in the prompt; logits float32 [tokens, vocabulary]. Raises Cancelled."""
        ...

    def advance_beams(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        """Take in one further token for each beam; logits float32 [beams, vocabulary]. Raises Cancelled."""
        ...

    def keep(self, beams: Sequence[int]) -> None:
        """Go on with these beams, by their places now; one may go on several times."""
        ...


@dataclass(frozen=True)
class Beams:
    """How to search: ``early_stopping`` True ends as soon as ``count`` texts are finished, False when a text that
    goes on is unlikely to become better than those, ``"never"`` when it cannot. A text's score is divided by its length
    to the power of ``length_penalty``."""

    count: int
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False


@dataclass(frozen=True)
class _Finished:
    tokens: tuple[int, ...]
    score: np.float32
    done: bool


def beam_search(
    state: BeamState,
    prompt: Sequence[int],
    beams: Beams,
    *,
    stop: frozenset[int],
    max_length: int,
    processors: Sequence[LogitsProcessor],
    run: Run,
    on_step: Callable[[Sequence[int]], None] = lambda tokens: None,
) -> list[int]:
    """The tokens after ``prompt`` of the best text, up to and with one of ``stop``.

    ``max_length`` counts the prompt too. ``on_step`` is told the text that leads after each step. Looks for a
    cancellation before each token (raises Cancelled). Raises EngineError when the graph gives no numbers.
    """
    start, count = len(prompt), beams.count
    running = [tuple(prompt)] * count
    # All beams are the same at first: only the first may go on, or they would stay so.
    scores = np.full(count, NEVER, np.float32)
    scores[0] = 0
    finished = [_Finished(tuple(prompt), NEVER, False)] * count
    kept = max(2, 1 + len(stop)) * count
    length = start
    while length < max_length:
        run.cancellation.check()
        if length == start:
            logits = np.repeat(state.advance(prompt, run)[-1:], count, axis=0)
        else:
            logits = state.advance_beams([tokens[-1] for tokens in running], run)
        totals = _totals(logits, running, scores, processors)
        best = largest(totals.ravel(), kept)
        values = totals.ravel()[best]
        parents = best // totals.shape[1]
        texts = [(*running[parent], int(token)) for parent, token in zip(parents, best % totals.shape[1], strict=True)]
        length += 1
        ended = np.array([length >= max_length or tokens[-1] in stop for tokens in texts])
        going = values + ended.astype(np.float32) * NEVER
        order = largest(going, count)
        penalized = values / np.float32((length - start) ** beams.length_penalty)
        finished = _best_finished(finished, texts, penalized, ended)
        scores, running = going[order], [texts[place] for place in order]
        on_step(running[0][start:])
        full = beams.early_stopping is True and all(item.done for item in finished)
        if full or ended.all() or not _can_improve(beams, finished, scores[0], length - start, max_length - start):
            break
        state.keep([int(parents[place]) for place in order] if length > start + 1 else [0] * count)
    return list(finished[0].tokens[start:])


def _totals(
    logits: FloatArray, running: Sequence[tuple[int, ...]], scores: FloatArray, processors: Sequence[LogitsProcessor]
) -> FloatArray:
    """The score of each text with each token behind it, float32 [beams, vocabulary]."""
    if np.isnan(logits).any():
        raise EngineError("graph-not-finite")
    totals = logits.astype(np.float32)  # a copy, which processors may change
    for row, tokens in zip(totals, running, strict=True):
        log_softmax(row)
        for process in processors:
            process(row, tokens)
    totals += scores[:, None]
    return totals


def _best_finished(
    finished: Sequence[_Finished],
    texts: Sequence[tuple[int, ...]],
    scores: FloatArray,
    ended: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> list[_Finished]:
    """The finished texts after this step. Of the new ones only the likeliest ``len(finished)`` count."""
    new = []
    for place, (text, score) in enumerate(zip(texts, scores, strict=True)):
        done = bool(ended[place]) and place < len(finished)
        new.append(_Finished(text, score if done else score + NEVER, done))
    return sorted([*finished, *new], key=lambda item: -item.score)[: len(finished)]


def _can_improve(beams: Beams, finished: Sequence[_Finished], best: np.float32, length: int, longest: int) -> bool:
    """Whether the best text that goes on may become better than the worst finished one, as far as can be told."""
    if beams.early_stopping == "never" and beams.length_penalty > 0:
        length = longest
    hoped = best / np.float32(length**beams.length_penalty)
    worst = min(item.score for item in finished)
    return any(hoped > (worst if item.done else NEVER) for item in finished)


def largest(values: FloatArray, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Places of the largest values, the largest first; of equal ones the first first."""
    count = min(count, len(values))
    if len(values) <= BLOCK * count:
        found = np.arange(len(values))
    else:
        # As many blocks as values are wanted have one that is at least so large: none of those wanted is smaller.
        tops = values[: len(values) // BLOCK * BLOCK].reshape(-1, BLOCK).max(axis=1)
        found = np.flatnonzero(values >= np.partition(tops, -count)[-count])
        if not count <= len(found) <= BLOCK * count:  # most are equal (minus infinity), or no numbers
            found = np.sort(np.argpartition(-values, count - 1)[:count])
    order: np.ndarray[tuple[int], np.dtype[np.int64]] = found[np.argsort(-values[found], kind="stable")][:count]
    return order
