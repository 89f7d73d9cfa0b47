"""Making text token by token: decoders with a cache, and what is done to the scores before the next token is chosen.

A :class:`DecoderState` is one input being decoded; it remembers the keys and values of the tokens it has seen. Graphs
are fed by the names and types they ask for, so the same loop serves every precision and both of Optimum's layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from workbench.errors import EngineError, ModelError
from workbench.tasks.base import Array, Run, SessionLike

__all__ = [
    "CausalDecoder",
    "DecoderState",
    "LogitsProcessor",
    "Seq2SeqDecoder",
    "forced_tokens",
    "greedy",
    "no_repeated_ngrams",
    "repetition_penalty",
    "suppressed",
    "suppressed_at",
]

PAST = "past_key_values."
PRESENT = "present."

FloatArray = np.ndarray[Any, np.dtype[np.float32]]

# Changes the scores of the next token, float32 [vocabulary], in place, given all tokens so far.
LogitsProcessor = Callable[[FloatArray, Sequence[int]], None]


class DecoderState(Protocol):
    """One input being decoded, in one or more rows (the beams of a search)."""

    def advance(self, token_ids: Array, run: Run) -> FloatArray:
        """Take in further tokens, int64 [rows, n]; logits float32 [rows, n, vocabulary]. Raises Cancelled."""
        ...

    def reorder(self, rows: Array) -> None:
        """Go on with these rows, int64 [new rows], of the present ones; a row may be taken more than once."""
        ...


def greedy(
    state: DecoderState,
    prompt: Sequence[int],
    *,
    stop: frozenset[int],
    max_length: int,
    processors: Sequence[LogitsProcessor],
    run: Run,
    on_token: Callable[[int], None] | None = None,
) -> list[int]:
    """The tokens after ``prompt``, always the likeliest one, up to and with one of ``stop``.

    ``max_length`` counts the prompt too. Looks for a cancellation before each token (raises Cancelled).
    """
    tokens = list(prompt)
    wanted: Sequence[int] = prompt
    while len(tokens) < max_length:
        run.cancellation.check()
        scores = state.advance(np.array([wanted], dtype=np.int64), run)[0, -1]
        for process in processors:
            process(scores, tokens)
        token = int(scores.argmax())
        if np.isnan(scores[token]):
            raise EngineError("graph-not-finite")
        tokens.append(token)
        if on_token:
            on_token(token)
        if token in stop:
            break
        wanted = (token,)
    return tokens[len(prompt) :]


def suppressed(ids: Sequence[int]) -> LogitsProcessor:
    """Never one of these tokens."""
    index = np.array(sorted(set(ids)), dtype=np.int64)

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        scores[index[index < len(scores)]] = -np.inf

    return process


def suppressed_at(position: int, ids: Sequence[int]) -> LogitsProcessor:
    """None of these tokens at one position, counted from the start of the prompt."""
    suppress = suppressed(ids)

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        if len(tokens) == position:
            suppress(scores, tokens)

    return process


def forced_tokens(by_position: Mapping[int, int]) -> LogitsProcessor:
    """Exactly this token at each of these positions."""

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        token = by_position.get(len(tokens))
        if token is not None:
            scores[:] = -np.inf
            scores[token] = 0

    return process


def repetition_penalty(penalty: float) -> LogitsProcessor:
    """Make every token that has occurred less likely (Keskar et al. 2019, "CTRL", equation 2)."""

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        seen = np.unique(np.asarray(tokens, dtype=np.int64))
        values = scores[seen]
        scores[seen] = np.where(values < 0, values * penalty, values / penalty)

    return process


def no_repeated_ngrams(size: int) -> LogitsProcessor:
    """No sequence of ``size`` tokens twice."""

    def process(scores: FloatArray, tokens: Sequence[int]) -> None:
        if len(tokens) < size:
            return
        tail = tuple(tokens[len(tokens) - size + 1 :])
        for start in range(len(tokens) - size + 1):
            if tuple(tokens[start : start + size - 1]) == tail:
                scores[tokens[start + size - 1]] = -np.inf

    return process


class Seq2SeqDecoder:
    """The decoder of an encoder-decoder model, over either of Optimum's layouts.

    ``decoder_model_merged`` holds a branch without and one with cache; else ``decoder_model`` makes the first step and
    ``decoder_with_past_model`` all further ones. The keys and values of the encoder's output come out of the first
    step and are fed unchanged from then on.
    """

    def __init__(self, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError when a graph asks for an input that is not known here."""
        merged = sessions.get("decoder_model_merged")
        self.first = merged or sessions["decoder_model"]
        self.rest = merged or sessions["decoder_with_past_model"]
        known = {
            "input_ids",
            "encoder_hidden_states",
            "encoder_attention_mask",
            "decoder_attention_mask",
            "use_cache_branch",
        }
        for session in (self.first, self.rest):
            _check_inputs(session, known)

    def start(self, hidden_states: Array, attention_mask: Array | None = None) -> Seq2SeqState:
        """Decoding of one encoder output: float [1, positions, hidden], mask int64 [1, positions] (all 1 if None)."""
        return Seq2SeqState(self, hidden_states, attention_mask)


