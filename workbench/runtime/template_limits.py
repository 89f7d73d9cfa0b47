"""How much a template may do: a deadline for its work, and a budget for the text that it makes.

Both end it with :class:`Halt`, which no ``except Exception`` on the way can swallow.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import jinja2
from jinja2.utils import Namespace

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled

__all__ = ["Budget", "Halt", "TooLarge", "TooSlow", "deadline"]

# The name that Jinja gives the code of a template without one, and where its own code lies.
TEMPLATE, JINJA = "<template>", str(Path(jinja2.__file__).parent)
EVENTS_PER_LOOK = 16
# Larger integers only serve to keep a processor busy.
MAX_BITS = 4096
MAX_DEPTH = 64
# What an item of a list, and what a printed piece costs beside its text: characters that take as much memory.
ITEM, PIECE = 16, 8
# The text of an object that has none of its own, such as a macro.
OBJECT = 80


class Halt(BaseException):
    """Ends a template from within. ``reason`` is what its caller should hear."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class TooSlow(Exception):
    """The template worked for longer than it may."""


class TooLarge(Exception):
    """The template makes more text, or larger numbers, than it may."""


@contextmanager
def deadline(limit_s: float, cancellation: Cancellation) -> Iterator[None]:
    """End the Jinja code of this block, with :class:`Halt`, after ``limit_s`` of processor time or when cancelled.

    Looks at the clock with the lines of templates, and with the functions of Jinja, that this thread runs. One call of
    a function written in C is not looked into: :class:`Budget` keeps those short.
    """
    end_s = time.thread_time() + limit_s
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if count % EVENTS_PER_LOOK == 0:
            if time.thread_time() > end_s:
                raise Halt(TooSlow())
            if cancellation.requested:
                raise Halt(Cancelled())

    def lines(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            tick()
        return lines

    def calls(frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if code.co_filename == TEMPLATE:
            return lines
        # Nothing is raised where it would be swallowed: in a generator that is thrown away half-read, in a finalizer.
        if code.co_filename.startswith(JINJA) and not code.co_flags & inspect.CO_GENERATOR:
            tick()
        return None

    before = sys.gettrace()
    sys.settrace(calls)
    try:
        yield
    finally:
        sys.settrace(before)


class Budget:
    """The characters that a template may make in all, each copy of a text counted, so that memory stays bounded."""

    def __init__(self, characters: int) -> None:
        self.left = characters

    def spend(self, characters: int) -> None:
        """Raises Halt when there is not so much left."""
        self.left -= characters
        if self.left < 0:
            raise Halt(TooLarge())

    def check(self, characters: int) -> None:
        """Spend nothing. Raises Halt when there is not so much left."""
        if characters > self.left:
            raise Halt(TooLarge())

    def kept(self, value: Any) -> Any:
        """Count a value that was just made, and give it back. Raises Halt."""
        if isinstance(value, str):
            self.spend(len(value))
        elif isinstance(value, int):
            if value.bit_length() > MAX_BITS:
                raise Halt(TooLarge())
        elif isinstance(value, (list, tuple, dict)):
            self.text_size(value)
            self.spend(ITEM * len(value))
        return value

    def text_size(self, value: Any, depth: int = 0) -> int:
        """About how many characters the value is as a text, a part that occurs twice counted twice.

        Raises Halt when it is more than there is left, or nested too deep: what such a list is compared with or
        turned into would take without end.
        """
        if isinstance(value, str):
            return len(value)
        if isinstance(value, Namespace):
            value = object.__getattribute__(value, "_Namespace__attrs")
        if isinstance(value, dict):
            parts: Any = (part for item in value.items() for part in item)
        elif isinstance(value, (list, tuple, set, frozenset, *VIEWS)):
            parts = value
        else:
            return OBJECT
        if depth > MAX_DEPTH:
            raise Halt(TooLarge())
        size = 2
        for part in parts:
            size += 4 + (len(part) if isinstance(part, str) else self.text_size(part, depth + 1))
            if size > self.left:
                raise Halt(TooLarge())
        return size


VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
