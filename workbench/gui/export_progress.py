"""An export that runs: its stages, the time, what libraries say, and the way to stop it."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QPlainTextEdit, QProgressBar, QWidget

from exporters.protocol import STAGES
from workbench.gui.export_state import LOG_LINES, ExportState, Log
from workbench.gui.language import task_title, tr
from workbench.gui.widgets.basic import Button, Label, Panel, column, row
from workbench.gui.widgets.icons import pixmap
from workbench.gui.widgets.theme import SPACE, colors, mark
from workbench.units import clock

__all__ = ["LogView", "RunView", "give_name", "precision_list", "stage_text"]

MARK_PX = 18
LOG_PX = 200
BAR_STEPS = 1000


def stage_text(stage: str) -> str:
    """What happens in a stage, as the heading of a line."""
    texts = {
        "stage": tr("Copying the checkpoint"),
        "load": tr("Loading the checkpoint"),
        "reference": tr("Recording the original’s answers"),
        "export": tr("Converting to ONNX"),
        "quantize": tr("Making the smaller precisions"),
        "verify": tr("Comparing with the original"),
        "publish": tr("Saving the result"),
        "receipt": tr("Measuring speed and agreement"),
    }
    return texts.get(stage, stage)


def give_name(widget: QWidget, name: str) -> None:
    """Set an accessible name where it is another: each time it is set, screen readers are told."""
    if widget.accessibleName() != name:
        widget.setAccessibleName(name)


def precision_list(precisions: tuple[str, ...]) -> str:
    return tr(", ").join(precisions)


class LogView(Panel):
    """The last lines of a log, following its end unless the user scrolled up. ``toggle`` opens and closes it."""

    def __init__(self) -> None:
        super().__init__()
        self.toggle = Button(icon="chevron-right", role="quiet", tint="muted")
        self.toggle.setCheckable(True)
        self.toggle.toggled.connect(self._toggled)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setUndoRedoEnabled(False)
        self.text.setTabChangesFocus(True)
        self.text.setMaximumBlockCount(LOG_LINES)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFixedHeight(LOG_PX)
        mark(self.text, role="log")
        self.setLayout(column(self.text))
        self._log: Log | None = None
        self._shown = 0
        self.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self.toggle.setText(tr("Hide log") if self.toggle.isChecked() else tr("Show log"))
        self.text.setAccessibleName(tr("Log"))
        self.text.setPlaceholderText(tr("Nothing has been said yet."))

    def follow(self, log: Log) -> None:
        """Show this log from now on, or what it has more than before."""
        if log is not self._log:
            self._log, self._shown = log, 0
            self.text.clear()
        if not self.toggle.isChecked():
            return
        fresh = log.since(self._shown)
        self._shown = log.count
        if fresh:
            bar = self.text.verticalScrollBar()
            at_end = bar.value() == bar.maximum()
            self.text.appendPlainText("\n".join(fresh))
            if at_end:
                bar.setValue(bar.maximum())

    def _toggled(self, opened: bool) -> None:
        self.toggle.set_icon("chevron-down" if opened else "chevron-right")
        self.setVisible(opened)
        self.retranslate()
        if opened and self._log:
            self.follow(self._log)


class _Mark(QWidget):
    """Done, now, or to come."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(MARK_PX, MARK_PX)
        self._standing = "pending"

    def set_standing(self, standing: str) -> None:
        if standing != self._standing:
            self._standing = standing
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        shades = colors()
        if self._standing == "done":
            painter.drawPixmap(0, 0, pixmap("check", shades.success, MARK_PX, self.devicePixelRatioF()))
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(MARK_PX / 2, MARK_PX / 2)
        if self._standing == "now":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(shades.accent))
            painter.drawEllipse(middle, 5, 5)
        elif self._standing == "skipped":
            painter.setPen(QPen(QColor(shades.border_strong), 1.5))
            painter.drawLine(middle - QPointF(4, 0), middle + QPointF(4, 0))
        else:
            painter.setPen(QPen(QColor(shades.border_strong), 1.5))
            painter.drawEllipse(QRectF(MARK_PX / 2 - 4.5, MARK_PX / 2 - 4.5, 9, 9))


