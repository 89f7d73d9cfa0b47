"""A button, the outline of a sound and a clock: plays a sound file through ``Sounds``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QSizePolicy

from workbench.gui.language import tr
from workbench.gui.views.base import Context, Sounds
from workbench.gui.views.painting import number_font
from workbench.gui.widgets.basic import Button, Label, Panel, row
from workbench.gui.widgets.waveform import Waveform
from workbench.results import Waveform as Outline
from workbench.units import clock

__all__ = ["Player"]

# Columns of an outline: more than any screen has room for.
BUCKETS = 1200
# A sound that stops this near its end has ended.
END_S = 0.3


class Player(Panel):
    """Plays one sound, which need not be in a file before it is to be heard."""

    synced = Signal()  # it plays, stopped, or is elsewhere now

    def __init__(self) -> None:
        super().__init__()
        self._path: str | None = None
        self._fetch: Callable[[Callable[[str], None]], None] | None = None
        self._fetched = 0  # grows with each sound: a file that comes late is not played
        self._sounds: Sounds | None = None
        self.waveform = Waveform()
        self.waveform.sought.connect(self._seek)
        self.waveform.pointed.connect(self.play_from)
        self.waveform.toggled.connect(self.toggle)
        self.button = Button(icon="play", role="quiet")
        self.button.clicked.connect(self.toggle)
        self.clock = Label(tone="muted")
        self.clock.setFont(number_font(self.clock.font()))
        self.clock.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = row(self.button, self.waveform, self.clock)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.retranslate()

    def retranslate(self) -> None:
        self._sync()

    @property
    def is_playing(self) -> bool:
        return self._sounds is not None and self._path is not None and self._sounds.playing == self._path

    def listen(self, sounds: Sounds) -> None:
        """Play through these from now on."""
        if sounds is self._sounds:
            return
        if self._sounds is not None:
            self.stop()
            self._sounds.moved.disconnect(self._moved)
            self._sounds.stopped.disconnect(self._stopped)
        self._sounds = sounds
        sounds.moved.connect(self._moved)
        sounds.stopped.connect(self._stopped)

    def take(self, path: str | None, fetch: Callable[[Callable[[str], None]], None] | None = None) -> None:
        """Another sound: the file ``path``, or one that ``fetch(receiver)`` makes when it is to be heard."""
        self.stop()
        self._path, self._fetch = path, fetch
        self._fetched += 1
        self.waveform.clear()
        self._sync()

    def take_file(self, path: str | None, context: Context, outlined: Callable[[], None] = lambda: None) -> bool:
        """The sound file ``path``; out of sight where there is none. Its outline comes later, and ``outlined`` tells.

        False where it is the file that is here already.
        """
        self.listen(context.sounds)
        if path == self._path and path is not None:
            return False
        self.take(path)
        self.setVisible(path is not None)
        if path is not None:
            number = self._fetched

            def receive(outline: Outline) -> None:
                if number == self._fetched:
                    self.show_outline(outline.duration_s, outline.peaks)
                    outlined()

            context.waveform(path, BUCKETS, receive)
        return True

    def toggle(self) -> None:
        """Play on from where the playhead is, or stop."""
        if self.is_playing:
            self.stop()
        else:
            at = self.waveform.position_s
            self.play_from(0.0 if self._is_end(at) else at)

    def play_from(self, seconds: float) -> None:
        if self._sounds is None:
            return
        if self._path is None:
            self._fetch_and_play(seconds)
            return
        self.waveform.set_position(seconds)
        self._sounds.play(self._path, seconds)
        self.waveform.set_position(seconds)  # starting anew stops what played, which may have moved it
        self._sync()

    def stop(self) -> None:
        if self._sounds is not None and self.is_playing:
            self._sounds.stop()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        # A sound whose player is gone could not be stopped; a window that is only minimised goes on.
        if not event.spontaneous():
            self.stop()

    def _fetch_and_play(self, seconds: float) -> None:
        number = self._fetched

        def receive(path: str) -> None:
            if number == self._fetched:
                self._path = path
                self.play_from(seconds)

        if self._fetch is not None:
            self._fetch(receive)

    def _seek(self, seconds: float) -> None:
        """The playhead was moved: what plays goes on from there; by keys, what is silent stays so."""
        if self.is_playing:
            self.play_from(seconds)
        else:
            self._sync()

    def _is_end(self, seconds: float) -> bool:
        return bool(self.waveform.duration_s) and seconds >= self.waveform.duration_s - END_S

    def _moved(self, path: str, seconds: float) -> None:
        if path == self._path:
            self.waveform.set_position(seconds)
            self._sync()

    def _stopped(self, path: str) -> None:
        if path != self._path:
            return
        if self._is_end(self.waveform.position_s):
            self.waveform.set_position(0.0)
        self._sync()

    def _sync(self, *_: Any) -> None:
        """Button and clock, as things are now."""
        self.button.set_icon("pause" if self.is_playing else "play")
        self.button.describe(tr("Pause") if self.is_playing else tr("Play"))
        whole = clock(self.waveform.duration_s) if self.waveform.duration_s else "…"
        self.clock.setText(f"{clock(self.waveform.position_s)} / {whole}")
        self.synced.emit()

    def show_outline(self, duration_s: float, peaks: Any) -> None:
        """The sound's outline: ``peaks`` float32 [n, 2]."""
        self.waveform.set_outline(duration_s, peaks)
        self._sync()
