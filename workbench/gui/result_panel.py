"""The answers: one view for the result that is chosen, a list where there are many, JSON, copy, save, where it ran."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QPlainTextEdit,
    QProgressBar,
    QWidget,
)

from workbench.gui.answer_rows import AnswerRows
from workbench.gui.answer_saver import Answer as SavedAnswer
from workbench.gui.answer_saver import AnswerSaver, Overlay
from workbench.gui.background import Background
from workbench.gui.language import message_of, tr
from workbench.gui.where_strip import WhereStrip
from workbench.gui.widgets.basic import Banner, Button, Label, Panel, column, row
from workbench.gui.widgets.fitted import Fitted
from workbench.gui.widgets.tab_order import put_in_order
from workbench.gui.widgets.text_rows import TextRows
from workbench.gui.widgets.theme import SPACE, mark
from workbench.gui.widgets.turned import Turned

if TYPE_CHECKING:
    from workbench.gui.runs import Order
    from workbench.gui.views.base import Context, View
    from workbench.results import Result
    from workbench.running import ItemReport, RunReport

__all__ = ["ResultPanel"]

MAX_JSON_SHOWN = 400_000
MAX_LIST_PX = 180
# Below this height there is no room for an answer and the details below it.
LOW_PX = 360
LEAST_PX = 96  # of an answer


class ResultPanel(Panel):
    """Shows what :class:`~workbench.gui.runs.Runs` tells; holds every answer of the last run."""

    def __init__(self, background: Background, context_of: Any, overlay: Overlay) -> None:
        """``context_of(input, kind)`` makes the :class:`~workbench.gui.views.base.Context` of an input; ``overlay``
        is what :class:`AnswerSaver` wants."""
        super().__init__()
        self._background = background
        self._context_of = context_of
        self._order: Order | None = None
        self._report: RunReport | None = None
        self._reports: dict[int, ItemReport] = {}
        self._growing: dict[int, Result] = {}
        self._views: dict[Any, View] = {}
        self._factory: Any = None
        # Words as functions, which follow the language.
        self._empty_words: Callable[[], str] = str
        self._doing_words: Callable[[], str] = str
        self._run_words: tuple[Callable[[], str], str] | None = None  # what the whole run has to say, and its tone
        self._shown: int | None = None
        self._title = Label(role="heading")
        self._as_json = Button(role="quiet")
        self._as_json.setCheckable(True)
        self._as_json.toggled.connect(self._show_current)
        self.copy = Button(icon="copy", role="quiet")
        self.copy.clicked.connect(self._copy)
        self.save = Button(icon="save", role="quiet")
        self.save.clicked.connect(self._save)
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._doing = Label(tone="muted", role="small")
        self.banner = Banner()
        self.saver = AnswerSaver(background, overlay, lambda words, tone: self.banner.tell(words, tone=tone), self)
        self._answers = AnswerRows()
        self.list = TextRows(Qt.TextElideMode.ElideMiddle)  # what became of an input stands at the end
        self.list.setModel(self._answers)
        self.list.selectionModel().currentChanged.connect(lambda now, before: self._choose(now.row()))
        self._empty = Label(tone="muted", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._json = QPlainTextEdit()
        self._json.setReadOnly(True)
        mark(self._json, role="log")
        self._shelf = QWidget()  # views that show nothing wait there, out of reach of a change of the page's style
        self._place = Fitted()
        holder = QWidget()
        self._stack = Turned(holder, self._empty, self._place, self._json)
        holder.setMinimumHeight(LEAST_PX)
        self._holder = holder
        self.where = WhereStrip()
        self.where.details.toggled.connect(self._make_room)
        layout = column(space=SPACE.small)
        layout.addLayout(row(self._title, 1, self._as_json, self.copy, self.save, space=SPACE.tight))
        for part in (self._progress, self._doing, self.banner, self.list, holder, self.where):
            layout.addWidget(part)
        layout.setStretchFactor(holder, 1)
        layout.setContentsMargins(SPACE.large, SPACE.medium, SPACE.large, SPACE.large)
        self.setLayout(layout)
        self.setMinimumWidth(300)
        self.clear()
        self.retranslate()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """In a low window the details of where it ran stand in the place of the answer while they are open, and all
        but one line of them waits for that."""
        low, open_ = self.height() < LOW_PX, self.where.details.isChecked()
        self.where.set_brief(low and not open_)
        self._holder.setVisible(not low or not open_)

    def retranslate(self) -> None:
        self._title.setText(tr("Answer"))
        self._as_json.setText("JSON")
        self._as_json.setToolTip(tr("Show the answer as JSON, in the shape of the hub's schemas"))
        self.copy.setText(tr("Copy"))
        self.save.setText(tr("Save…"))
        self.list.setAccessibleName(tr("Answers"))
        self._json.setAccessibleName(tr("Answer as JSON"))
        self._empty.setText(self._empty_words())
        self._doing.setText(self._doing_words())
        self._progress.setAccessibleName(tr("Progress"))

    @property
    def view(self) -> View | None:
        """The view that is shown; None while there is none."""
        return self._views.get(self._factory)

    def answers(self) -> tuple[ItemReport, ...]:
        """What became of each input so far, in the order of the inputs."""
        return tuple(self._reports[index] for index in sorted(self._reports))

    def show_json(self, on: bool) -> None:
        """Show the answer as JSON, or as its view."""
        self._as_json.setChecked(on)

    def clear(self) -> None:
        """Nothing was run yet, or what was shown belongs to another model."""
        self._order = self._report = self._run_words = None
        self._reports, self._growing, self._shown = {}, {}, None
        self._say_empty(lambda: tr("The answer appears here."))
        self._answers.begin([])
        self.list.hide()
        self.banner.clear()
        self.where.clear()
        self._end_progress()
        self._stack.setCurrentIndex(0)
        self._enable()

    # --- what happens to a run ----------------------------------------------------------------------------------

    def begin(self, order: Order, kind: str) -> None:
        """A run begins; ``kind`` is the task's kind of input."""
        self.clear()
        self._order, self._input_kind = order, kind
        self._answers.begin(list(order.titles))
        rows = max(1, self.list.sizeHintForRow(0)) * len(order.inputs) + 2 * self.list.frameWidth()
        self.list.setMaximumHeight(min(MAX_LIST_PX, rows))
        self.list.setVisible(len(order.inputs) > 1)
        self._progress.setRange(0, len(order.inputs) if len(order.inputs) > 1 else 0)
        self._progress.show()
        self._say_doing(lambda: tr("Loading the model…"))
        self._doing.show()

    def note_loaded(self) -> None:
        self._say_doing(lambda: tr("Running…"))

    def note_progress(self, body: dict[str, Any]) -> None:
        """Progress within one input (a long sound)."""
        if self._order and len(self._order.inputs) == 1 and body.get("total"):
            self._progress.setRange(0, 1000)
            self._progress.setValue(int(1000 * min(1.0, body["done"] / body["total"])))

    def add_partial(self, index: int, result: Result) -> None:
        self._growing[index] = result
        if self._shown in (None, index):
            self._shown = index
            self._show_current()

    def add_item(self, index: int, report: ItemReport) -> None:
        self._reports[index] = report
        self._growing.pop(index, None)
        self._answers.set_report(index, report)
        many = self._order is not None and len(self._order.inputs) > 1
        if many:
            self._progress.setValue(len(self._reports))
            count = len(self._order.inputs) if self._order else 0
            self._say_doing(lambda: tr("{done} of {count} done", done=len(self._reports), count=count))
        if self._shown in (None, index):
            self._shown = index
            if many and self.list.currentIndex().row() != index:
                self.list.setCurrentIndex(self._answers.index(index))
            else:
                self._show_current()

    def finish(self, report: RunReport) -> None:
        self._report = report
        self._end_progress()
        self.where.show_report(report)
        count, failed = len(report.items), sum(item.error is not None for item in report.items)
        if report.warnings:
            self._run_words = (partial(message_of, report.warnings[0]), "warning")
        elif failed and count > 1:
            self._run_words = (
                lambda: tr("{failed} of {count} inputs could not be answered.", failed=failed, count=count),
                "warning",
            )
        if not (failed and count == 1):  # why the only input failed is what matters
            self._tell_run()
        self._enable()

    def fail(self, words: Callable[[], str]) -> None:
        self._end_progress()
        self._run_words = (words, "danger")
        self._tell_run()
        if not self._reports and not self._growing:
            self._say_empty(lambda: tr("There is no answer."))
            self._stack.setCurrentIndex(0)
        self._enable()

    def stop(self) -> None:
        """The run was stopped; what was answered before stays."""
        self._end_progress()
        self._run_words = (lambda: tr("Stopped."), "info")
        self._tell_run()
        self._enable()

    def _tell_run(self) -> None:
        if self._run_words:
            words, tone = self._run_words
            self.banner.tell(words, tone=tone)
        else:
            self.banner.clear()

    def _say_empty(self, words: Callable[[], str]) -> None:
        self._empty_words = words
        self._empty.setText(words())

    def _say_doing(self, words: Callable[[], str]) -> None:
        self._doing_words = words
        self._doing.setText(words())

    # --- showing ------------------------------------------------------------------------------------------------

    def _choose(self, index: int) -> None:
        if index >= 0:
            self._shown = index
            self._show_current()

    def _shown_result(self) -> Result | None:
        """The result of the input that is chosen, also one that still grows or was stopped."""
        if self._shown is None:
            return None
        report = self._reports.get(self._shown)
        return report.result if report else self._growing.get(self._shown)

    def _show_current(self) -> None:
        if self._shown is None:
            return
        report = self._reports.get(self._shown)
        result = self._shown_result()
        self._note_item(report)
        if result is None:
            self._say_empty(str if report else lambda: tr("Not answered yet."))
            self._stack.setCurrentIndex(0)
        elif self._as_json.isChecked():
            self._show_json(result)
        else:
            self._show_result(self._shown, result)
            self._stack.setCurrentIndex(1)
        self._enable()

    def _note_item(self, report: ItemReport | None) -> None:
        if report and report.error:
            self.banner.tell(partial(message_of, report.error), tone="danger")
        elif report and report.warnings:
            self.banner.tell(lambda: "\n".join(message_of(item) for item in report.warnings), tone="warning")
        else:
            self._tell_run()

    def _show_result(self, index: int, result: Result) -> None:
        from workbench.gui.views.table import view_for

        factory = view_for(result)
        self.prepare(factory)
        view = self._views[factory]
        if factory is not self._factory:
            if before := self._views.get(self._factory):
                before.setParent(self._shelf)
            self._place.put(view)
        self._factory = factory
        assert self._order is not None
        context: Context = self._context_of(self._order.inputs[index], self._input_kind)
        view.show_result(result, context)
        if index in self._reports:  # not with each word of one that grows
            put_in_order(self)

    @property
    def made(self) -> tuple[View, ...]:
        """The views that there are, shown or not."""
        return tuple(self._views.values())

    def prepare(self, factory: Callable[[], View]) -> None:
        """Make a view before there is a result for it: making one takes a moment."""
        if factory not in self._views:
            view = self._views[factory] = factory()
            view.setParent(self._shelf)

    def _show_json(self, result: Result) -> None:
        """The result as JSON, made in the background: that of a large matrix takes a while."""
        self._json.clear()
        self._stack.setCurrentIndex(2)

        def done(text: str) -> None:
            if self._as_json.isChecked() and self._shown_result() is result:
                if len(text) > MAX_JSON_SHOWN:
                    text = text[:MAX_JSON_SHOWN] + "\n" + tr("… cut here; Save… writes all of it")
                self._json.setPlainText(text)

        self._background.start(lambda job: _json_text(result), done=done)

    def _end_progress(self) -> None:
        self._progress.hide()
        self._doing.hide()

    def _enable(self) -> None:
        there = bool(self._growing) or any(report.result is not None for report in self._reports.values())
        for button in (self._as_json, self.copy, self.save):
            button.setEnabled(there)

    # --- taking along -------------------------------------------------------------------------------------------

    def _text(self) -> str | None:
        """The answer that is chosen as plain text, None where there is none."""
        result = self._shown_result()
        if result is None or self._shown is None:
            return None
        self._show_result(self._shown, result)  # the view may still hold another answer, behind the JSON
        return self.view.text() if self.view else None

    def _copy(self) -> None:
        result = self._shown_result()
        if result is None:
            return
        put = QGuiApplication.clipboard().setText
        if self._as_json.isChecked():
            self._background.start(lambda job: _json_text(result), done=put)
        else:
            put(self._text() or "")

    def _save(self) -> None:
        """Ask what to save and where."""
        shown = self._answer(self._shown) if self._shown is not None else None
        self.saver.ask(shown, self.saveable(), self._whole(), self.save)

    def saveable(self) -> list[SavedAnswer]:
        """What can be saved of each input that was answered, in their order."""
        return [answer for index in sorted(self._reports) if (answer := self._answer(index))]

    def _answer(self, index: int) -> SavedAnswer | None:
        report = self._reports.get(index)
        result = report.result if report else self._growing.get(index)
        if result is None or self._order is None:
            return None
        return SavedAnswer(self._order.inputs[index], self._input_kind, result)

    def _whole(self) -> Callable[[], Any]:
        """What gives the whole run as plain data; it takes a while."""
        whole, answers = self._report, self.answers()
        return lambda: whole.to_json() if whole else {"results": [item.to_json() for item in answers]}

    def save_report_to(self, path: Path) -> None:
        """Write the whole run to a file in the background."""
        self.saver.save_report(path, self._whole())


def _json_text(result: Result) -> str:
    from workbench.saving.formats import json_text

    return json_text(result.to_json()).rstrip()
