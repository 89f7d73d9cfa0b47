"""From the messages of a conversation to the prompt that a model goes on from, and what is left out of a long one.

The rule for a conversation that does not fit: of the model's context, ``min(max_new_tokens, a quarter of it)`` tokens
stay free for the answer. The system prompt and the user's last message stay; before it, the oldest turns go first, each
with the answers to it, and as few as possible. A last message that does not fit by itself is an error.

Special tokens that stand written out in a message (``<|im_end|>``) are read as those tokens, as transformers does: a
template writes its own in the same way, and nobody can tell them apart afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from workbench.errors import InputError, ModelError
from workbench.runtime.chat_template import ChatTemplate, Message
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import ModelFiles, Run

__all__ = ["ChatPrompts", "checked_messages", "fitted"]

ROLES = ("system", "user", "assistant")
# The part of the context that an answer may always have.
FREE_PART = 4

Encode = Callable[[Sequence[Message]], list[int]]


class ChatPrompts:
    """Makes the prompts of one model's conversations. Its template is read with the first of them."""

    def __init__(self, files: ModelFiles, vocabulary: Vocabulary, limit: int | None) -> None:
        """``limit`` is the context in tokens, prompt and answer together; None where there is no such limit."""
        self._files, self._vocabulary, self._limit = files, vocabulary, limit

    @staticmethod
    def wanted(item: Any) -> bool:
        """Whether an input is a conversation, ``{"messages": […]}``, good or bad."""
        return isinstance(item, Mapping) and set(item) == {"messages"}

    def tokens(self, item: Mapping[str, Any], max_new_tokens: int, run: Run) -> list[int]:
        """The prompt's tokens. Says by a notice what was left out.

        Raises InputError for messages that are off or too long, ModelError for a model without a template or with one
        that cannot be used, Cancelled.
        """
        messages = checked_messages(item["messages"])
        template = self._template
        if template is None:
            raise ModelError("chat-no-template", folder=self._files.folder)

        def encode(some: Sequence[Message]) -> list[int]:
            run.cancellation.check()
            text = template.render(some, cancellation=run.cancellation)
            return self._vocabulary.encode(text, run, special=False)

        if self._limit is None:
            found = encode(messages)
        else:
            found = fitted(messages, encode, self._limit - min(max_new_tokens, self._limit // FREE_PART), run)
        if not found:
            raise ModelError("chat-template-says-nothing", file=template.file)
        return found

    @cached_property
    def _template(self) -> ChatTemplate | None:
        return ChatTemplate.of_model(self._files)


def checked_messages(value: Any) -> list[dict[str, str]]:
    """The messages of a conversation that the model can answer. Raises InputError."""
    if not isinstance(value, (list, tuple)) or not value:
        raise InputError("chat-no-messages")
    messages: list[dict[str, str]] = []
    for number, message in enumerate(value, 1):
        parts = message if isinstance(message, Mapping) else {}
        if set(parts) != {"role", "content"} or not all(isinstance(part, str) for part in parts.values()):
            raise InputError("chat-bad-message", number=number, got=_kind(message))
        if parts["role"] not in ROLES:
            raise InputError("chat-bad-role", number=number, role=parts["role"][:40], known=", ".join(ROLES))
        messages.append({"role": parts["role"], "content": parts["content"]})
    if messages[-1]["role"] != "user":
        raise InputError("chat-not-users-turn", role=messages[-1]["role"])
    if not messages[-1]["content"].strip():
        raise InputError("chat-empty-message")
    return messages


def fitted(messages: Sequence[Message], encode: Encode, limit: int, run: Run) -> list[int]:
    """The tokens of the conversation, or of what is kept of it so that there are at most ``limit``.

    Raises InputError when the last message does not fit by itself.
    """
    whole = encode(messages)
    if len(whole) <= limit:
        return whole
    first = 1 if messages[0]["role"] == "system" else 0
    # Where the conversation can begin: with a message of the user.
    starts = [n for n, message in enumerate(messages) if message["role"] == "user" and n > first]
    kept: list[int] | None = None
    low, high = 0, len(starts)
    while low < high:
        middle = (low + high) // 2
        found = encode([*messages[:first], *messages[starts[middle] :]])
        if len(found) <= limit:
            kept, high = found, middle
        else:
            low = middle + 1
    if kept is None:
        tokens = len(encode([*messages[:first], messages[-1]])) if starts else len(whole)
        raise InputError("chat-message-too-long", tokens=tokens, over=tokens - limit)
    run.warn("chat-turns-left-out", tokens=len(whole), limit=limit, count=starts[low] - first)
    return kept


def _kind(message: Any) -> str:
    """A message in a few words."""
    if isinstance(message, Mapping):
        return "{" + ", ".join(f"{name!r}: {type(part).__name__}" for name, part in list(message.items())[:6]) + "}"
    return f"a {type(message).__name__}"
