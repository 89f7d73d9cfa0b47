"""What came later: chat, tasks with fields and pictures, receipts, this machine, own samples, what fails or lacks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea, QSpinBox

from tests.screens.driver import LOOKS, TESTDATA, Driver
from workbench.gui.intake import Item
from workbench.resources import assets_dir

__all__ = ["Later"]

CHAT_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
SENTENCE_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
BRIEF = LOOKS[0], LOOKS[3]


class Later(Driver):
    """Steps that can be done in any order."""

    def chat(self) -> None:
        self.export(CHAT_MODEL)
        ways = self.page.ways
        self.wait("the chat", lambda: ways.chats)
        panel = ways.panel
        self.click(panel.new)
        limit = next(field for field in panel.settings.params.fields() if isinstance(field, QSpinBox))
        limit.setValue(150)
        self.shot("chat-empty", narrow=True)
        panel.composer.editor.setPlainText("Make a table of three planets and their moons.")
        self.click(panel.composer.button)
        self.wait("the first words", lambda: panel.chat.growing and panel.chat.growing.token_count > 8)
        self.shot("chat-writing", BRIEF)
        self.wait("the answer", lambda: not panel.chat.running)
        QTest.qWait(300)
        self.shot("chat", narrow=True)
        if panel.where.details.isVisible():
            self.click(panel.where.details)
            QTest.qWait(200)
            self.shot("chat-details", BRIEF, narrow=True)
            self.click(panel.where.details)
        self.click(panel.options)
        QTest.qWait(200)
        self.shot("chat-settings", BRIEF, narrow=True)
        self.click(panel.options)

    def tasks(self) -> None:
        """Tiny models: what they answer means nothing."""
        coffee = TESTDATA / "coffee.png"
        invoice = assets_dir() / "samples" / "documents" / "invoice.png"
        self._fields("zero-shot-detection", "tiny-owlvit", {"candidate_labels": ["a cup", "a spoon"]}, coffee)
        self._fields("document", "tiny-donut", {"question": "Which date has the invoice?"}, invoice)
        for shot, ending, low in (
            ("enlarged", "tiny-swin2sr", False),
            ("segments", "tiny-maskformer", True),
            ("depth", "tiny-dpt", False),
            ("objects", "tiny-yolos", True),
        ):
            self.choose(self.name_of(ending))
            if low:
                self._set("threshold", 0.1)
            self.drop(coffee)
            self._run_ends(ending)
            self.shot(shot, narrow=True)

    def _fields(self, shot: str, ending: str, values: dict[str, Any], picture: Path) -> None:
        self.choose(self.name_of(ending))
        panel = self.page.input
        self.shot(f"{shot}-empty", BRIEF, narrow=True)
        for name, value in values.items():
            if isinstance(value, list):
                panel.needed._build({**panel.needed.values(), name: value})
            else:
                panel.form.editor(name).setPlainText(value)
        if panel.needed.isVisible():
            self._set("threshold", 0.05)
        panel.set_items([Item(picture.name, str(picture), str(picture))], "image")
        self.click(panel.run)
        self._run_ends(ending)
        self.shot(shot, narrow=True)

    def _set(self, name: str, value: float) -> None:
        form = self.page.input.params
        form._build({**form.values(), name: value})

    def _run_ends(self, what: str) -> None:
        self.wait(f"the run of {what}", lambda: not self.page.runs.running and self.page.result.answers())
        QTest.qWait(800)

    def receipt(self) -> None:
        self.export(SENTENCE_MODEL)
        self.click(self.page.receipt)
        page = self.window.beside.receipt
        self.wait("the receipts", lambda: page.isVisible() and page._state.measurable is not None)
        with tempfile.TemporaryDirectory() as folder:
            self.window.receipts.measure(SENTENCE_MODEL, "sentence-similarity", Path(folder))
            self.wait("no samples", lambda: page._state.problem)
            self.shot("receipt-no-samples", BRIEF, narrow=True)
        self.page.receipt_requested.emit(self.page.entry, "sentence-similarity")
        page.measure()
        self.wait("the timing", lambda: page._state.progress.stage)
        self.shot("receipt-measuring", narrow=True)
        self.wait("the receipt", lambda: not page._state.measuring)
        QTest.qWait(800)
        self.shot("receipt", narrow=True)
        self.shot("receipt-below", BRIEF, narrow=True, first=lambda: self._to_end(page._sheet))
        self.window.beside.close()
        self.choose(self.name_of("tiny-yolos"))
        self.click(self.page.receipt)
        QTest.qWait(500)
        self.shot("receipt-offer", narrow=True)
        self.window.beside.close()

    def machine(self) -> None:
        self.click(self.window.sidebar.machine)
        page = self.window.beside.machine
        self.shot("machine-looking", BRIEF)
        self.wait("what was found", lambda: page.diagnosis and not page.groups.is_filling)
        QTest.qWait(500)
        self.shot("machine", narrow=True)
        self.shot("machine-below", BRIEF, first=lambda: self._to_end(page._sheet))
        self.window.beside.close()

    def _to_end(self, sheet: QScrollArea) -> None:
        """Scroll to the end of what is made a few milliseconds at a time."""
        QTest.qWait(500)
        sheet.verticalScrollBar().setValue(sheet.verticalScrollBar().maximum())
        QTest.qWait(200)

    def form(self) -> None:
        """An export form with one's own samples, and one that a model has already."""
        self.export(SENTENCE_MODEL)
        self.page.export_requested.emit(self.page.entry)
        form = self.window.export_page.form
        self.wait("the form", form.export.isVisible)
        with tempfile.TemporaryDirectory() as folder:
            samples = Path(folder) / "sentences.txt"
            samples.write_text("The train was late.\nShe bakes bread.\n", "utf-8")
            form.samples.choose(samples)
            form.rows["fp16"].box.click()
            QTest.qWait(2000)
            self.shot("export-own-samples", narrow=True)
            form.samples.choose(None)

    def failing(self) -> None:
        """An export that fails."""
        name = self.name_of("broken-vit")
        self.export_form(name)
        self.click(self.button("Export"))
        self.wait("the failure", lambda: (s := self.window.exports.state(name)) and s.outcome)
        QTest.qWait(300)
        self.shot("export-failed", narrow=True)

    def lacking(self) -> None:
        """No toolchain, no microphone."""
        name = self.name_of("broken-vit")
        self.window.sidebar.select(name)
        self.wait("the toolchain's state", lambda: self.window.export_page.toolchain.isVisible())
        QTest.qWait(500)
        self.shot("no-toolchain", narrow=True)
        self.window.sidebar.select("openai/whisper-tiny.en")
        QTest.qWait(1500)
        self.click(self.page.input.microphone.button)
        QTest.qWait(1500)
        self.shot("no-microphone", narrow=True)
        self.click(self.window.sidebar.machine)
        page = self.window.beside.machine
        self.wait("what was found", lambda: page.diagnosis and not page.groups.is_filling)
        QTest.qWait(500)
        self.shot("machine-lacking", BRIEF)

    def empty(self) -> None:
        """No model at all."""
        QTest.qWait(500)
        self.shot("welcome", narrow=True)
