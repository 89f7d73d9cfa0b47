"""Which models are in memory: a budget, and the least recently used idle one leaves first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Protocol

from workbench.cancellation import Cancellation
from workbench.errors import EngineError

__all__ = ["Residents"]

# A session holds its weights, prepacked copies of some of them, and its arenas. Measured 1.1 to 1.3 of the files.
MEMORY_PER_FILE_BYTE = 1.2


class Resident(Protocol):
    name: str
    cost_bytes: int

    @property
    def idle(self) -> bool: ...
    def unload(self) -> None: ...
    def join(self) -> None: ...


class Residents:
    """The models that are loaded or being loaded, by key, in the order of their last use. Thread-safe."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._models: OrderedDict[Any, Resident] = OrderedDict()
        self._changed = threading.Condition()

    def admit(self, key: Any, model: Resident, cancellation: Cancellation) -> None:
        """Make room for a model and count it in, waiting for busy ones if need be.

        Raises EngineError when it alone is over the budget, Cancelled when the wait was cancelled.
        """
        if model.cost_bytes > self.budget_bytes:
            raise EngineError(
                "engine-over-budget",
                model=model.name,
                needed_mb=model.cost_bytes >> 20,
                budget_mb=self.budget_bytes >> 20,
            )
        with cancellation.calling(self.changed), self._changed:
            while True:
                cancellation.check()
                if self._used() + model.cost_bytes <= self.budget_bytes:
                    self._models[key] = model
                    return
                victim = next((name for name, item in self._models.items() if item.idle), None)
                if victim is None:
                    self._changed.wait()
                else:
                    self._models.pop(victim).unload()

    def used(self, key: Any) -> None:
        """Note that a model was used just now."""
        with self._changed:
            if key in self._models:
                self._models.move_to_end(key)

    def drop(self, key: Any) -> None:
        """Count a model out, because it failed to load or was unloaded."""
        with self._changed:
            self._models.pop(key, None)
            self._changed.notify_all()

    def changed(self) -> None:
        """Wake those who wait for room: a model became idle, or a wait was cancelled."""
        with self._changed:
            self._changed.notify_all()

    def all(self) -> dict[Any, Resident]:
        with self._changed:
            return dict(self._models)

    def used_bytes(self) -> int:
        with self._changed:
            return self._used()

    def _used(self) -> int:
        return sum(item.cost_bytes for item in self._models.values())
