"""The small parts that every page is made of: panels, labels, buttons, banners."""

from __future__ import annotations

import html
from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QVBoxLayout,
    QWidget,
)

from workbench.gui.language import tr
from workbench.gui.widgets.icons import ICON_PX, icon, pixmap
from workbench.gui.widgets.theme import SPACE, colors, mark
from workbench.gui.widgets.wrapped_text import WrappedText

__all__ = [
    "Banner",
    "Button",
    "Choice",
    "ElidedLabel",
    "IconLabel",
    "Label",
    "Panel",
    "column",
    "line",
    "plain_tip",
    "row",
]

# Between the icon of a button and its text, besides the 4 pixels of Qt's style.
ICON_GAP_PX = 2
PARTED = " · "  # between facts that stand in one line


class Panel(QWidget):
    """A widget whose texts and tints follow the language and the theme.

    A subclass sets all its texts in :meth:`retranslate`, which it calls once at the end of its ``__init__``.
    """

    def retranslate(self) -> None:
        """Set all texts and accessible names in the current language."""

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()


class Label(QLabel):
    """A text. ``role`` is title, headline (beside buttons), heading or small; ``tone`` muted, accent, success, warning
    or danger."""

    def __init__(self, text: str = "", *, role: str = "", tone: str = "", wrap: bool = False) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)  # names of files and models are never markup
        self.setWordWrap(wrap)
        mark(self, role=role, tone=tone)


class ElidedLabel(Label):
    """A text of one line that is cut with an ellipsis where room is short, behind a whole part where it has several.
    The tooltip has all of it."""

    def __init__(
        self,
        text: str = "",
        *,
        role: str = "",
        tone: str = "",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        super().__init__(text, role=role, tone=tone)
        self._mode = mode
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        room = self.contentsRect()
        text = self.shown
        self.setToolTip("" if text == self.text() else plain_tip(self.text()))
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(room, int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), text)

    @property
    def shown(self) -> str:
        """What there is room for."""
        room_px, metrics, parts = self.contentsRect().width(), self.fontMetrics(), self.text().split(PARTED)
        if self._mode == Qt.TextElideMode.ElideRight and metrics.horizontalAdvance(self.text()) > room_px:
            for count in range(len(parts) - 1, 0, -1):
                shorter = PARTED.join((*parts[:count], "…"))
                if metrics.horizontalAdvance(shorter) <= room_px:
                    return shorter
        return metrics.elidedText(self.text(), self._mode, room_px)


class IconLabel(QWidget):
    """An icon in a role of the theme's colours. It says nothing that no text beside it says."""

    def __init__(self, name: str, role: str = "muted", size_px: int = ICON_PX) -> None:
        super().__init__()
        self._name, self._role = name, role
        self.setFixedSize(size_px, size_px)

    def set_icon(self, name: str, role: str | None = None) -> None:
        self._name, self._role = name, role or self._role
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        drawn = pixmap(self._name, getattr(colors(), self._role), self.width(), self.devicePixelRatioF())
        QPainter(self).drawPixmap(0, 0, drawn)


class Button(QPushButton):
    """A push button. ``role`` is primary, danger, quiet, link or record; the icon follows the theme."""

    def __init__(self, text: str = "", *, icon: str = "", role: str = "", tint: str = "") -> None:
        super().__init__(text)
        self._icon, self._tint = icon, tint or ("on_accent" if role == "primary" else "text")
        self.setIconSize(QSize(ICON_PX, ICON_PX))
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        mark(self, role=role)
        self._retint()

    def set_icon(self, name: str, tint: str = "") -> None:
        self._icon, self._tint = name, tint or self._tint
        self._retint()

    def describe(self, name: str) -> None:
        """The accessible name and the tooltip of a button that shows only its icon."""
        self.setAccessibleName(name)
        self.setToolTip(plain_tip(name))

    def initStyleOption(self, option: QStyleOptionButton) -> None:
        """Qt asks when it draws the button: the icon has the colour of that moment, and a change of theme, which is
        told to a button several times, needs nothing of ours."""
        super().initStyleOption(option)
        if self._icon:
            gap = ICON_GAP_PX if self.text() else 0
            option.icon = self._tinted(gap)
            option.iconSize = QSize(ICON_PX + gap, ICON_PX)

    def _retint(self) -> None:
        if self._icon:
            self.setIcon(self._tinted())

    def _tinted(self, gap_px: int = 0) -> QIcon:
        return icon(self._icon, getattr(colors(), self._tint if self.isEnabled() else "muted"), gap_px)


