"""A list of texts, one a row."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtWidgets import QListView, QStyledItemDelegate, QStyleOptionViewItem

from workbench.gui.widgets.theme import mark

__all__ = ["TextRows"]


class TextRows(QListView):
    """A row is as wide as the list; of a text that is longer a part is left out, and nothing is scrolled sideways."""

    def __init__(self, mode: Qt.TextElideMode) -> None:
        """``mode`` says where a text is cut."""
        super().__init__()
        self.setTextElideMode(mode)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setItemDelegate(_Row(self))
        mark(self, role="rows")


class _Row(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        # Qt takes the widest text for the width of all rows, and cuts none.
        return QSize(0, super().sizeHint(option, index).height())
