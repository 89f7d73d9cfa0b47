"""The list of answers, where there are many: a row an input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from workbench.gui.language import tr

if TYPE_CHECKING:
    from workbench.running import ItemReport

__all__ = ["AnswerRows"]

Index = QModelIndex | QPersistentModelIndex


class AnswerRows(QAbstractListModel):
    """A row an input: its title, and what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self._titles: list[str] = []
        self._reports: dict[int, ItemReport] = {}

    def begin(self, titles: list[str]) -> None:
        self.beginResetModel()
        self._titles, self._reports = titles, {}
        self.endResetModel()

    def set_report(self, row_: int, report: ItemReport) -> None:
        self._reports[row_] = report
        index = self.index(row_)
        self.dataChanged.emit(index, index)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, Qt's own signature
        return 0 if parent.isValid() else len(self._titles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            title = " ".join(self._titles[index.row()][:120].split())
            report = self._reports.get(index.row())
            return f"{title} — {_summary(report)}" if report else title
        return None


def _summary(report: ItemReport) -> str:
    """What became of an input, in a few words."""
    from workbench.results import Labels, Spans, Text, Transcript

    if report.error:
        return tr("failed")
    match report.result:
        case Labels((first, *_)):
            return f"{first.label} {first.score:.0%}"
        case Spans(spans):
            return tr("{count} found", count=len(spans))
        case Text(text) | Transcript(text):
            return " ".join(text[:80].split())
    return tr("done")
