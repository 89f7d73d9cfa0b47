"""The line between a conversation and its box: where the latest answer was made, what its receipt says, and details."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from workbench.gui.where_line import WhereLine
from workbench.gui.widgets.basic import column, row
from workbench.gui.widgets.theme import SPACE
from workbench.gui.widgets.thread import MAX_WIDTH_PX

__all__ = ["ChatWhere"]


class ChatWhere(WhereLine):
    """As wide as the conversation. The head of each answer tells where it was made too, its foot how fast."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        inner = column(space=SPACE.hair)
        inner.addLayout(self.head)
        inner.addWidget(self.verdict)
        inner.addWidget(self.more)
        inner.setContentsMargins(0, SPACE.tight, 0, 0)
        held = QWidget()
        held.setLayout(inner)
        held.setMaximumWidth(MAX_WIDTH_PX)
        around = row(space=0)
        around.addStretch(1)
        around.addWidget(held, 1000)
        around.addStretch(1)
        around.setContentsMargins(SPACE.large, 0, SPACE.large, 0)
        self.setLayout(around)
        self.retranslate()
