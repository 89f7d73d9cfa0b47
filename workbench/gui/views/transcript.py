"""What was said: the sound, and its text in stretches that can be played."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import (
    QHideEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.gui.language import tr
from workbench.gui.views.base import Context, Sounds, View
from workbench.gui.views.painting import number_font
from workbench.gui.views.segments import SegmentsText
from workbench.gui.widgets.basic import Button, Label, column, row
from workbench.gui.widgets.theme import SPACE, colors, is_theme_change
from workbench.gui.widgets.waveform import Waveform
from workbench.results import Transcript
from workbench.results import Waveform as Outline
from workbench.units import clock

__all__ = ["TranscriptView"]

BUCKETS = 1200
# A sound that stops this near its end has ended.
END_S = 0.3


class TranscriptView(View):
    """Plays the sound through ``context.sounds``; while it plays, the segment that is heard stands out."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Transcript("", ())
        self._path: str | None = None
        self._sounds: Sounds | None = None
        self._playing: int | None = None
        self._shown: Transcript | None = None
        self._tinted = colors()
        self.waveform = Waveform()
        self.waveform.sought.connect(self._seek)
        self.waveform.pointed.connect(self._play_from)
        self.waveform.toggled.connect(self.toggle)
        self.button = Button(icon="play", role="quiet")
        self.button.clicked.connect(self.toggle)
        self.clock = Label(tone="muted")
        self.clock.setFont(number_font(self.clock.font()))
        self.clock.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._player = QWidget()
        self._player.setLayout(row(self.button, self.waveform, self.clock))
        self._player.layout().setStretch(1, 1)  # type: ignore[union-attr]
        self._player.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.segments = SegmentsText()
        self.segments.chosen.connect(self._play_segment)
        self._none = Label(tone="muted", wrap=True)
        self._language = Label(tone="muted", role="small")
        layout = column(self._player, self._none, self.segments, self._language, space=SPACE.medium)
        layout.setStretchFactor(self.segments, 1)
        layout.addStretch(0)
        self.setLayout(layout)
        for part in (self._player, self._none, self._language):
            part.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.segments.setAccessibleName(tr("What was said"))
        self.segments.setAccessibleDescription(tr("Enter plays from the line that the caret is in"))
        self._none.setText(tr("No speech was found in this sound."))
        if self._result.language:
            self._language.setText(tr("Language: {language}", language=self._result.language))
        self._sync()

    # --- what is shown ------------------------------------------------------------------------------------------

    def show_result(self, result: Transcript, context: Context) -> None:
        path = str(context.input) if context.kind == "audio" else None
        self._listen(context.sounds)
        if path != self._path:
            self._take(path, context)
        self._result = result
        has_text = bool(result.segments or result.text.strip())
        self._none.setVisible(not has_text)
        self.segments.setVisible(has_text)
        self._language.setVisible(bool(result.language) and has_text)
        if result != self._shown:
            self._fill()
        self.retranslate()

    def text(self) -> str:
        result = self._result
        if not result.segments:
            return result.text.strip()
        return "\n".join(
            f"[{clock(item.start_s)} → {clock(item.end_s)}] {' '.join(item.text.split())}" for item in result.segments
        )

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        # A sound whose view is gone could not be stopped; a window that is only minimised goes on.
        if not event.spontaneous():
            self._stop()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if is_theme_change(event) and self._shown is not None and self._tinted is not colors():
            self._fill()

    def _take(self, path: str | None, context: Context) -> None:
        """Another sound: what plays of the one before stops."""
        self._stop()
        self._path, self._shown = path, None
        self._player.setVisible(path is not None)
        self.waveform.clear()
        if path is not None:

            def receive(outline: Outline) -> None:
                if self._path == path:
                    self.waveform.set_outline(outline.duration_s, outline.peaks)
                    self._mark_boundaries()
                    self._sync()

            context.waveform(path, BUCKETS, receive)

    def _fill(self) -> None:
        result, self._tinted = self._result, colors()
        if result.segments:
            self.segments.put_segments(result.segments, anew=self._shown is None)
        else:
            self.segments.put_plain(result.text.strip())
        self._shown, self._playing = result, None
        self._mark_boundaries()
        self._mark_playing()

    def _mark_boundaries(self) -> None:
        if self.waveform.duration_s:
            self.waveform.set_segments([self._span_s(n) for n in range(len(self._result.segments))])

    def _span_s(self, number: int) -> tuple[float, float]:
        """Start and end of a segment; one without an end lasts until the next, or to the end of the sound."""
        segments = self._result.segments
        item = segments[number]
        if item.end_s is not None:
            return item.start_s, item.end_s
        after = segments[number + 1].start_s if number + 1 < len(segments) else self.waveform.duration_s
        return item.start_s, after or float("inf")

    # --- playing ------------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Play on from where the playhead is, or stop."""
        if self._is_playing:
            self._stop()
        else:
            at = self.waveform.position_s
            self._play_from(0.0 if self._is_end(at) else at)

    @property
    def _is_playing(self) -> bool:
        return self._sounds is not None and self._path is not None and self._sounds.playing == self._path

    def _listen(self, sounds: Sounds) -> None:
        if sounds is self._sounds:
            return
        if self._sounds is not None:
            self._stop()
            self._sounds.moved.disconnect(self._moved)
            self._sounds.stopped.disconnect(self._stopped)
        self._sounds = sounds
        sounds.moved.connect(self._moved)
        sounds.stopped.connect(self._stopped)

    def _play_segment(self, number: int) -> None:
        if self._path is not None and 0 <= number < len(self._result.segments):
            self._play_from(self._result.segments[number].start_s)

    def _play_from(self, seconds: float) -> None:
        if self._sounds is None or self._path is None:
            return
        self.waveform.set_position(seconds)
        self._sounds.play(self._path, seconds)
        self.waveform.set_position(seconds)  # starting anew stops what played, which may have moved it
        self._sync()

    def _seek(self, seconds: float) -> None:
        """The playhead was moved: what plays goes on from there; by keys, what is silent stays so."""
        if self._is_playing:
            self._play_from(seconds)
        else:
            self._sync()

    def _is_end(self, seconds: float) -> bool:
        return bool(self.waveform.duration_s) and seconds >= self.waveform.duration_s - END_S

    def _stop(self) -> None:
        if self._sounds is not None and self._is_playing:
            self._sounds.stop()

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
        """Button, clock and the segment that plays, as things are now."""
        playing = self._is_playing
        self.button.set_icon("pause" if playing else "play")
        self.button.describe(tr("Pause") if playing else tr("Play"))
        whole = clock(self.waveform.duration_s) if self.waveform.duration_s else "…"
        self.clock.setText(f"{clock(self.waveform.position_s)} / {whole}")
        self._mark_playing()

    def _mark_playing(self) -> None:
        now: int | None = None
        if self._is_playing:
            at = self.waveform.position_s
            places = (n for n in range(len(self._result.segments)) if self._span_s(n)[0] <= at < self._span_s(n)[1])
            now = next(places, None)
        if now != self._playing:
            self._playing = now
            self.segments.mark_segment(now)
