"""Making text token by token: decoders with a cache, and the loop that always takes the likeliest token.

A :class:`DecoderState` is one input being decoded; it remembers the keys and values of the tokens it has seen. Graphs
are fed by the names and types they ask for, so the same loop serves every precision and both of Optimum's layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from workbench.errors import EngineError
from workbench.runtime.cache_feeds import PAST, as_past, check_inputs, empty_past, fitting, logits_and_cache
from workbench.runtime.logits_processors import FloatArray, LogitsProcessor
from workbench.runtime.seq2seq_decoder import Seq2SeqDecoder
from workbench.tasks.base import Array, Run, SessionLike

__all__ = [
    "CausalDecoder",
    "DecoderState",
    "Seq2SeqDecoder",
    "TextStream",
    "fitting",
    "greedy",
    "teacher_forced",
]

# What byte-level decoders put in the place of bytes that are no whole character.
REPLACEMENT = "\ufffd"


class DecoderState(Protocol):
    """One input being decoded."""

    def advance(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        """Take in further tokens; logits float32 [tokens, vocabulary]. Raises Cancelled."""
        ...


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
    EngineError when the graph gives no numbers.
    """
    tokens = list(prompt)
    wanted: Sequence[int] = prompt
    while len(tokens) < max_length:
        run.cancellation.check()
        scores = state.advance(wanted, run)[-1]
        for process in processors:
            process(scores, tokens)
        token = int(scores.argmax())  # of a NaN among the scores, its place
        if np.isnan(scores[token]):
            raise EngineError("graph-not-finite")
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
    parts = [state.advance(token_ids[:first], run)]
    parts += [state.advance((token,), run) for token in token_ids[first:]]
    return np.concatenate(parts)


class TextStream:
    """Text of tokens that come one at a time, by whole characters.

    A token may hold a part of a character, and what it adds may depend on its neighbours (a space that opens a text is
    dropped by some tokenizers): new text is what the tokens since the last whole character add behind those before.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], before: Sequence[int] = ()) -> None:
        self._decode = decode
        self._tokens = list(before)
        self._settled = 0  # tokens before this one are not needed any more
        self._read = len(before)  # the text of tokens before this one is given out
        self.text = ""

    def add(self, token: int) -> str:
        """What this token adds to :attr:`text`, which may be nothing yet."""
        self._tokens.append(token)
        known = self._decode(self._tokens[self._settled : self._read])
        now = self._decode(self._tokens[self._settled :])
        if len(now) <= len(known) or now.endswith(REPLACEMENT):
            return ""
        self._settled, self._read = self._read, len(self._tokens)
        self.text += now[len(known) :]
        return now[len(known) :]


class CausalDecoder:
    """A decoder-only model: one graph, with the cache as inputs (``text-generation-with-past``) or without any."""

    def __init__(self, session: SessionLike) -> None:
        """Raises ModelError when the graph asks for an input that is not known here."""
        self.session = session
        check_inputs(session, {"input_ids", "attention_mask", "position_ids", "cache_position", "use_cache_branch"})
        self.has_past = any(name.startswith(PAST) for name in session.input_names)

    def start(self) -> CausalState:
        return CausalState(self)


class CausalState:
    """See :class:`DecoderState`."""

    def __init__(self, decoder: CausalDecoder) -> None:
        self._decoder = decoder
        self._past: dict[str, Array] = {}
        self._seen: list[int] = []

    def advance(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        session, has_past = self._decoder.session, self._decoder.has_past
        self._seen += token_ids
        length = len(self._seen)
        taken = np.array([token_ids if has_past else self._seen], dtype=np.int64)
        positions = np.arange(length - taken.shape[1], length, dtype=np.int64)
        feeds = {
            "input_ids": taken,
            "attention_mask": np.ones((1, length), dtype=np.int64),
            "position_ids": positions[None],
            "cache_position": positions,
            "use_cache_branch": np.array([bool(self._past)]),
            **(self._past or empty_past(session)),
        }
        wanted = session.output_names if has_past else ("logits",)
        outputs = session.run(fitting(session, feeds), run, logits_and_cache(wanted))
        self._past = as_past(outputs)
        logits: FloatArray = outputs["logits"][0, -len(token_ids) :].astype(np.float32, copy=False)
        return logits
