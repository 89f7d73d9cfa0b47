"""What stands behind an answer's line: warnings in full, and where each node ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from workbench.errors import Notice
from workbench.gui.language import message_of, tr
from workbench.gui.views.placements import PlacementsView
from workbench.gui.widgets.basic import Label, Panel, column, line
from workbench.gui.widgets.theme import SPACE, mark

if TYPE_CHECKING:
    from workbench.running import RunReport

__all__ = ["RunDetails"]

DETAILS_PX, LEAST_DETAILS_PX = 180, 72


class RunDetails(Panel):
    """What there is to warn of, in full, and where each node ran; scrolled where it is long."""

    def __init__(self) -> None:
        super().__init__()
        self._warnings = Label(role="small", tone="warning", wrap=True)
        self._placements = PlacementsView()
        self.has_any = False
        inside = QWidget()
        mark(inside, role="plain")
        layout = column(self._warnings, self._placements, space=SPACE.small)
        layout.setContentsMargins(0, SPACE.tight, SPACE.small, 0)
        layout.addStretch(1)
        inside.setLayout(layout)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inside)
        self._inside = inside
        self.setLayout(column(line(), self._scroll, space=SPACE.tight))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self._scroll.setAccessibleName(tr("Details of the run"))

    def sizeHint(self) -> QSize:
        inside = self._inside
        wanted = inside.heightForWidth(self.width()) if inside.hasHeightForWidth() else inside.sizeHint().height()
        return QSize(200, min(DETAILS_PX, wanted) + SPACE.small)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, min(LEAST_DETAILS_PX, self.sizeHint().height()))

    def show_report(self, report: RunReport) -> None:
        self._placements.show_placements(report.placements)
        self._placements.setVisible(bool(report.placements))
        self._warnings.setText(_sentences(report.warnings))
        self._warnings.setVisible(bool(report.warnings))
        self.has_any = bool(report.placements or report.warnings)
        self.updateGeometry()


def _sentences(notices: Sequence[Notice]) -> str:
    return "\n".join(message_of(notice) for notice in notices)
