"""The first jobs: export, run, drop, speak, hear, and an engine that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest

from tests.screens.driver import LEFT, LOOKS, TESTDATA, Driver
from workbench.resources import assets_dir
from workbench.results import Labels, Similarity, Spans, Transcript

__all__ = ["Jobs"]

SENTENCES = """The battery of this phone lasts for two days.
You can use this mobile for two days before its battery is empty.
The train to Lyon was cancelled because of the snow.
Heavy snowfall stopped the rail service to Lyon.
She bakes her own bread every morning.
"""
ENTITIES = "My name is Clara Weber, I live at 12 Rose Street in Leeds and my mail is clara.weber@example.org."


class Jobs(Driver):
    """Each step begins where the one before it ended."""

    def run(self) -> None:
        window, page = self.window, self.page
        self.shot("first", LOOKS[:1])
        self.export("sentence-transformers/all-MiniLM-L6-v2", shots=True)
        QTest.keyClicks(page.input.editor, "x")
        page.input.editor.setPlainText(SENTENCES)
        self.click(page.input.run)  # not by a shortcut: without a window manager no window is the active one
        similarity: Similarity = self.answer("sentences", Similarity)
        assert similarity.scores[2, 3] > 0.6 > similarity.scores[0, 4]
        self.shot("sentences", narrow=True)

        # A sound before any speech model is ready: kept, and run when the model is there.
        self.drop(TESTDATA / "two_cities.wav")
        if window.library.first_ready("audio") is None:
            self.wait("the offer to export", lambda: window.banner.isVisible())
            self.shot("kept", LOOKS[:2])
        self.export("openai/whisper-tiny.en")
        transcript: Transcript = self.answer("the kept sound", Transcript)
        assert "best of times" in transcript.text
        self.shot("transcript", narrow=True)
        self.play()
        self.record()

        window.sidebar.want(None)
        self.export("nationaldesignstudio/rampart")
        page.input.set_text(ENTITIES)
        self.click(page.input.run)
        spans: Spans = self.answer("entities", Spans)
        assert spans.spans
        self.shot("entities", narrow=True)

        self.export(self.name_of("tiny-vit"))
        self.drop(TESTDATA / "coffee.png")
        labels: Labels = self.answer("a picture", Labels)
        assert len(labels.labels) == 3
        self.shot("picture", narrow=True)
        self.drop(TESTDATA / "two_cities.wav")
        self.wait("the speech model", lambda: page.entry and page.entry.name == "openai/whisper-tiny.en")
        self.answer("the sound again", Transcript)

        self.errors()

    def play(self) -> None:
        """A click into the outline plays from there, through the virtual loudspeaker."""
        moved: list[float] = []
        self.window.run_page.sounds.moved.connect(lambda path, seconds: moved.append(seconds))
        waveform = self.window.run_page.result.view.waveform  # type: ignore[union-attr]
        QTest.mouseClick(waveform, LEFT, pos=QPoint(waveform.width() // 2, waveform.height() // 2))
        self.wait("the sound to play", lambda: len(moved) > 10)
        assert 15 < moved[-1] < 30, moved
        self.shot("playing", LOOKS[:1])
        self.window.run_page.sounds.stop()

    def record(self) -> None:
        """Hold the button while somebody speaks; the device was set up by :mod:`tests.screens`."""
        bar = self.window.run_page.input.microphone
        self.wait("the microphones", lambda: self.window.microphone.devices)
        QTest.mousePress(bar.button, LEFT)
        self.wait("the recording", lambda: self.window.microphone.recording and bar.meter.isVisible())
        speech = assets_dir() / "samples" / "speech" / "winter-of-despair.flac"
        speaker = threading.Thread(target=speak, args=(speech,))
        speaker.start()
        QTest.qWait(1500)
        self.shot("recording", LOOKS[:1])
        self.wait("the speech to end", lambda: not speaker.is_alive())
        QTest.mouseRelease(bar.button, LEFT)
        panel = self.window.run_page.input
        self.wait("its file", lambda: panel.items and panel.items[0].name != "two_cities.wav")
        transcript: Transcript = self.answer("what was spoken", Transcript)
        assert "despair" in transcript.text.lower(), transcript.text
        self.shot("spoken", LOOKS[:2])

    def errors(self) -> None:
        """The engine dies in mid-run; the next run works."""
        window, page = self.window, self.page
        told: list[object] = []  # by the engine: one that ends before it was asked is started again, unnoticed
        page.runs.progress.connect(told.append)
        self.click(page.input.run)
        self.wait("the run", lambda: told)
        pid = window.engine_pid()
        assert pid
        os.kill(pid, signal.SIGKILL)
        self.wait("the message", lambda: not page.runs.running)
        assert page.result.banner.isVisible()
        self.shot("killed")
        self.click(page.input.run)
        self.answer("the run after that", Transcript)


def speak(path: object) -> None:
    subprocess.run(["paplay", "--device=room", str(path)], check=True)
