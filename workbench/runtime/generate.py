"""Making text token by token: decoders with a cache, and the loop that always takes the likeliest token.

A :class:`DecoderState` is one input being decoded; it remembers the keys and values of the tokens it has seen. Graphs
are fed by the names and types they ask for, so the same loop serves every precision and both of Optimum's layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from workbench.errors import EngineError, ModelError
from workbench.runtime.logits_processors import FloatArray, LogitsProcessor
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

PAST = "past_key_values."
PRESENT = "present."
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
            "cache_position",
            "use_cache_branch",
        }
        for session in (self.first, self.rest):
            _check_inputs(session, known)

    def start(self, hidden_states: Array, mask: Array | None = None) -> Seq2SeqState:
        """Decoding of one encoder output, float [1, positions, hidden].

        ``mask`` is the attention mask that the encoder had, int64 [1, n]: some decoders work out that of their
        positions from it. None stands for ones at all positions.
        """
        return Seq2SeqState(self, hidden_states, mask)


class Seq2SeqState:
    """See :class:`DecoderState`."""

    def __init__(self, decoder: Seq2SeqDecoder, hidden_states: Array, mask: Array | None) -> None:
        self._decoder = decoder
        self._hidden_states = hidden_states
        self._mask = np.ones(hidden_states.shape[:2], dtype=np.int64) if mask is None else mask
        self._past: dict[str, Array] = {}
        self._length = 0

    def advance(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        logits: FloatArray = self._advance(np.array([token_ids], dtype=np.int64), run)[0]
        return logits

    def advance_beams(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        """Take in one further token for each beam; logits float32 [beams, vocabulary]. Raises Cancelled."""
        logits: FloatArray = self._advance(np.array(token_ids, dtype=np.int64)[:, None], run)[:, -1]
        return logits

    def keep(self, beams: Sequence[int]) -> None:
        """Go on with these beams, by their places now; one may go on several times."""
        same = len(beams) == len(self._hidden_states)
        if same and all(place == beam for place, beam in enumerate(beams)):
            return  # the cache is large: not to be copied where nothing changes
        index = np.array(beams, dtype=np.int64)
        for name, value in self._past.items():
            # All beams read the same input: what comes of the encoder only has to be there for as many as there are.
            if not (same and ".encoder." in name):
                self._past[name] = value[index]
        if not same:
            self._hidden_states, self._mask = self._hidden_states[index], self._mask[index]

    def _advance(self, token_ids: Array, run: Run) -> FloatArray:
        """Logits float32 [beams, tokens, vocabulary] for tokens int64 [beams, tokens]."""
        session = self._decoder.rest if self._past else self._decoder.first
        beams, length = len(token_ids), self._length + token_ids.shape[1]
        feeds = {
            "input_ids": token_ids,
            "encoder_hidden_states": self._hidden_states,
            "encoder_attention_mask": self._mask,
            "decoder_attention_mask": np.ones((beams, length), dtype=np.int64),
            "cache_position": np.arange(self._length, length, dtype=np.int64),
            "use_cache_branch": np.array([bool(self._past)]),
            **(self._past or _empty_past(session)),
        }
        # What comes of the encoder is kept from the first step: later ones only hand it through, at a price.
        wanted = (name for name in session.output_names if not (self._past and ".encoder." in name))
        outputs = session.run(fitting(session, feeds), run, _logits_and_cache(wanted))
        self._past |= _as_past(outputs)
        self._length = length
        logits: FloatArray = outputs["logits"].astype(np.float32, copy=False)
        return logits


class CausalDecoder:
    """A decoder-only model: one graph, with the cache as inputs (``text-generation-with-past``) or without any."""

    def __init__(self, session: SessionLike) -> None:
        """Raises ModelError when the graph asks for an input that is not known here."""
        self.session = session
        _check_inputs(session, {"input_ids", "attention_mask", "position_ids", "cache_position", "use_cache_branch"})
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
            **(self._past or _empty_past(session)),
        }
        wanted = session.output_names if has_past else ("logits",)
        outputs = session.run(fitting(session, feeds), run, _logits_and_cache(wanted))
        self._past = _as_past(outputs)
        logits: FloatArray = outputs["logits"][0, -len(token_ids) :].astype(np.float32, copy=False)
        return logits


def fitting(session: SessionLike, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Of the feeds those that the graph asks for, in its types."""
    dtypes = session.input_dtypes
    return {name: feeds[name].astype(dtypes[name], copy=False) for name in session.input_names if name in feeds}


def _check_inputs(session: SessionLike, known: set[str]) -> None:
    for name in session.input_names:
        if name not in known and not name.startswith(PAST):
            raise ModelError("model-unknown-input", name=name, known=", ".join(sorted(known)))


def _logits_and_cache(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name == "logits" or name.startswith(PRESENT))


def _as_past(outputs: Mapping[str, Array]) -> dict[str, Array]:
    """The cache that a step gave, under the names of the next step's inputs."""
    return {PAST + name.removeprefix(PRESENT): value for name, value in outputs.items() if name != "logits"}


def _empty_past(session: SessionLike) -> dict[str, Array]:
    """A cache of no tokens: [1, heads, 0, head size] for each cache input of the graph."""
    past = {}
    for name in session.input_names:
        if name.startswith(PAST):
            shape = session.input_shapes[name]
            heads, size = (shape[1], shape[3]) if len(shape) == 4 else (None, None)
            if not isinstance(heads, int) or not isinstance(size, int):
                raise ModelError("model-unknown-input", name=name, known="[batch, heads, length, head size]")
            past[name] = np.zeros((1, heads, 0, size), dtype=session.input_dtypes[name])
    return past
