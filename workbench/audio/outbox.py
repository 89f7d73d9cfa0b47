"""Sends messages from a thread of its own, so that a parent who does not read holds up no recording."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from workbench.wire import Channel, Message

__all__ = ["Outbox"]

# About two seconds of levels; nobody wants older ones.
MAX_WAITING = 40


class Outbox:
    """Progress is dropped where too much waits already; answers never are."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._queue: SimpleQueue[Message] = SimpleQueue()
        threading.Thread(target=self._run, name="outbox", daemon=True).start()

    def send(self, message: Message) -> None:
        """Never waits."""
        if message.kind != "progress" or self._queue.qsize() < MAX_WAITING:
            self._queue.put(message)

    def _run(self) -> None:
        try:
            while True:
                self._channel.send(self._queue.get())
        except (OSError, ValueError):
            return  # the parent is gone; the main thread hears of it too, and ends what is to be ended
