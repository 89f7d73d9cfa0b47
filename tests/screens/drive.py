"""What a user does in the window, step by step, by real events; run by :mod:`tests.screens`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from workbench.gui import main_window, start
from workbench.resources import assets_dir
from workbench.results import Labels, Similarity, Spans, Transcript

OUT = Path(os.environ["SCREENS_OUT"])
TESTDATA = Path(os.environ["SCREENS_TESTDATA"])
LEFT = Qt.MouseButton.LeftButton
LOOKS = (("en", "light"), ("en", "dark"), ("zh_CN", "light"), ("zh_CN", "dark"))
SENTENCES = """The battery of this phone lasts for two days.
You can use this mobile for two days before its battery is empty.
The train to Lyon was cancelled because of the snow.
Heavy snowfall stopped the rail service to Lyon.
She bakes her own bread every morning.
"""
ENTITIES = "My name is Clara Weber, I live at 12 Rose Street in Leeds and my mail is clara.weber@example.org."


class Driver:
    """Does the steps; each waits for what the user would see."""

    def __init__(self, window: main_window.MainWindow) -> None:
        self.window = window

    def wait(self, what: str, seen: Callable[[], Any], timeout_s: float = 600) -> None:
        began = time.monotonic()
        while not seen():
            if time.monotonic() - began > timeout_s:
                self.shot(f"stuck-{what}")
                raise TimeoutError(f"{what}: not after {timeout_s:.0f} s")
            QTest.qWait(20)
        print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)

    def shot(self, name: str, looks: tuple[tuple[str, str], ...] = LOOKS) -> None:
        """Pictures of the window in these languages and themes; in the end it looks as before."""
        for language, theme in (*looks, ("en", "light")):
            self.window.appearance.set_language(language)
            self.window.appearance.set_theme(theme)
            QTest.qWait(60)
            if (language, theme) in looks:
                self.window.grab().save(str(OUT / f"{name}-{language}-{theme}.png"))
                looks = tuple(look for look in looks if look != (language, theme))

    def click(self, button: QPushButton) -> None:
        QTest.mouseClick(button, LEFT)

    def button(self, text: str) -> QPushButton:
        """A visible button by its text."""
        for button in self.window.findChildren(QPushButton):
            if button.isVisible() and button.text() == text:
                return button
        raise LookupError(text)

    def drop(self, path: Path) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        place, keys = QPoint(700, 400), Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(self.window, QDragEnterEvent(place, Qt.DropAction.CopyAction, mime, LEFT, keys))
        QApplication.sendEvent(self.window, QDropEvent(QPointF(place), Qt.DropAction.CopyAction, mime, LEFT, keys))

    def answer(self, what: str, kind: type) -> Any:
        page = self.window.run_page
        self.wait(what, lambda: not page.runs.running and page.result.answers())
        (report,) = page.result.answers()
        if not isinstance(report.result, kind):
            raise AssertionError(f"{what}: {report}")
        QTest.qWait(300)  # previews and outlines arrive
        return report.result

    def export(self, name: str, *, shots: bool = False) -> None:
        self.window.sidebar.select(name)
        page = self.window.export_page

        def offered() -> bool:
            buttons = page.findChildren(QPushButton)
            return any(one.isVisible() and one.isEnabled() and one.text() == "Export" for one in buttons)

        self.wait(f"the form of {name}", offered)
        if shots:
            self.shot("export-form")
        self.click(self.button("Export"))
        if shots:
            self.wait("the stage 'export'", lambda: (s := self.window.exports.state(name)) and s.stage == "export")
            self.shot("export-running")
        self.wait(f"the export of {name}", lambda: (s := self.window.exports.state(name)) and s.outcome is not None)
        self.wait(f"{name} to be ready", lambda: (e := self.window.library.entry(name)) and e.standing == "ready")
        if shots:
            self.shot("export-done")
        if self.window.pages.currentWidget() is page:  # else something waited for it and runs already
            self.click(self.button("Use it now"))

    def run(self) -> None:
        window, page = self.window, self.window.run_page
        self.wait("the models", lambda: window.library.listing)
        self.shot("first", LOOKS[:1])
        self.export("sentence-transformers/all-MiniLM-L6-v2", shots=True)
        QTest.keyClicks(page.input.editor, "x")
        page.input.editor.setPlainText(SENTENCES)
        self.click(page.input.run)  # not by a shortcut: without a window manager no window is the active one
        similarity: Similarity = self.answer("sentences", Similarity)
        assert similarity.scores[2, 3] > 0.6 > similarity.scores[0, 4]
        self.shot("sentences")

        # A sound before any speech model is ready: kept, and run when the model is there.
        self.drop(TESTDATA / "two_cities.wav")
        self.wait("the offer to export", lambda: window.banner.isVisible())
        self.shot("kept", LOOKS[:2])
        self.export("openai/whisper-tiny.en")
        transcript: Transcript = self.answer("the kept sound", Transcript)
        assert "best of times" in transcript.text
        self.shot("transcript")
        self.play()
        self.record()

        window.sidebar.want(None)
        self.export("nationaldesignstudio/rampart")
        page.input.set_text(ENTITIES)
        self.click(page.input.run)
        spans: Spans = self.answer("entities", Spans)
        assert spans.spans
        self.shot("entities")

        picture_model = next(entry.name for entry in window.library.entries if entry.name.endswith("tiny-vit"))
        self.export(picture_model)
        self.drop(TESTDATA / "coffee.png")
        labels: Labels = self.answer("a picture", Labels)
        assert len(labels.labels) == 3
        self.shot("picture")
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
        window, page = self.window, self.window.run_page
        self.click(page.input.run)
        self.wait("the run", lambda: page.runs.running)
        pid = window.engine_pid()
        assert pid
        QTest.qWait(300)
        os.kill(pid, signal.SIGKILL)
        self.wait("the message", lambda: not page.runs.running)
        self.shot("killed")
        self.click(page.input.run)
        self.answer("the run after that", Transcript)


def speak(path: Path) -> None:
    import subprocess

    subprocess.run(["paplay", "--device=room", str(path)], check=True)


class Window(main_window.MainWindow):
    def begin(self) -> None:
        super().begin()
        QTimer.singleShot(0, self.drive)

    def drive(self) -> None:
        status = 0
        try:
            Driver(self).run()
        except BaseException:
            traceback.print_exc()
            self.grab().save(str(OUT / "failed.png"))
            status = 1
        os.environ["SCREENS_STATUS"] = str(status)
        self.closed.emit()


if __name__ == "__main__":
    main_window.MainWindow = Window  # type: ignore[misc]
    start.run()
    sys.exit(int(os.environ.get("SCREENS_STATUS", "1")))
