"""Graphs that say what a test wants: a decoder and an encoder without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.tasks.base import Array, Outputs, Run

__all__ = ["FakeDecoder", "FakeEncoder", "likely"]

VOCABULARY = 1800
Say = Callable[[Sequence[int]], "int | Mapping[int, float]"]


def likely(token: int | Mapping[int, float], size: int = VOCABULARY) -> Any:
    """Scores float32 [size] with this token, or these by their scores, above all others."""
    scores = np.zeros(size, np.float32)
    for number, score in ({token: 10.0} if isinstance(token, int) else token).items():
        scores[number] = score
    return scores


class FakeEncoder:
    """Returns the first feature of each window, and keeps what it was given."""

    input_names = ("input_features",)
    output_names = ("last_hidden_state",)
    input_shapes: Mapping[str, Any] = {"input_features": ("batch", 80, 3000)}

    def __init__(self, dtype: str = "float32") -> None:
        self.input_dtypes = {"input_features": np.dtype(dtype)}
        self.given: list[Array] = []

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        (features,) = feeds.values()
        assert features.dtype == self.input_dtypes["input_features"]
        self.given.append(features)
        return {"last_hidden_state": np.full((1, 1500, 4), len(self.given), features.dtype)}


class FakeDecoder:
    """A merged decoder of one layer whose cache holds the tokens themselves, so that a broken cache shows.

    ``say`` gets all tokens so far of the input being decoded, and names the next one (or scores of several). For each
    call ``calls`` keeps the tokens fed and whether the branch with a cache was taken.
    """

    output_names = ("logits", "present.0.decoder.key", "present.0.encoder.key")
    input_shapes: Mapping[str, Any] = {
        "past_key_values.0.decoder.key": ("batch", 1, "past", 1),
        "past_key_values.0.encoder.key": ("batch", 1, "positions", 1),
    }

    def __init__(self, say: Callable[[Sequence[int], float], Any], dtype: str = "float32") -> None:
        self._say = say
        self.calls: list[tuple[list[int], bool]] = []
        self.input_dtypes = {
            "input_ids": np.dtype(np.int64),
            "encoder_hidden_states": np.dtype(dtype),
            "past_key_values.0.decoder.key": np.dtype(dtype),
            "past_key_values.0.encoder.key": np.dtype(dtype),
            "use_cache_branch": np.dtype(bool),
        }
        self.input_names = tuple(self.input_dtypes)

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        assert {name: value.dtype for name, value in feeds.items()} == self.input_dtypes
        assert outputs is not None
        window = float(feeds["encoder_hidden_states"][0, 0, 0])
        ids, cached = feeds["input_ids"][0].tolist(), bool(feeds["use_cache_branch"][0])
        past = feeds["past_key_values.0.decoder.key"]
        across = feeds["past_key_values.0.encoder.key"]
        assert cached == bool(past.size)
        assert across.size == (cached and 3)
        self.calls.append((ids, cached))
        before = past[0, 0, :, 0].astype(int).tolist()
        # Each position's scores know the tokens up to it.
        logits = [likely(self._say([*before, *ids[: n + 1]], window)) for n in range(len(ids))]
        grown = np.concatenate((past, np.array(ids, past.dtype).reshape(1, 1, -1, 1)), axis=2)
        everything = {
            "logits": np.array([logits], np.float32),
            "present.0.decoder.key": grown,
            "present.0.encoder.key": np.ones((1, 1, 3, 1), across.dtype),
        }
        assert ("present.0.encoder.key" in outputs) == (not cached)
        return {name: everything[name] for name in outputs}
