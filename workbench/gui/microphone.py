"""Recording, for the window: which microphones there are, the level, and what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from workbench.cancellation import Cancellation
from workbench.errors import WorkbenchError
from workbench.gui.background import Background, Job, cancel_beside
from workbench.gui.core import Core

if TYPE_CHECKING:
    from workbench.audio.devices import Device, Devices
    from workbench.audio.host import Recording

__all__ = ["Microphone"]


class Microphone(QObject):
    """``devices`` is None until they were asked for; ``problem`` is why nothing can be recorded."""

    changed = Signal()  # devices, problem, recording
    level = Signal(float, float)  # seconds so far, the largest sample of the last stretch in 0..1
    recorded = Signal(object)  # Recording
    failed = Signal(object)  # WorkbenchError

    def __init__(self, core: Core, background: Background, device: str | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._core = core
        self._background = background
        self.device = device
        self.devices: Devices | None = None
        self.problem: WorkbenchError | None = None
        self._stop: Cancellation | None = None
        self._meter: Cancellation | None = None

    @property
    def recording(self) -> bool:
        return self._stop is not None

    @property
    def chosen(self) -> Device | None:
        """The microphone that will record: the wished one where it is there, else the default."""
        inputs = self.devices.inputs if self.devices else ()
        wished = [item for item in inputs if item.id == self.device]
        return next(iter([*wished, *inputs]), None)

    def look(self, refresh: bool = False) -> None:
        """Ask for the microphones; ``refresh`` finds what was plugged in since."""

        def found(devices: Devices) -> None:
            from workbench.errors import AudioError

            self.devices = devices
            self.problem = None if devices.inputs else AudioError("audio-no-microphone")
            self.changed.emit()

        def failed(error: Exception) -> None:
            if not isinstance(error, WorkbenchError):
                raise error
            self.devices, self.problem = None, error
            self.changed.emit()

        self._background.start(
            lambda job: self._core.workbench.microphones(refresh), done=found, failed=failed, lane="devices"
        )

    def choose(self, device: str) -> None:
        """Record from this device from now on."""
        self.device = device
        self._background.start(
            lambda job: self._core.workbench.change_setting("microphone", device),
            failed=self._told,
            lane="settings",
        )
        self.changed.emit()

    def start(self) -> None:
        """Begin to record; ``recorded`` or ``failed`` comes when it has ended."""
        if self._stop:
            return
        self.listen(False)
        stop = self._stop = Cancellation()
        device = self.device if self.chosen and self.chosen.id == self.device else None

        def work(job: Job) -> Recording:
            return self._core.workbench.record(
                device=device,
                stop=stop,
                on_level=lambda seconds, peak: job.tell(self.level.emit, seconds, peak),
                cancellation=job.cancellation,
            )

        def ended(recording: Recording) -> None:
            self._ended(stop)
            self.recorded.emit(recording)

        def failed(error: Exception) -> None:
            self._ended(stop)
            self._told(error)

        self._background.start(work, done=ended, failed=failed, cancelled=lambda: self._ended(stop))
        self.changed.emit()

    def stop(self) -> None:
        """End the recording and keep it."""
        if self._stop:
            cancel_beside(self._stop)

    def listen(self, on: bool) -> None:
        """Show the level without recording, to choose a microphone by."""
        if self._meter:
            cancel_beside(self._meter)
            self._meter = None
        if on and not self._stop and self.chosen:
            meter = self._meter = Cancellation()
            device = self.chosen.id

            def told(seconds: float, peak: float) -> None:
                if self._meter is meter:
                    self.level.emit(0.0, peak)

            def work(job: Job) -> None:
                self._core.workbench.audio.record(
                    None,
                    device,
                    stop=meter,
                    on_level=lambda seconds, peak: job.tell(told, seconds, peak),
                    cancellation=job.cancellation,
                )

            self._background.start(work, failed=self._told)

    def _ended(self, stop: Cancellation) -> None:
        if self._stop is stop:
            self._stop = None
            self.changed.emit()

    def _told(self, error: Exception) -> None:
        if not isinstance(error, WorkbenchError):
            raise error
        self.failed.emit(error)
