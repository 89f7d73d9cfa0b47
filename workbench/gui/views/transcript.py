"""What was said: the sound, and its text in stretches that can be played."""

from __future__ import annotations

from PySide6.QtCore import QEvent

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.player import Player
from workbench.gui.views.segments import SegmentsText
from workbench.gui.widgets.basic import Label, column
from workbench.gui.widgets.theme import SPACE, colors, is_theme_change
from workbench.gui.widgets.waveform import Waveform
from workbench.results import Transcript
from workbench.units import clock

__all__ = ["TranscriptView"]


class TranscriptView(View):
    """Plays the sound through ``context.sounds``; while it plays, the segment that is heard stands out."""

    def __init__(self) -> None:
        super().__init__()
        self._result = Transcript("", ())
        self._path: str | None = None
        self._playing: int | None = None
        self._shown: Transcript | None = None
        self._tinted = colors()
        self.player = Player()
        self.player.synced.connect(self._mark_playing)
        self.segments = SegmentsText()
        self.segments.chosen.connect(self._play_segment)
        self._none = Label(tone="muted", wrap=True)
        self._language = Label(tone="muted", role="small")
        layout = column(self.player, self._none, self.segments, self._language, space=SPACE.medium)
        layout.setStretchFactor(self.segments, 1)
        layout.addStretch(0)
        self.setLayout(layout)
        for part in (self.player, self._none, self._language):
            part.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.segments.setAccessibleName(tr("What was said"))
        self.segments.setAccessibleDescription(tr("Enter plays from the line that the caret is in"))
        self._none.setText(tr("No speech was found in this sound."))
        if self._result.language:
            self._language.setText(tr("Language: {language}", language=self._result.language))

    @property
    def waveform(self) -> Waveform:
        """The outline of the sound."""
        return self.player.waveform

    # --- what is shown ------------------------------------------------------------------------------------------

    def show_result(self, result: Transcript, context: Context) -> None:
        path = context.sound_path or None
        if self.player.take_file(path, context, self._mark_boundaries):
            self._path, self._shown = path, None
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

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if is_theme_change(event) and self._shown is not None and self._tinted is not colors():
            self._fill()

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

    def _play_segment(self, number: int) -> None:
        if self._path is not None and 0 <= number < len(self._result.segments):
            self.player.play_from(self._result.segments[number].start_s)

    def _mark_playing(self) -> None:
        now: int | None = None
        if self.player.is_playing:
            at = self.waveform.position_s
            places = (n for n in range(len(self._result.segments)) if self._span_s(n)[0] <= at < self._span_s(n)[1])
            now = next(places, None)
        if now != self._playing:
            self._playing = now
            self.segments.mark_segment(now)
