"""The microphone button: hold it to speak, or tap it; the level, the clock, and which microphone it is."""

from __future__ import annotations

import time
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QActionGroup, QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QWidget

from workbench.audio.devices import Device
from workbench.errors import WorkbenchError
from workbench.gui.language import message_of, tr
from workbench.gui.microphone import Microphone
from workbench.gui.widgets.basic import Banner, Button, Label, Panel, plain_tip, row
from workbench.gui.widgets.theme import SPACE, colors, mark

__all__ = ["LevelMeter", "MicrophoneBar"]

# A press that is shorter is a tap: the recording goes on until the next one.
HOLD_S = 0.35
METER_DECAY = 0.8
METER_MS = 33
FLOOR_DB = -50.0


class LevelMeter(QWidget):
    """A bar for a level in 0..1, by decibels above -50; it falls slowly, so that the eye can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(96, 8)
        self._share = 0.0

    @property
    def share(self) -> float:
        """How full it is, in 0..1."""
        return self._share

    def set_level(self, peak: float) -> None:
        import math

        decibels = 20 * math.log10(peak) if peak > 0 else FLOOR_DB
        self._share = max(min(1.0, max(0.0, 1 - decibels / FLOOR_DB)), self._share * METER_DECAY)
        self.update()

    def clear(self) -> None:
        self._share = 0.0
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors().border))
        painter.drawRoundedRect(self.rect(), 4, 4)
        if self._share:
            painter.setBrush(QColor(colors().danger if self._share > 0.97 else colors().success))
            painter.drawRoundedRect(0, 0, max(8, int(self.width() * self._share)), self.height(), 4, 4)


class MicrophoneBar(Panel):
    """Starts and ends recordings of :class:`Microphone`; why it cannot is told on ``banner``."""

    def __init__(self, microphone: Microphone, banner: Banner) -> None:
        super().__init__()
        self._microphone = microphone
        self._pressed_s: float | None = None
        self._has_model = True  # whether what is recorded can be transcribed
        self.button = Button(icon="microphone", role="record")
        self.button.installEventFilter(self)
        self.device = Button(icon="chevron-down", role="quiet", tint="muted")
        self._menu = QMenu(self.device)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._menu.aboutToHide.connect(lambda: self._meter(False))
        self.device.setMenu(self._menu)
        self.meter = LevelMeter()
        self._clock = Label(tone="muted")
        self._banner = banner
        self.setLayout(row(self.button, self.device, self.meter, self._clock, space=SPACE.small))
        microphone.changed.connect(self._show_state)
        microphone.level.connect(self._show_level)
        microphone.failed.connect(self._tell)
        self.meter.hide()
        self._clock.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.device.describe(tr("Choose the microphone"))
        self.meter.setAccessibleName(tr("Level of the microphone"))
        self._clock.setAccessibleName(tr("Recorded so far"))
        self._show_state()

    def set_speech_model(self, there: bool) -> None:
        """Whether a model is ready that can transcribe what is recorded."""
        self._has_model = there
        self._show_state()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hold or tap, by mouse or by the space bar."""
        kind = event.type()
        if kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            assert isinstance(event, QKeyEvent)
            if event.key() not in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                return False
            if not event.isAutoRepeat():
                self._press() if kind == QEvent.Type.KeyPress else self._release()
            return True
        if isinstance(event, QMouseEvent) and event.button() == Qt.MouseButton.RightButton:
            return False
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            self._press()
        elif kind == QEvent.Type.MouseButtonRelease:
            self._release()
        elif kind == QEvent.Type.FocusOut and self._pressed_s is not None:
            self._pressed_s = None  # the release will not come here
            self._microphone.stop()
        return False

    def _press(self) -> None:
        if self._microphone.recording:
            self._pressed_s = None
            self._microphone.stop()
            return
        if self._why_not():
            self._explain()
            return
        self._banner.clear()
        self._pressed_s = time.monotonic()
        self._microphone.start()

    def _release(self) -> None:
        pressed_s, self._pressed_s = self._pressed_s, None
        if pressed_s is not None and time.monotonic() - pressed_s >= HOLD_S:
            self._microphone.stop()

    def _why_not(self) -> str | None:
        if self._microphone.problem:
            return message_of(self._microphone.problem)
        return None if self._has_model else _no_model()

    def _explain(self) -> None:
        def again() -> None:
            self._banner.clear()
            self._microphone.look(refresh=True)

        if self._microphone.problem:
            why = partial(message_of, self._microphone.problem)
            self._banner.tell(why, tone="warning", action=lambda: tr("Look again"), receiver=again)
        elif not self._has_model:
            self._banner.tell(_no_model, tone="warning")

    def _tell(self, error: WorkbenchError) -> None:
        self._banner.tell(partial(message_of, error), tone="danger")

    def _show_state(self) -> None:
        recording = self._microphone.recording
        self.button.setText(tr("Stop") if recording else tr("Speak"))
        self.button.set_icon("stop" if recording else "microphone", "surface" if recording else "text")
        mark(self.button, active=recording)
        why = self._why_not()
        hint = tr("Hold to speak, or tap to begin and tap again to end")
        self.button.setToolTip(plain_tip(why or hint))
        self.button.setAccessibleName(tr("Stop recording") if recording else tr("Record from the microphone"))
        self.button.setAccessibleDescription(why or hint)
        self.meter.setVisible(recording)
        self._clock.setVisible(recording)
        if not recording:
            self.meter.clear()
            self._clock.setText("0:00")
        chosen = self._microphone.chosen
        devices = self._microphone.devices
        self.device.setVisible(bool(devices and devices.inputs) and not recording)
        if chosen:
            self.device.setToolTip(plain_tip(tr("Microphone: {name}", name=_name_of(chosen))))

    def _fill_menu(self) -> None:
        menu = self._menu
        menu.clear()
        group = QActionGroup(menu)
        chosen, devices = self._microphone.chosen, self._microphone.devices
        for device in devices.inputs if devices else ():
            action = menu.addAction(_name_of(device).replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(device == chosen)
            group.addAction(action)
            action.triggered.connect(lambda _=False, id_=device.id: self._microphone.choose(id_))
        menu.addSeparator()
        menu.addAction(tr("Look again"), lambda: self._microphone.look(refresh=True))
        self._meter(True)

    def _meter(self, on: bool) -> None:
        """The level while a microphone is chosen, so that one sees which of them hears."""
        self.meter.clear()
        self.meter.setVisible(on)
        self._microphone.listen(on)

    def _show_level(self, seconds: float, peak: float) -> None:
        self.meter.set_level(peak)
        self._clock.setText(f"{int(seconds) // 60}:{int(seconds) % 60:02d}")


def _no_model() -> str:
    return tr("No speech model is ready. Export one first, for instance whisper-tiny.en.")


def _name_of(device: Device) -> str:
    """ALSA and its like call the device of the system's settings just so."""
    return tr("The system's microphone") if device.name == "default" else device.name