class Choice(QComboBox):
    """A choice among some. Where room is short, the middle of its text is left out; Qt would cut the end."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:  # a layout keeps the width from before the style sheet
            self.updateGeometry()

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        super().initStyleOption(option)
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width()
        metrics = self.fontMetrics()
        if metrics.boundingRect(option.currentText).width() > room:  # by which Qt finds the width it wants, too
            option.currentText = metrics.elidedText(option.currentText, Qt.TextElideMode.ElideMiddle, room)


class Banner(Panel):
    """Something to know: a tone (info, warning, danger), a text, perhaps a button, and a way to close it."""

    closed = Signal()

    def __init__(self, *, closable: bool = True) -> None:
        super().__init__()
        mark(self, role="notice")
        self._text = WrappedText()
        self._icon = IconLabel("info")
        self._action = Button()
        self._action.hide()
        self._action.clicked.connect(self._act)
        self._close = Button(icon="close", role="quiet", tint="muted")
        if not closable:
            self._close.hide()
        self._close.clicked.connect(self._dismiss)
        self._receiver: Callable[[], None] | None = None
        self._words: str | Callable[[], str] = ""
        self._action_words: str | Callable[[], str] = ""
        layout = row(self._icon, self._text, self._action, self._close, space=SPACE.small)
        layout.setStretch(1, 1)
        layout.setContentsMargins(SPACE.medium, SPACE.small, SPACE.small, SPACE.small)
        self.setLayout(layout)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hide()
        self.retranslate()

    def retranslate(self) -> None:
        self._close.describe(tr("Close this message"))
        self._show_words()

    @property
    def text(self) -> str:
        return self._text.text()

    def tell(
        self,
        words: str | Callable[[], str],
        *,
        tone: str = "info",
        action: str | Callable[[], str] = "",
        receiver: Callable[[], None] | None = None,
    ) -> None:
        """Show some words, given as a function where they are to follow the language; with ``action`` a button of that
        name calls ``receiver``."""
        self._words, self._action_words = words, action
        self._show_words()
        self._icon.set_icon({"danger": "error"}.get(tone, tone), "muted" if tone == "info" else tone)
        mark(self, tone=tone)
        self._action.setVisible(bool(action))
        self._receiver = receiver
        self.show()

    def clear(self) -> None:
        self.hide()

    def _show_words(self) -> None:
        text, action = (said() if callable(said) else said for said in (self._words, self._action_words))
        self._text.set_text(text)
        self._text.setAccessibleName(tr("Message"))
        self.setAccessibleName(text)
        self._action.setText(action)

    def _act(self) -> None:
        if self._receiver:
            self._receiver()

    def _dismiss(self) -> None:
        self.hide()
        self.closed.emit()


def plain_tip(text: str) -> str:
    """A tooltip that shows this text as it is: Qt would take names with signs of markup for markup."""
    return f"<p>{html.escape(text)}</p>" if "<" in text or "&" in text else text


def row(*parts: QWidget | int, space: int = SPACE.small, margins: int = 0) -> QHBoxLayout:
    """A layout from left to right; a number is a stretch of that weight."""
    layout = QHBoxLayout()
    _fill(layout, parts, space, margins)
    return layout


def column(*parts: QWidget | int, space: int = SPACE.small, margins: int = 0) -> QVBoxLayout:
    """A layout from top to bottom; a number is a stretch of that weight."""
    layout = QVBoxLayout()
    _fill(layout, parts, space, margins)
    return layout


def line() -> QWidget:
    """A thin horizontal line."""
    drawn = QWidget()
    drawn.setFixedHeight(1)
    mark(drawn, role="line")
    return drawn


def _fill(layout: QHBoxLayout | QVBoxLayout, parts: tuple[QWidget | int, ...], space: int, margins: int) -> None:
    layout.setSpacing(space)
    layout.setContentsMargins(margins, margins, margins, margins)
    for part in parts:
        if isinstance(part, int):
            layout.addStretch(part)
        else:
            layout.addWidget(part)
