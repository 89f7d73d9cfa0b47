"""The list of answers, where there are many: a row an input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from workbench.gui.language import tr
from workbench.units import clock

if TYPE_CHECKING:
    from workbench.running import ItemReport

__all__ = ["AnswerRows"]

Index = QModelIndex | QPersistentModelIndex

MAX_TITLE = 120


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
            title = _short(self._titles[index.row()])
            report = self._reports.get(index.row())
            return f"{title} — {_summary(report)}" if report else title
        return None


def _short(title: str) -> str:
    """Both ends of it in one line: file names often differ in the last signs."""
    if len(title) > MAX_TITLE:
        title = f"{title[: MAX_TITLE // 2]}…{title[-MAX_TITLE // 2 :]}"
    return " ".join(title.split())


def _summary(report: ItemReport) -> str:
    """What became of an input, in a few words."""
    from workbench.results import Answers, Audio, Boxes, Fills, Labels, Masks, Ranking, Spans, Text, Transcript

    if report.error:
        return tr("failed")
    match report.result:
        case Labels((first, *_)):
            return f"{first.label} {first.score:.0%}"
        case Spans(found) | Boxes(boxes=found) | Masks(masks=found):
            return tr("{count} found", count=len(found))
        case Answers(answers=(first, *_)):
            return _cut(first.answer) or tr("No answer")
        case Fills(((first, *_), *_)):
            return f"{first.word.strip()} {first.score:.0%}"
        case Ranking(ranks=(first, *_)):
            return _cut(first.text)
        case Audio():
            return clock(report.result.duration_s)
        case Text(text) | Transcript(text):
            return _cut(text)
    return tr("done")


def _cut(text: str) -> str:
    return " ".join(text[:80].split())
