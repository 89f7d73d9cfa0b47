"""Conversations as plain data, and which models can hold one. For every front.

A front keeps a :class:`Conversation` and hands ``messages()`` to the task text-generation for each answer; what the
model has read already is not read again there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from workbench.errors import InputError

__all__ = ["ANSWER_TOKENS", "Conversation", "Turn", "can_chat"]

# How long an answer may get where nobody says; a conversation's answers are longer than what a text goes on with.
ANSWER_TOKENS = 1024
SCHEMA = 1
HEADINGS = {"user": "You", "assistant": "Model"}

Role = Literal["user", "assistant"]


@dataclass(frozen=True)
class Turn:
    """What one side said."""

    role: Role
    text: str


@dataclass(frozen=True)
class Conversation:
    """A system prompt, None for the model's own, and turns that begin with the user's and go by turns.

    Every change gives a new conversation.
    """

    system: str | None = None
    turns: tuple[Turn, ...] = ()

    @property
    def waiting(self) -> bool:
        """Whether the last word is the user's, so that an answer is due."""
        return bool(self.turns) and self.turns[-1].role == "user"

    @property
    def last_asked(self) -> int | None:
        """The index of the user's last turn."""
        return next((n for n in reversed(range(len(self.turns))) if self.turns[n].role == "user"), None)

    def with_system(self, text: str | None) -> Conversation:
        """With another system prompt; an empty one is none."""
        return replace(self, system=text or None)

    def with_user(self, text: str) -> Conversation:
        """With what the user says next. It takes the place of a question that nothing was answered to."""
        turns = self.turns[:-1] if self.waiting else self.turns
        return replace(self, turns=(*turns, Turn("user", text)))

    def with_answer(self, text: str) -> Conversation:
        """With what the model answered. There must be a question, or it is a bug."""
        if not self.waiting:
            raise ValueError("there is no question to answer")
        return replace(self, turns=(*self.turns, Turn("assistant", text)))

    def edited(self, index: int, text: str) -> Conversation:
        """With another text in the turn at ``index``, and without all that came after it."""
        return replace(self, turns=(*self.turns[:index], replace(self.turns[index], text=text)))

    def without_last_answer(self) -> Conversation:
        """Without the answer at the end, so that another can be asked for."""
        return self if self.waiting else replace(self, turns=self.turns[:-1])

    def messages(self) -> list[dict[str, str]]:
        """As ``{"messages": …}`` of the task text-generation takes them."""
        system = [] if self.system is None else [{"role": "system", "content": self.system}]
        return [*system, *({"role": turn.role, "content": turn.text} for turn in self.turns)]

    def to_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, "messages": self.messages()}

    @classmethod
    def from_json(cls, value: Any) -> Conversation:
        """What :meth:`to_json` gave. Raises InputError."""
        messages = value.get("messages") if isinstance(value, Mapping) else None
        if not isinstance(messages, list):
            raise InputError("chat-file-bad", reason="it has no list of messages")
        if value.get("schema", SCHEMA) != SCHEMA:
            raise InputError("chat-file-bad", reason=f"its version is {value['schema']}, known is {SCHEMA}")
        system: str | None = None
        turns: list[Turn] = []
        for number, message in enumerate(messages):
            role, text = (message.get(name) if isinstance(message, Mapping) else None for name in ("role", "content"))
            if not isinstance(text, str):
                raise InputError("chat-file-bad", reason=f"message {number + 1} has no text")
            if number == 0 and role == "system":
                system = text
            elif role == ("user", "assistant")[len(turns) % 2]:
                turns.append(Turn(role, text))
            else:
                raise InputError("chat-file-bad", reason=f"message {number + 1} has the role {role!r} out of turn")
        return cls(system, tuple(turns))

    def to_markdown(self, title: str = "") -> str:
        """The conversation to read: a heading for each turn, texts as they are."""
        parts = [f"# {title}"] if title else []
        if self.system is not None:
            parts += ["## System", self.system.strip("\n")]
        for turn in self.turns:
            parts += [f"## {HEADINGS[turn.role]}", turn.text.strip("\n")]
        return "\n\n".join(parts) + "\n"


def can_chat(folder: Path) -> bool:
    """Whether a model's files hold a chat template. A file that cannot be read counts as none."""
    if (folder / "chat_template.jinja").is_file():
        return True
    for name in ("chat_template.json", "tokenizer_config.json"):
        try:
            value = json.loads((folder / name).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value.get("chat_template"):
            return True
    return False
