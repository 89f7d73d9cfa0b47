"""Where a model ran: the provider asked for and got, the precision, and where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.gui.language import tr
from workbench.gui.widgets.basic import ElidedLabel, IconLabel, Panel, column, row
from workbench.gui.widgets.theme import SPACE, colors
from workbench.units import duration

if TYPE_CHECKING:
    from workbench.running import RunReport

__all__ = ["PROVIDER_NAMES", "WhereStrip"]

PROVIDER_NAMES = {"cpu": "CPU", "cuda": "CUDA", "dml": "DirectML"}
STEPS = ("load", "preprocess", "session", "postprocess")


class _TimeBar(QWidget):
    """Shares of the time, one after the other, from the accent colour to the faint."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[str, float]] = []
        self.setFixedHeight(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(120, 8)

    def set_parts(self, parts: list[tuple[str, float]]) -> None:
        self._parts = parts
        self.update()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            lines = [f"{name}  {duration(seconds)}" for name, seconds in self._parts]
            QToolTip.showText(event.globalPos() + QPoint(0, 8), "\n".join(lines), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QPainterPath()
        whole.addRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setClipPath(whole)
        painter.fillRect(self.rect(), QColor(colors().border))
        total = sum(seconds for _, seconds in self._parts)
        shades = shades_of_steps()
        left = 0.0
        for number, (_, seconds) in enumerate(self._parts):
            width = self.width() * seconds / total if total else 0.0
            painter.fillRect(QRectF(left, 0, width, self.height()), shades[number])
            left += width


class WhereStrip(Panel):
    """One line in words, one bar for the time."""

    def __init__(self) -> None:
        super().__init__()
        self._report: RunReport | None = None
        self._icon = IconLabel("chip")
        self._where = ElidedLabel(role="heading")
        self._times = ElidedLabel(tone="muted", role="small")
        self._bar = _TimeBar()
        layout = column(space=SPACE.tight)
        layout.addLayout(row(self._icon, self._where))
        layout.addWidget(self._bar)
        layout.addWidget(self._times)
        self.setLayout(layout)
        self.hide()

    def retranslate(self) -> None:
        if self._report:
            self.show_report(self._report)

    def show_report(self, report: RunReport) -> None:
        self._report = report
        got = " + ".join(PROVIDER_NAMES.get(name, name) for name in report.providers_got)
        asked = report.provider_asked
        asked = tr("Automatic") if asked == "auto" else PROVIDER_NAMES.get(asked, asked)
        if report.provider_asked in ("auto", *report.providers_got[:1]):
            text = tr("Ran on {got} in {precision} (asked: {asked})", got=got, precision=report.variant, asked=asked)
        else:
            text = tr(
                "{asked} was asked for; ran on {got} in {precision}", got=got, precision=report.variant, asked=asked
            )
        self._icon.set_icon("chip", "warning" if report.warnings else "accent")
        self._where.setText(text)
        self.setAccessibleName(text)
        times_s = report.times_s
        names = {
            "load": tr("Load, once"),
            "preprocess": tr("Prepare"),
            "session": tr("Model"),
            "postprocess": tr("Finish"),
        }
        steps = [(names[step], times_s[step]) for step in STEPS]
        # Loading is paid once and would hide the rest; it stands in the words.
        self._bar.set_parts(steps[1:])
        self._bar.setAccessibleName(", ".join(f"{name} {duration(seconds)}" for name, seconds in steps))
        said = " · ".join(f"{name} {duration(seconds)}" for name, seconds in steps)
        # What matters most stands first: the rest may be cut off.
        self._times.setText(tr("Together {time}", time=duration(report.total_s)) + " · " + said)
        self.show()

    def clear(self) -> None:
        self._report = None
        self.hide()


def shades_of_steps() -> list[QColor]:
    """A colour for each step behind loading: the model's own time in the accent."""
    return [QColor(colors().border_strong), QColor(colors().accent), QColor(colors().muted)]
