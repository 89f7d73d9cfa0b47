"""The two pictures of the README, of the models and the code as they are."""

from __future__ import annotations

from PIL import Image
from PySide6.QtTest import QTest

from tests.screens.driver import OUT, TESTDATA, Driver
from tests.screens.jobs import SENTENCES
from workbench.results import Similarity, Transcript

__all__ = ["Readme"]


class Readme(Driver):
    """Each answer is the second one, as a user sees it who works with a model for a while."""

    def run(self) -> None:
        page = self.page
        self.export("sentence-transformers/all-MiniLM-L6-v2")
        page.input.editor.setPlainText(SENTENCES)
        for what in ("sentences", "the sentences again"):
            self.click(page.input.run)
            self.answer(what, Similarity)
        self._save("sentences", "light")
        self.export("openai/whisper-tiny.en")
        self.drop(TESTDATA / "two_cities.wav")
        self.answer("the sound", Transcript)
        self.click(page.input.run)
        self.answer("the sound again", Transcript)
        self._save("transcript", "dark")

    def _save(self, name: str, theme: str) -> None:
        self.window.appearance.set_language("en")
        self.window.appearance.set_theme(theme)
        self.settle()
        QTest.qWait(500)  # what is known of the variant's receipt comes after the answer
        path = OUT / f"{name}-{theme}.png"
        self.window.grab().save(str(path))
        with Image.open(path) as picture:  # a third of the bytes, and nothing that could be seen
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
