"""What the graphs of decoders are fed and give back: the names, types and empty shapes of their caches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.tasks.base import Array, SessionLike

__all__ = ["PAST", "PRESENT", "as_past", "check_inputs", "empty_past", "fitting", "logits_and_cache", "optional_inputs"]

PAST = "past_key_values."
PRESENT = "present."


def fitting(session: SessionLike, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Of the feeds those that the graph asks for or has a default for, in its types."""
    dtypes = {**session.input_dtypes, **optional_inputs(session)}
    return {name: feeds[name].astype(dtype, copy=False) for name, dtype in dtypes.items() if name in feeds}


def optional_inputs(session: SessionLike) -> Mapping[str, np.dtype[Any]]:
    """Inputs that the graph has a default for, by their types."""
    found: Mapping[str, np.dtype[Any]] = getattr(session, "optional_inputs", {})
    return found


def check_inputs(session: SessionLike, known: set[str]) -> None:
    for name in session.input_names:
        if name not in known and not name.startswith(PAST):
            raise ModelError("model-unknown-input", name=name, known=", ".join(sorted(known)))


def logits_and_cache(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name == "logits" or name.startswith(PRESENT))


def as_past(outputs: Mapping[str, Array]) -> dict[str, Array]:
    """The cache that a step gave, under the names of the next step's inputs."""
    return {PAST + name.removeprefix(PRESENT): value for name, value in outputs.items() if name != "logits"}


def empty_past(session: SessionLike) -> dict[str, Array]:
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
