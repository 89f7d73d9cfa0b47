"""What the main thread does for a command's: it hears Ctrl-C, and reads lines that the user types.

Only Python's main thread gets signals, and a line that is being read can be broken off there alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from workbench.cancellation import Cancellation
from workbench.errors import InputError

__all__ = ["STOPPED", "Foreground", "Stops", "serve_until"]

STOPPED = 130
POLL_S = 0.05
SAME_STOP_S = 0.5
MAX_LINE_BYTES = 64 << 20


class Stops:
    """Notes Ctrl-C and SIGTERM. Asked again after a moment, the process ends at once, and its children with it."""

    def __init__(self) -> None:
        self.requested = False
        self._ended = False
        self._raising = False
        self._last_s = -SAME_STOP_S
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._receive)

    def forget(self) -> bool:
        """Take a Ctrl-C for done; False where it was SIGTERM, which means all of the process."""
        if self._ended:
            return False
        self.requested = False
        return True

    @contextlib.contextmanager
    def raising(self) -> Iterator[None]:
        """Have a stop raise KeyboardInterrupt within this block of the main thread."""
        self._raising = True
        try:
            yield
        finally:
            self._raising = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._ended = self._ended or number == signal.SIGTERM
        if self._raising:
            self._raising = False
            self.requested = self._ended
            raise KeyboardInterrupt
        now = time.monotonic()
        if now - self._last_s > SAME_STOP_S:  # one stop may come twice, to the process and to its group
            if self.requested:
                os._exit(STOPPED)
            self.requested, self._last_s = True, now
        self.requested = self.requested or self._ended


class Foreground:
    """Lines and stops for the command's thread. ``serve`` and ``stop`` are called by the main thread, often."""

    def __init__(self) -> None:
        self._asked: tuple[str, str] | None = None
        self._answer: str | BaseException = ""
        self._answered = threading.Event()
        self._part: Cancellation | None = None

    def ask(self, prompt: str = "", text: str = "") -> str:
        """The next line of stdin without its end. On a terminal after ``prompt``, ``text`` being typed in already.

        Raises EOFError at the end, KeyboardInterrupt when the user stopped it, InputError for a line without end.
        """
        self._answered.clear()
        self._asked = (prompt, text)
        self._answered.wait()
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer

    @contextlib.contextmanager
    def part(self, cancellation: Cancellation) -> Iterator[Cancellation]:
        """What a Ctrl-C stops within this block: not the command, which ``cancellation`` stops as before."""
        part = Cancellation()
        with cancellation.calling(part.cancel):
            self._part = part
            try:
                yield part
            finally:
                self._part = None

    def stop(self, stops: Stops) -> bool:
        """Pass a Ctrl-C to the part of the command that wants it; False where there is none, or it had one already."""
        part = self._part
        if part is None or part.requested or not stops.forget():
            return False
        part.cancel()
        return True

    def serve(self, stops: Stops) -> None:
        """Read a line, if one was asked for."""
        if self._asked is None:
            return
        (prompt, text), self._asked = self._asked, None
        try:
            with stops.raising():
                if stops.requested:  # all is to stop: nobody is asked any more
                    raise KeyboardInterrupt
                self._answer = _line(prompt, text)
        except (EOFError, KeyboardInterrupt, InputError, OSError) as error:
            self._answer = error
        self._answered.set()


def _line(prompt: str, text: str) -> str:
    if sys.stdin.isatty() and sys.stdout.isatty():
        with _editing(text):
            return input(prompt).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if sys.stdin.isatty():  # the answers go elsewhere, and so must not the prompt
        print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.buffer.readline(MAX_LINE_BYTES)
    if len(line) >= MAX_LINE_BYTES:
        raise InputError("input-too-large", file="stdin", limit_mib=MAX_LINE_BYTES >> 20)
    if not line:
        raise EOFError
    return line.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")


@contextlib.contextmanager
def _editing(text: str) -> Iterator[None]:
    """Have readline edit the line where there is one, beginning with ``text``."""
    try:
        import readline
    except ImportError:  # Windows edits lines by itself
        yield
        return
    readline.set_startup_hook((lambda: readline.insert_text(text)) if text else None)
    try:
        yield
    finally:
        readline.set_startup_hook(None)


def serve_until(done: threading.Event, stops: Stops, foreground: Foreground, cancellation: Cancellation) -> None:
    """Do the main thread's part until the command is done."""
    while not done.wait(POLL_S):
        foreground.serve(stops)
        if stops.requested and not cancellation.requested and not foreground.stop(stops):
            print("stopping …", file=sys.stderr)
            cancellation.cancel()
