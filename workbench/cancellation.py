"""How a run or an export is told to stop: one flag, and callbacks that end what is being waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workbench.errors import Cancelled

__all__ = ["Cancellation"]


class Cancellation:
    """Set once, from any thread; who works looks at it with :meth:`check` or registers a callback."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    def cancel(self) -> None:
        """Ask for the stop. Callbacks run in this thread, each at most once."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def check(self) -> None:
        """Raise :class:`~workbench.errors.Cancelled` if the stop was asked for."""
        if self._event.is_set():
            raise Cancelled

    def on_request(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called when the stop is asked for, at once if it was before."""
        with self._lock:
            already = self._event.is_set()
            if not already:
                self._callbacks.append(callback)
        if already:
            callback()

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Have ``callback`` called when the stop is asked for within this block (at once if it was before)."""
        self.on_request(callback)
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)