class _StageRow(Panel):
    """One stage: its mark, its name, the time it took, and how far it is."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self._stage = stage
        self._mark = _Mark()
        self.text = Label()
        self.detail = Label(role="small", tone="muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        kept = self.bar.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # so that no line moves when a stage begins
        self.bar.setSizePolicy(kept)
        layout = QGridLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(SPACE.medium)
        layout.setVerticalSpacing(SPACE.hair)
        layout.addWidget(self._mark, 0, 0)
        layout.addWidget(self.text, 0, 1)
        layout.addWidget(self.detail, 0, 2)
        layout.addWidget(self.bar, 1, 1, 1, 2)
        layout.setColumnStretch(1, 1)
        self.setLayout(layout)

    def show_state(self, standing: str, seconds: float, progress: tuple[float, float, str]) -> None:
        """``standing`` is done, now, skipped or pending."""
        self._mark.set_standing(standing)
        name = stage_text(self._stage)
        self.text.setText(name)
        mark(
            self.text, role="heading" if standing == "now" else "", tone="" if standing in ("done", "now") else "muted"
        )
        detail = {"done": _seconds(seconds), "now": _how_far(progress), "skipped": tr("not needed")}.get(standing, "")
        self.detail.setText(detail)
        said = {"done": tr("done"), "now": tr("in progress"), "skipped": "", "pending": tr("to come")}[standing]
        give_name(self.text, tr(", ").join(word for word in (name, said, detail) if word))
        done, total, _ = progress
        self.bar.setVisible(standing == "now")
        if standing != "now":
            self.bar.setRange(0, BAR_STEPS)  # one without an end would go on moving
        elif total > 0:
            self.bar.setRange(0, BAR_STEPS)
            self.bar.setValue(round(BAR_STEPS * min(1.0, done / total)))
        else:
            self.bar.setRange(0, 0)
        give_name(self.bar, name)


class RunView(Panel):
    """An export from its start, or its place in line, to its end."""

    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._state: ExportState | None = None
        self._ahead = ""
        self.heading = Label(role="heading")
        self.what = Label(tone="muted", wrap=True)
        self.elapsed = Label(tone="muted")
        self.elapsed.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.rows = {stage: _StageRow(stage) for stage in STAGES}
        card = QWidget()
        mark(card, role="card")
        stages = column(*self.rows.values(), space=SPACE.small)
        stages.setContentsMargins(SPACE.large, SPACE.large, SPACE.large, SPACE.small)
        card.setLayout(stages)
        self.cancel = Button(icon="stop")
        self.cancel.clicked.connect(self.cancel_requested)
        self.log = LogView()
        head = row(self.heading, 1, self.elapsed)
        buttons = row(self.cancel, 1, self.log.toggle)
        layout = column(space=SPACE.small)
        layout.addLayout(head)
        layout.addWidget(self.what)
        layout.addSpacing(SPACE.tight)
        layout.addWidget(card)
        layout.addSpacing(SPACE.small)
        layout.addLayout(buttons)
        layout.addWidget(self.log)
        self.setLayout(layout)
        self.retranslate()

    def retranslate(self) -> None:
        if self._state:
            self.show_state(self._state, self._ahead)

    def show_state(self, state: ExportState, ahead: str) -> None:
        """``ahead`` is the model whose export has to end first, where this one waits."""
        self._state, self._ahead = state, ahead
        self.heading.setText(tr("Waiting in line") if state.waiting else tr("Exporting"))
        chosen = tr("{task}: {precisions}", task=task_title(state.task), precisions=precision_list(state.precisions))
        if state.waiting:
            chosen = tr("{chosen}. Begins when the export of {model} is done.", chosen=chosen, model=ahead)
        self.what.setText(chosen)
        self.elapsed.setText("" if state.waiting else clock(state.elapsed_s))
        give_name(self.elapsed, tr("Elapsed: {time}", time=clock(state.elapsed_s)))
        for stage, standing in _standings(state).items():
            self.rows[stage].show_state(standing, state.done.get(stage, 0.0), state.progress)
        self.cancel.setText(tr("Stopping…") if state.cancelling else tr("Cancel"))
        self.cancel.setEnabled(not state.cancelling)
        self.log.follow(state.log)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        for item in self.rows.values():
            item.bar.setRange(0, BAR_STEPS)


def _standings(state: ExportState) -> Mapping[str, str]:
    """What each stage is; those that were passed over are skipped: more precisions need no second conversion."""
    found, behind = {}, state.stage in STAGES
    for stage in STAGES:
        if stage == state.stage:
            found[stage], behind = "now", False
        else:
            found[stage] = "done" if stage in state.done else "skipped" if behind else "pending"
    if state.precisions == ("fp32",) and found["quantize"] != "pending":  # the worker passes through it all the same
        found["quantize"] = "skipped"
    return found


def _seconds(seconds: float) -> str:
    return tr("{seconds} s", seconds=format(seconds, ".1f")) if seconds < 60 else clock(seconds)


def _how_far(progress: tuple[float, float, str]) -> str:
    if progress[1] <= 0:
        return ""
    done, total = format(progress[0], "g"), format(progress[1], "g")
    match progress[2]:
        case "samples":
            return tr("{done} of {total} samples", done=done, total=total)
        case "graphs":
            return tr("{done} of {total} graphs", done=done, total=total)
        case "precisions":
            return tr("{done} of {total} precisions", done=done, total=total)
    return tr("{done} of {total}", done=done, total=total)
