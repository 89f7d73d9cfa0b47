"""What the text tasks share: reading an input, finding the vectors of its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from workbench.errors import InputError, ModelError
from workbench.tasks.base import SessionLike

__all__ = ["fields_of", "hidden_output", "is_texts", "kind_of", "text_of", "texts_of_pair"]

# What exporters call the vectors of the tokens: Optimum for transformers, Optimum for sentence-transformers.
HIDDEN_NAMES = ("last_hidden_state", "token_embeddings")


def text_of(item: Any, expected: str = 'a text, or {"text": …}') -> str:
    """The text of an input that is one, bare or as ``{"text": …}``. Raises InputError, which says what is expected."""
    if isinstance(item, Mapping) and set(item) == {"text"}:
        item = item["text"]
    if not isinstance(item, str):
        raise InputError("text-bad-input", expected=expected, got=kind_of(item))
    return item


def texts_of_pair(item: Any) -> tuple[str, str | None]:
    """A text and the second one of a pair, where there is one. Raises InputError."""
    if isinstance(item, str):
        return item, None
    if isinstance(item, Mapping) and {"text"} <= set(item) <= {"text", "text_pair"}:
        text, pair = item["text"], item.get("text_pair")
        if isinstance(text, str) and isinstance(pair, (str, type(None))):
            return text, pair
    raise InputError("text-bad-input", expected='a text, or {"text": …, "text_pair": …}', got=kind_of(item))


def fields_of(item: Any, texts: Sequence[str], lists: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of a structured input: ``texts`` are one text each, ``lists`` at least one. Raises InputError."""
    names = (*texts, *lists)
    if isinstance(item, Mapping) and set(item) == set(names):
        fits = all(isinstance(item[name], str) for name in texts) and all(is_texts(item[name]) for name in lists)
        if fits:
            return {name: item[name] for name in names}
    shown = ", ".join(f'"{name}": {"[…]" if name in lists else "…"}' for name in names)
    raise InputError("text-bad-input", expected=f"{{{shown}}}", got=kind_of(item))


def is_texts(value: Any) -> TypeGuard[Sequence[str]]:
    """Whether this is a list of at least one text, and of nothing else."""
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, str) for item in value)


def hidden_output(session: SessionLike) -> str:
    """The output that has the vectors of the tokens. Raises ModelError."""
    for name in HIDDEN_NAMES:
        if name in session.output_names:
            return name
    raise ModelError("graph-no-output", wanted=HIDDEN_NAMES[0], got=", ".join(session.output_names))


def kind_of(item: Any) -> str:
    """An input in a few words, for a message."""
    if isinstance(item, Mapping):
        kinds = {name: "empty list" if value == [] else type(value).__name__ for name, value in list(item.items())[:6]}
        return "{" + ", ".join(f"{name!r}: {kind}" for name, kind in kinds.items()) + "}"
    if isinstance(item, (list, tuple)):
        return f"a list of {len(item)}"
    return type(item).__name__
