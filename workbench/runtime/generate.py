"""Making text token by token: the loop over a state, whatever graph is behind it and however a token is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from workbench.runtime.cache_feeds import fitting
from workbench.runtime.causal_decoder import CachedState, CausalDecoder, LanguageDecoder
from workbench.runtime.choosing import Chooser, by_chance, likeliest
from workbench.runtime.kept_text import KeptText
from workbench.runtime.logits_processors import FloatArray, LogitsProcessor
from workbench.runtime.prompt_lookup import Lookup
from workbench.runtime.seq2seq_decoder import Seq2SeqDecoder
from workbench.runtime.shared_cache_decoder import SharedCacheDecoder, shared_cache_decoder
from workbench.runtime.text_stream import REPLACEMENT, StopTexts, TextStream
from workbench.tasks.base import Run, SessionLike

__all__ = [
    "REPLACEMENT",
    "CachedState",
    "CausalDecoder",
    "Chooser",
    "DecoderState",
    "KeptText",
    "LanguageDecoder",
    "Lookup",
    "Seq2SeqDecoder",
    "SharedCacheDecoder",
    "StopTexts",
    "TextStream",
    "by_chance",
    "fitting",
    "generate",
    "greedy",
    "language_decoder",
    "likeliest",
    "read_prompt",
    "teacher_forced",
]

# A prompt goes through the graph in parts of this many tokens: longer ones are no faster, and take more memory.
CHUNK = 512
# The logits of a part take no more memory than this, unless the graph can leave them away.
CHUNK_BYTES = 1 << 25


class DecoderState(Protocol):
    """One input being decoded."""

    def advance(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        """Take in further tokens; logits float32 [tokens, vocabulary]. Raises Cancelled."""
        ...


def language_decoder(session: SessionLike, limit: int | None = None) -> LanguageDecoder:
    """The fastest decoder for this graph. ``limit`` is the longest text that the model takes, where that is known.

    Raises ModelError when the graph asks for an input that is not known.
    """
    return shared_cache_decoder(session, limit) or CausalDecoder(session)


def read_prompt(state: CachedState, prompt: Sequence[int], run: Run, chunk: int | None = None) -> FloatArray:
    """Take in what the state has not read of a prompt; the scores of the token after it, float32 [vocabulary].

    What the state holds must be a beginning of the prompt. It goes in by ``chunk`` tokens. Raises Cancelled.
    """
    while True:
        size = chunk or (max(64, min(CHUNK, CHUNK_BYTES // (4 * state.vocabulary))) if state.vocabulary else CHUNK)
        part = prompt[state.length : state.length + size]
        scores: FloatArray = state.advance(part, run, keep=1)[-1]
        if state.length == len(prompt):
            return scores


def generate(
    state: CachedState,
    prompt: Sequence[int],
    *,
    stop: frozenset[int],
    max_length: int,
    choose: Chooser,
    run: Run,
    lookup: Lookup | None = None,
) -> Iterator[int]:
    """The tokens after ``prompt`` as they come, up to and with one of ``stop``.

    ``max_length`` counts the prompt too; ``state`` holds a beginning of it, or nothing. With ``lookup``, which is for
    the likeliest tokens only, several may be found in one step. Looks for a cancellation before each token (raises
    Cancelled). Raises EngineError when the scores leave no token.
    """
    tokens = list(prompt)
    if len(tokens) >= max_length:
        return
    if lookup:
        lookup.begin()
    new = [choose(read_prompt(state, prompt, run), tokens)]
    while True:
        for token in new:
            run.cancellation.check()
            tokens.append(token)
            yield token
            if token in stop or len(tokens) == max_length:
                return
        run.cancellation.check()
        if lookup:
            new = lookup.step(state, tokens, max_length - len(tokens), choose, run)
        else:
            new = [choose(state.advance(tokens[-1:], run)[-1], tokens)]


def greedy(
    state: DecoderState,
    prompt: Sequence[int],
    *,
    stop: frozenset[int],
    max_length: int,
    processors: Sequence[LogitsProcessor],
    run: Run,
) -> Iterator[int]:
    """The tokens after ``prompt`` as they come, always the likeliest one, up to and with one of ``stop``.

    ``max_length`` counts the prompt too. Looks for a cancellation before each token (raises Cancelled). Raises
    EngineError when the scores leave no token.
    """
    choose = likeliest(processors)
    tokens = list(prompt)
    wanted: Sequence[int] = prompt
    while len(tokens) < max_length:
        run.cancellation.check()
        token = choose(state.advance(wanted, run)[-1], tokens)
        tokens.append(token)
        yield token
        if token in stop:
            return
        wanted = (token,)


def teacher_forced(state: DecoderState, token_ids: Sequence[int], run: Run, *, singly: int = 16) -> FloatArray:
    """The logits after each of these tokens, float32 [tokens, vocabulary], whatever the model would have said itself.

    The last ``singly`` tokens (half of them at most) go in one by one, as when text is made, so that the part of the
    graph that works with a cache is used as well.
    """
    first = len(token_ids) - min(singly, len(token_ids) // 2)
    parts = [state.advance(token_ids[:first], run).copy()]
    parts += [state.advance((token,), run).copy() for token in token_ids[first:]]
    return np.concatenate(parts)
