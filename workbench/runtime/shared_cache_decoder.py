"""Language models as graphs that write to the cache they read: no step copies what is there already.

GroupQueryAttention nodes do so when their past and their present are one buffer, which is longer than the text; the
length of the attention mask tells them how much of it counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from workbench.runtime.binding import Binding, Buffer
from workbench.runtime.cache_feeds import PAST, PRESENT, check_inputs, empty_past, fitting, optional_inputs
from workbench.runtime.causal_decoder import INPUTS, KEEP, causal_feeds
from workbench.runtime.logits_processors import FloatArray
from workbench.tasks.base import Array, Outputs, Run, SessionLike

__all__ = ["BindableSession", "SharedCacheDecoder", "SharedCacheState", "shared_cache_decoder"]

# How many tokens a buffer has room for at first; each time it is full, twice as many.
FIRST_CAPACITY = 512
MASK = "attention_mask"
# Inputs of a single token whose number is another in each step.
CHANGING = frozenset({"input_ids", "position_ids", "cache_position"})
# How long the cache is that finds out whether a graph keeps a buffer's length; the text has one token.
PROBE_LENGTH = 4


class BindableSession(SessionLike, Protocol):
    """What is needed of :class:`workbench.runtime.session.Session` here."""

    def tried(self, feeds: Mapping[str, Array], outputs: tuple[str, ...]) -> Outputs | None: ...
    def bind(self) -> Binding: ...


@dataclass(frozen=True)
class _CacheTensor:
    """A cache input; ``shape`` is that of no tokens, [1, heads, 0, head size]."""

    past: str
    present: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def shared_cache_decoder(session: SessionLike, limit: int | None = None) -> SharedCacheDecoder | None:
    """A decoder over a shared cache, None where the graph does not keep one: it is asked to, once, with one token.

    ``limit`` is the longest text that the model takes, where that is known. Raises ModelError for an input of the graph
    that is not known.
    """
    check_inputs(session, INPUTS)
    tried = getattr(session, "tried", None)
    caches = [name for name in session.input_names if name.startswith(PAST)]
    presents = {PRESENT + name.removeprefix(PAST) for name in caches}
    if tried is None or not caches or not presents <= set(session.output_names):
        return None
    buffers = {name: _longer(value, PROBE_LENGTH) for name, value in empty_past(session).items()}
    feeds = fitting(session, causal_feeds(0, (0,), 0) | {"use_cache_branch": np.array([True])} | buffers)
    outputs = tried(feeds, ("logits", *sorted(presents)))
    if outputs is None:  # a plain graph cannot add up a mask and a cache of different lengths
        return None
    logits = outputs["logits"]
    if any(outputs[name].shape[2] != PROBE_LENGTH for name in presents) or logits.shape[:2] != (1, 1):
        return None
    return SharedCacheDecoder(session, logits.shape[2], logits.dtype, limit)  # type: ignore[arg-type]  # it can bind


def _longer(empty: Array, length: int) -> Array:
    return np.zeros((*empty.shape[:2], length, empty.shape[3]), empty.dtype)


class SharedCacheDecoder:
    """A decoder-only model whose graph keeps a shared cache. ``dtype`` is that of its logits."""

    def __init__(
        self, session: BindableSession, vocabulary: int, dtype: np.dtype[Any], limit: int | None = None
    ) -> None:
        self.session = session
        self.vocabulary = vocabulary
        self.dtype = dtype
        self.limit = limit
        self.tensors = tuple(
            _CacheTensor(name, PRESENT + name.removeprefix(PAST), value.shape, value.dtype)
            for name, value in empty_past(session).items()
        )

    def start(self) -> SharedCacheState:
        return SharedCacheState(self)


class _Inputs:
    """What a graph reads beside its cache.

    Step after step a single token goes in, and the arrays of the last one are used again: all weights went through the
    processor's caches since, after which making and binding six arrays takes a fiftieth of the step.
    """

    def __init__(self, session: BindableSession, binding: Binding) -> None:
        self._session, self._binding = session, binding
        self._arrays: dict[str, Array] = {}
        self._shape = (0, 0)  # of the last call: how many tokens, and how many of their scores
        self._mask = np.ones((1, 0))
        self.can_keep = KEEP in session.input_names or KEEP in optional_inputs(session)

    def feed(self, before: int, token_ids: Sequence[int], keep: int) -> None:
        """Have the graph read these tokens behind ``before`` others, and give the scores of the last ``keep``."""
        shape = (len(token_ids), keep)
        if shape != self._shape or shape[0] != 1:
            feeds = causal_feeds(before, token_ids, keep) | {"use_cache_branch": np.array([True])}
            self._arrays = fitting(self._session, feeds)
            for name, value in self._arrays.items():
                if name == MASK:
                    self._read_ones(value.shape[1], value.dtype)
                else:
                    self._binding.read(name, value)
            self._shape = shape
            return
        for name, value in self._arrays.items():
            if name == MASK:
                self._read_ones(before + 1, value.dtype)
            elif name in CHANGING:
                value[...] = token_ids[0] if name == "input_ids" else before
                self._binding.refresh(name)

    def _read_ones(self, length: int, dtype: np.dtype[Any]) -> None:
        """Have a mask of ``length`` ones read, the beginning of one that is longer: it lies where the last one did."""
        if length > self._mask.shape[1] or dtype != self._mask.dtype:
            self._mask = np.ones((1, max(FIRST_CAPACITY, 2 * length)), dtype)
            self._binding.read(MASK, self._mask)
        self._binding.cut(MASK, (1, length))


class SharedCacheState:
    """See :class:`~workbench.runtime.causal_decoder.CachedState`. Its memory is the cache's, and the last logits'."""

    def __init__(self, decoder: SharedCacheDecoder) -> None:
        self._decoder = decoder
        self._binding = decoder.session.bind()
        self._inputs = _Inputs(decoder.session, self._binding)
        self._buffers: list[Buffer] = []
        self.capacity = 0  # how many tokens there is room for
        self._logits = np.empty((1, 0, decoder.vocabulary), decoder.dtype)
        self.tokens: list[int] = []
        self.vocabulary = None if self._inputs.can_keep else decoder.vocabulary

    @property
    def length(self) -> int:
        return len(self.tokens)

    def rewind(self, length: int) -> None:
        del self.tokens[length:]  # what stands behind them in the buffer is written over

    def advance(self, token_ids: Sequence[int], run: Run, keep: int = 0) -> FloatArray:
        before = len(self.tokens)
        self._make_room(before + len(token_ids))
        self._inputs.feed(before, token_ids, keep)
        rows = keep if keep and self._inputs.can_keep else len(token_ids)
        if self._logits.shape[1] != rows:
            self._logits = np.empty((1, rows, self._decoder.vocabulary), self._decoder.dtype)
            self._binding.write("logits", self._logits)
        self._binding.run(run)
        self.tokens += token_ids
        logits: FloatArray = self._logits[0, -(keep or rows) :].astype(np.float32, copy=False)
        return logits

    def _make_room(self, length: int) -> None:
        """Raise the capacity, if need be, so that ``length`` tokens can be held."""
        if length <= self.capacity:
            return
        capacity = max(self.capacity, FIRST_CAPACITY)
        while capacity < length:
            capacity *= 2
        if self._decoder.limit is not None:
            capacity = max(length, min(capacity, self._decoder.limit))
        for place, tensor in enumerate(self._decoder.tensors):
            if len(self._buffers) <= place:
                shape = (*tensor.shape[:2], capacity, tensor.shape[3])
                self._buffers.append(self._binding.buffer(shape, tensor.dtype))
            else:
                self._buffers[place].grow(2, capacity, len(self.tokens))
            self._binding.share(tensor.past, tensor.present, self._buffers[place])
        self.capacity = capacity
