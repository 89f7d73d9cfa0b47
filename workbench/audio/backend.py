"""What the audio process needs of a sound system: PortAudio is one, the tests have another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from workbench.audio.devices import Devices

__all__ = ["Backend", "Stream"]


class Stream(Protocol):
    """An open device. ``latency_s`` is the time between the process and the air, by the device's own account."""

    name: str
    rate_hz: int
    channels: int
    latency_s: float

    @property
    def active(self) -> bool:
        """Whether sound flows: False once the device is gone."""

    def start(self) -> None:
        """Let the sound flow. Raises AudioError."""

    def close(self) -> None:
        """End it at once, without what was not heard yet."""


class Backend(Protocol):
    """Opens devices by their id, None being the default one. All raise AudioError, and all but callbacks may hang."""

    def devices(self) -> Devices:
        """What is there."""

    def open_input(self, device: str | None, on_data: Callable[[bytes], None]) -> Stream:
        """A microphone at its own rate, with as few channels as it can.

        ``on_data`` gets int16 of shape [frames, channels] in a thread of the sound system, which must not wait.
        """

    def open_output(self, device: str | None, rate_hz: int, fill: Callable[[int], bytes]) -> Stream:
        """A loudspeaker at ``rate_hz``, or at its own rate where it cannot do that.

        ``fill`` gives the next so many frames of one channel, int16, in a thread of the sound system.
        """
