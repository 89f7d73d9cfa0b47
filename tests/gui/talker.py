"""A core whose models talk by a script: nothing is loaded and no engine runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from workbench.api import Workbench
from workbench.errors import EngineError, Notice, WorkbenchError
from workbench.gui.core import Core
from workbench.library.entries import Entry, Listing
from workbench.results import GenerationSpeed, Text
from workbench.running import ItemReport, RunReport
from workbench.settings import Settings
from workbench.tasks.catalog import TASKS

__all__ = ["Talker", "core_of", "words"]

CHAT = "text-generation"
DOING = Notice.of("doing-run", model="someone/talker", task=CHAT)
SPEED = GenerationSpeed(prompt_tokens=60, cached_tokens=48, new_tokens=43, first_token_s=0.12, rest_s=1.0)


def words(text: str, step: int = 4) -> Iterator[Text]:
    """An answer that grows by a few characters at a time."""
    for count, at in enumerate(range(step, len(text) + step, step), 1):
        yield Text(text[:at], count, "")
    yield Text(text, len(text) // 4 + 1, "stop", speed=SPEED)


class Talker(Workbench):
    """``script(messages)`` gives the partial texts of an answer, the whole one last, or raises. What was asked is kept
    in ``asked``. ``gate`` is waited for before each partial text where a test has closed it."""

    def __init__(self, settings: Settings, names: Sequence[str] = ("someone/talker", "someone/other")) -> None:
        super().__init__(settings)
        self.names = names
        self.script: Callable[[list[Mapping[str, str]]], Iterator[Text]] = lambda messages: words("Hello **you**.")
        self.asked: list[tuple[str, Any, Mapping[str, Any]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.notices: tuple[Notice, ...] = ()
        self.item_error: WorkbenchError | None = None
        self.chatty = True
        self.looked = False  # whether it was asked for

    @property
    def engine(self) -> Any:
        return SimpleNamespace(start=lambda: None, pid=None)

    def entries(self) -> Listing:
        made = [
            Entry(name, "text", "ready", None, CHAT, (CHAT,), {CHAT: ("fp32", "q4")}, 1, {CHAT: "q4"})
            for name in self.names
        ]
        return Listing(tuple(made))

    def target(self, model: str, *, precision: str | None = None, **wish: Any) -> Any:
        return SimpleNamespace(task=TASKS[CHAT], variant=precision or "q4", choice=model)

    def can_chat(self, target: Any) -> bool:
        self.looked = True
        return self.chatty

    def run(self, target: Any, inputs: Sequence[Any], params: Mapping[str, Any], **how: Any) -> Any:
        cancellation, (said,) = how["cancellation"], inputs
        self.asked.append((target.choice, said, params))
        text, started = None, time.perf_counter()
        if self.item_error is None:
            for text in self.script(said["messages"] if isinstance(said, dict) else []):
                while not self.gate.wait(0.01):
                    cancellation.check()
                cancellation.check()
                how["on_partial"](0, text)
        item = ItemReport(said, text, self.item_error, self.notices, {})
        how["on_item"](0, item)
        took_s = time.perf_counter() - started
        return RunReport(CHAT, target.choice, target.variant, "auto", ("cpu",), 0.1, took_s, (item,), ())


def dies(messages: object) -> Iterator[Text]:
    """The engine ends in the middle of an answer."""
    yield Text("This far", 2, "")
    raise EngineError("engine-stopped", doing=DOING, how="signal 9")


def core_of(made: list[Talker], *, chatty: bool = True) -> Callable[[Settings], Core]:
    """What opens a core over a :class:`Talker`, which is put into the list. ``chatty``: whether its models can chat."""

    def make(settings: Settings) -> Core:
        talker = Talker(settings)
        talker.chatty = chatty
        made.append(talker)
        return Core(settings, lambda settings: talker)

    return make
