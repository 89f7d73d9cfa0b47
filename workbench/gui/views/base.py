"""What every view builds on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import SignalInstance

from workbench.gui.widgets.basic import Panel
from workbench.results import Audio, Picture, Waveform

__all__ = ["Context", "Sounds", "View"]


class Sounds(Protocol):
    """What plays a sound file; positions and starts are in seconds. The signals are Qt's."""

    moved: SignalInstance  # (path: str, position_s: float), while it plays
    stopped: SignalInstance  # (path: str), at its end, on request, or when it failed

    @property
    def playing(self) -> str | None:
        """The path of what plays now."""

    def play(self, path: str, start_s: float) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class Context:
    """What a result answers: the input as the task took it, and ways to show a file among it.

    ``picture(path, max_px, receiver)`` and ``waveform(path, buckets, receiver)`` ask the engine and call ``receiver``
    in the GUI thread, or not at all where the file cannot be shown. ``kind`` is the task's kind of input: text, image,
    audio or fields; for image and audio ``input`` is a path. ``keep(sound, receiver)`` puts a sound that a model made
    into a file for ``sounds``, and tells its path.
    """

    input: Any
    kind: str
    picture: Callable[[str, int, Callable[[Picture], None]], None]
    waveform: Callable[[str, int, Callable[[Waveform], None]], None]
    sounds: Sounds
    keep: Callable[[Audio, Callable[[str], None]], None]

    @property
    def picture_path(self) -> str:
        """The picture that was asked about; empty where there is none."""
        if self.kind == "image" and self.input:
            return str(self.input)
        return str(self.field("image") or "")

    @property
    def sound_path(self) -> str:
        """The sound that was asked about; empty where there is none."""
        return str(self.input) if self.kind == "audio" and self.input else ""

    def field(self, name: str) -> Any:
        """A field of a structured input; None where it has none of this name."""
        return self.input.get(name) if self.kind == "fields" and isinstance(self.input, dict) else None


class View(Panel):
    """Shows one result of one type. It is made once and shows one result after the other."""

    def show_result(self, result: Any, context: Context) -> None:
        """Show a result, also one that still grows (a streamed text)."""
        raise NotImplementedError

    def text(self) -> str:
        """The result shown, as plain text for the clipboard and for a file."""
        raise NotImplementedError
