"""Where a model ran: the provider asked for and got, the precision, where the time went, which nodes ran where, and
what is known of the variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.gui.language import tr
from workbench.gui.where_line import WhereLine
from workbench.gui.widgets.basic import ElidedLabel, column
from workbench.gui.widgets.theme import SPACE, colors
from workbench.units import duration

if TYPE_CHECKING:
    from workbench.running import RunReport

__all__ = ["WhereStrip"]

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


class WhereStrip(WhereLine):
    """One line in words, one bar for the time, one line of the variant's receipt; behind a button where each node ran
    and what there is to warn of."""

    def __init__(self) -> None:
        super().__init__(quiet=False)
        self._times = ElidedLabel(tone="muted", role="small")
        self._bar = _TimeBar()
        layout = column(space=SPACE.tight)
        layout.addLayout(self.head)
        # What a low window has no room for.
        self._rest = QWidget()
        self._rest.setLayout(column(self._bar, self._times, self.verdict, space=SPACE.tight))
        layout.addWidget(self._rest)
        layout.addWidget(self.more)
        layout.addStretch(1)  # lines stay together where there is more room than they need
        self.setLayout(layout)
        self.retranslate()

    def set_brief(self, brief: bool) -> None:
        """Show one line alone."""
        self._rest.setVisible(not brief)

    def show_report(self, report: RunReport) -> None:
        super().show_report(report)
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
        self._times.setText(tr("Total {time}", time=duration(report.total_s)) + " · " + said)


def shades_of_steps() -> list[QColor]:
    """A colour for each step behind loading: the model's own time in the accent."""
    return [QColor(colors().border_strong), QColor(colors().accent), QColor(colors().muted)]