class Seq2SeqState:
    """See :class:`DecoderState`. All rows share one encoder output."""

    def __init__(self, decoder: Seq2SeqDecoder, hidden_states: Array, attention_mask: Array | None) -> None:
        self._decoder = decoder
        self._hidden_states = hidden_states
        self._mask = np.ones(hidden_states.shape[:2], dtype=np.int64) if attention_mask is None else attention_mask
        self._past: dict[str, Array] = {}
        self._length = 0

    def advance(self, token_ids: Array, run: Run) -> FloatArray:
        session = self._decoder.rest if self._past else self._decoder.first
        rows, count = token_ids.shape
        feeds = {
            "input_ids": token_ids,
            "encoder_hidden_states": self._hidden_states,
            "encoder_attention_mask": self._mask,
            "decoder_attention_mask": np.ones((rows, self._length + count), dtype=np.int64),
            "use_cache_branch": np.array([bool(self._past)]),
            **(self._past or _empty_past(session, rows)),
        }
        wanted = tuple(
            name for name in session.output_names if name == "logits" or _is_cache(name, again=bool(self._past))
        )
        outputs = session.run(_fitting(session, feeds), run, wanted)
        self._past |= {_past_name(name): value for name, value in outputs.items() if name != "logits"}
        self._length += count
        return outputs["logits"].astype(np.float32, copy=False)

    def reorder(self, rows: Array) -> None:
        grown = len(rows) != len(self._hidden_states)
        if grown:
            self._hidden_states = self._hidden_states[rows]
            self._mask = self._mask[rows]
        for name, value in self._past.items():
            if grown or ".encoder." not in name:
                self._past[name] = value[rows]


class CausalDecoder:
    """A decoder-only model: one graph, with the cache as inputs (``text-generation-with-past``) or without any."""

    def __init__(self, session: SessionLike) -> None:
        """Raises ModelError when the graph asks for an input that is not known here."""
        self.session = session
        _check_inputs(session, {"input_ids", "attention_mask", "position_ids", "use_cache_branch"})
        self.has_past = any(name.startswith(PAST) for name in session.input_names)

    def start(self) -> CausalState:
        return CausalState(self)


class CausalState:
    """See :class:`DecoderState`."""

    def __init__(self, decoder: CausalDecoder) -> None:
        self._decoder = decoder
        self._past: dict[str, Array] = {}
        self._seen: Array = np.zeros((1, 0), dtype=np.int64)

    def advance(self, token_ids: Array, run: Run) -> FloatArray:
        session, count = self._decoder.session, token_ids.shape[1]
        self._seen = np.concatenate((self._seen, token_ids), axis=1)
        rows, length = self._seen.shape
        if not self._decoder.has_past:
            token_ids = self._seen
        feeds = {
            "input_ids": token_ids,
            "attention_mask": np.ones((rows, length), dtype=np.int64),
            "position_ids": np.tile(np.arange(length - token_ids.shape[1], length, dtype=np.int64), (rows, 1)),
            "use_cache_branch": np.array([bool(self._past)]),
            **(self._past or _empty_past(session, rows)),
        }
        wanted = ("logits", *(name for name in session.output_names if self._decoder.has_past and _is_cache(name)))
        outputs = session.run(_fitting(session, feeds), run, wanted)
        self._past = {_past_name(name): value for name, value in outputs.items() if name != "logits"}
        return outputs["logits"][:, -count:].astype(np.float32, copy=False)

    def reorder(self, rows: Array) -> None:
        self._seen = self._seen[rows]
        self._past = {name: value[rows] for name, value in self._past.items()}


def _check_inputs(session: SessionLike, known: set[str]) -> None:
    for name in session.input_names:
        if name not in known and not name.startswith(PAST):
            raise ModelError("model-unknown-input", name=name, known=", ".join(sorted(known)))


def _is_cache(name: str, again: bool = False) -> bool:
    """Whether an output is kept for the next step; what comes of the encoder is kept from the first one only."""
    return name.startswith(PRESENT) and not (again and ".encoder." in name)


def _past_name(output: str) -> str:
    return PAST + output.removeprefix(PRESENT)


def _empty_past(session: SessionLike, rows: int) -> dict[str, Array]:
    """A cache of no tokens: [rows, heads, 0, head size] for each cache input of the graph."""
    past = {}
    for name in session.input_names:
        if name.startswith(PAST):
            shape = session.input_shapes[name]
            heads, size = (shape[1], shape[3]) if len(shape) == 4 else (None, None)
            if not isinstance(heads, int) or not isinstance(size, int):
                raise ModelError("model-unknown-input", name=name, known="[batch, heads, length, head size]")
            past[name] = np.zeros((rows, heads, 0, size), dtype=session.input_dtypes[name])
    return past


def _fitting(session: SessionLike, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Of the feeds those that the graph asks for, in its types."""
    dtypes = session.input_dtypes
    return {name: feeds[name].astype(dtypes[name], copy=False) for name in session.input_names if name in feeds}
