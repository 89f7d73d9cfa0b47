"""Waiting that ends: something is done when no sign of life came in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Patience"]


class Patience:
    """Calls ``action`` in a thread of its own when nobody called :meth:`end` in time; ``over`` says that it did."""

    def __init__(self, seconds: float, action: Callable[[], None]) -> None:
        self.seconds = seconds
        self.over = False
        self._action = action
        self._lock = threading.Lock()
        self._ended = False
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        """Begin to wait; only the first call does anything."""
        with self._lock:
            if self._timer is None and not self._ended:
                self._timer = threading.Timer(self.seconds, self._lose)
                self._timer.daemon = True
                self._timer.start()

    def end(self) -> None:
        with self._lock:
            self._ended = True
            timer = self._timer
        if timer:
            timer.cancel()

    def __enter__(self) -> Patience:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    @contextmanager
    def unstarted(self) -> Iterator[None]:
        """A block at whose end it is over with waiting, whenever that began."""
        try:
            yield
        finally:
            self.end()

    def _lose(self) -> None:
        with self._lock:
            if self._ended:
                return
            self.over = True
        self._action()
