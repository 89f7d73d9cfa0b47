"""Answers to a question, each where it stands in the text that it was found in."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent
from PySide6.QtGui import QFont, QTextCharFormat, QTextCursor

from workbench.gui.language import tr
from workbench.gui.views.base import Context, View
from workbench.gui.views.marked_text import document_offsets
from workbench.gui.views.painting import one_line, percent, safe, signed
from workbench.gui.views.quote import Quote
from workbench.gui.views.ranked import Rank, RankedList, bars
from workbench.gui.views.reading import Ground, ReadingText
from workbench.gui.widgets.basic import Label, column
from workbench.gui.widgets.theme import SPACE
from workbench.results import Answer, Answers

__all__ = ["AnswersView"]

MAX_LIST_PX = 170
TOLERANCE = 1e-4


class AnswersView(View):
    """The question, the answers to choose from, and the text with the one that is chosen marked in it."""

    def __init__(self) -> None:
        super().__init__()
        self._result: Answers | None = None
        self._chosen = 0
        self.quote = Quote()
        self.list = RankedList()
        self.list.selectionModel().currentChanged.connect(lambda now, before: self._choose(now.row()))
        self._note = Label(tone="muted", wrap=True)
        self.edit = ReadingText(line_height_percent=155)
        layout = column(self.quote, self._note, self.list, self.edit, space=SPACE.medium)
        layout.setStretchFactor(self.edit, 1)
        layout.addStretch(0)
        self.setLayout(layout)
        self._note.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.list.setAccessibleName(tr("Answers and their scores"))
        self.edit.setAccessibleName(tr("Text with the answer"))
        if self._result is not None:
            self._show()

    def show_result(self, result: Answers, context: Context) -> None:
        if result == self._result:
            return
        before, self._result = self._result, result
        self._chosen = 0
        self.quote.set_text(result.question)
        self.edit.setVisible(bool(result.context))
        if before is None or before.context != result.context:
            self.edit.put_text(safe(result.context))
        self._show()
        self.list.scrollToTop()
        self._mark()

    def text(self) -> str:
        """The best answer; below it each one with its score."""
        result = self._result
        if result is None or not result.answers:
            return tr("The text does not answer this question.")
        return "\n".join(f"{item.score:.4f}\t{self._words(item)}" for item in result.answers)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._mark()

    def _words(self, answer: Answer) -> str:
        return one_line(answer.answer) if answer.answer.strip() else tr("No answer")

    def _show(self) -> None:
        assert self._result is not None
        answers = self._result.answers
        scores = [item.score for item in answers]
        shapes = bars(scores, high=1.0)
        # Equal answers add up, so that a sum can exceed 1, which no share of a whole does.
        figure = partial(signed, digits=3) if any(score > 1 + TOLERANCE for score in scores) else percent
        self.list.show_ranks(
            [
                Rank(self._words(item), figure(item.score), *shape, strong=place == 0)
                for place, (item, shape) in enumerate(zip(answers, shapes, strict=True))
            ]
        )
        self.list.setMaximumHeight(min(MAX_LIST_PX, self.list.sizeHint().height()))
        self.list.setVisible(bool(answers))
        nothing = not answers or not answers[0].answer.strip()
        self._note.setText(tr("The text does not answer this question."))
        self._note.setVisible(nothing)

    # --- the one that is chosen ---------------------------------------------------------------------------------

    def _choose(self, number: int) -> None:
        if number >= 0 and number != self._chosen:
            self._chosen = number
            self._mark()

    def _mark(self) -> None:
        """A ground behind the chosen answer, fainter ones behind the others; the chosen one comes into sight."""
        result = self._result
        if result is None:
            return
        offsets = document_offsets(safe(result.context))
        grounds, strong = [], None
        for number, answer in enumerate(result.answers):
            if not 0 <= answer.start < answer.end < len(offsets):
                continue
            start, end = int(offsets[answer.start]), int(offsets[answer.end])
            if number == self._chosen:
                strong = (start, end)
                grounds.append(Ground(start, end, "hue 0", depth=1))
            else:
                grounds.append(Ground(start, end, "raised"))
        self._embolden(strong)
        self.edit.set_grounds(grounds)
        if strong:
            cursor = QTextCursor(self.edit.document())
            cursor.setPosition(strong[0])
            self.edit.setTextCursor(cursor)
            self.edit.ensureCursorVisible()

    def _embolden(self, stretch: tuple[int, int] | None) -> None:
        """Told without colour, too."""
        cursor = QTextCursor(self.edit.document())
        cursor.beginEditBlock()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.setCharFormat(QTextCharFormat())
        if stretch:
            strong = QTextCharFormat()
            strong.setFontWeight(QFont.Weight.DemiBold)
            cursor.setPosition(stretch[0])
            cursor.setPosition(stretch[1], QTextCursor.MoveMode.KeepAnchor)
            cursor.setCharFormat(strong)
        cursor.endEditBlock()
