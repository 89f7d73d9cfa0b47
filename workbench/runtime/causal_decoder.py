"""Language models as graphs that any exporter makes: each step hands out a new, longer cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from workbench.errors import ModelError
from workbench.runtime.cache_feeds import PAST, as_past, check_inputs, empty_past, fitting, logits_and_cache
from workbench.runtime.logits_processors import FloatArray
from workbench.tasks.base import Array, Run, SessionLike

__all__ = ["INPUTS", "KEEP", "CachedState", "CausalDecoder", "CausalState", "LanguageDecoder", "causal_feeds"]

# What a language model's graph may ask for, beside its cache. The last is how many tokens' logits are wanted, counted
# from the end; 0 stands for all of them.
KEEP = "num_logits_to_keep"
INPUTS = {"input_ids", "attention_mask", "position_ids", "cache_position", "use_cache_branch", KEEP}


class CachedState(Protocol):
    """One text being read and written by a language model."""

    @property
    def tokens(self) -> Sequence[int]:
        """What the cache holds."""
        ...

    @property
    def length(self) -> int:
        """How many tokens the cache holds."""
        ...

    @property
    def vocabulary(self) -> int | None:
        """How many scores the graph gives for each token that it reads; None while that is not known, and where it
        gives those alone that are wanted."""
        ...

    def rewind(self, length: int) -> None:
        """Forget all tokens but the first ``length``."""
        ...

    def advance(self, token_ids: Sequence[int], run: Run, keep: int = 0) -> FloatArray:
        """Take in further tokens; logits float32 [tokens, vocabulary], of the last ``keep`` alone unless that is 0.

        The array may be written to, and holds until the next call only. Raises Cancelled; after that, and after any
        other error, the state is what it was before the call.
        """
        ...


class LanguageDecoder(Protocol):
    """A language model that texts are made with."""

    def start(self) -> CachedState:
        """A text of no tokens."""
        ...


def causal_feeds(length: int, taken: Sequence[int], keep: int) -> dict[str, Array]:
    """What a graph may want to be fed besides the cache, for tokens after ``length`` that it has seen."""
    positions = np.arange(length, length + len(taken), dtype=np.int64)
    return {
        "input_ids": np.array([taken], dtype=np.int64),
        "attention_mask": np.ones((1, length + len(taken)), dtype=np.int64),
        "position_ids": positions[None],
        "cache_position": positions,
        "use_cache_branch": np.array([length > 0]),
        KEEP: np.array(keep, dtype=np.int64),
    }


class CausalDecoder:
    """A decoder-only model: one graph, with the cache as inputs (``text-generation-with-past``) or without any."""

    def __init__(self, session: SessionLike) -> None:
        """Raises ModelError when the graph asks for an input that is not known here."""
        self.session = session
        check_inputs(session, INPUTS)
        self.has_past = any(name.startswith(PAST) for name in session.input_names)

    def start(self) -> CausalState:
        return CausalState(self)


class CausalState:
    """See :class:`CachedState`."""

    def __init__(self, decoder: CausalDecoder) -> None:
        self._decoder = decoder
        self._past: Mapping[str, Array] = {}
        self.tokens: list[int] = []
        self.vocabulary: int | None = None

    @property
    def length(self) -> int:
        return len(self.tokens)

    def rewind(self, length: int) -> None:
        if length < len(self.tokens):
            del self.tokens[length:]
            cut = {name: np.ascontiguousarray(value[:, :, :length]) for name, value in self._past.items()}
            self._past = cut if length else {}

    def advance(self, token_ids: Sequence[int], run: Run, keep: int = 0) -> FloatArray:
        session, has_past = self._decoder.session, self._decoder.has_past
        if has_past:
            feeds = {**causal_feeds(len(self.tokens), token_ids, keep), **(self._past or empty_past(session))}
        else:
            feeds = causal_feeds(0, [*self.tokens, *token_ids], keep or len(token_ids))
        wanted = session.output_names if has_past else ("logits",)
        outputs = session.run(fitting(session, feeds), run, logits_and_cache(wanted))
        if outputs["logits"].ndim != 3:  # those of a graph that tells classes apart
            shape = list(outputs["logits"].shape)
            raise ModelError("graph-no-output", wanted="logits of each token", got=f"logits {shape}")
        self._past = as_past(outputs)
        self.tokens += token_ids
        logits: FloatArray = outputs["logits"][0, -(keep or len(token_ids)) :].astype(np.float32, copy=False)
        self.vocabulary = logits.shape[-1]
        return logits
