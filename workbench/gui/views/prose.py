"""Running text of an answer: Markdown that loads nothing, and links that only say where they lead."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QObject, QRect, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontDatabase,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from workbench.gui.language import tr
from workbench.gui.views.painting import mixed
from workbench.gui.views.prose_tables import dress_tables, widen_tables
from workbench.gui.widgets.basic import plain_tip
from workbench.gui.widgets.theme import SPACE, colors, is_theme_change, mark

__all__ = ["Prose"]

FEATURES = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
LINE_HEIGHT_PERCENT = 140.0
HEADINGS = (1.45, 1.25, 1.1)  # of the text's size; smaller headings are only bold
QUOTE_PX = 16
CODE_SHARE = 0.7  # how much the ground of code within a line differs from that of the page
EDGE_PX = 1  # of the frame that shows the focus
PICTURE = "!["  # how one begins in Markdown
PROPORTIONAL = QTextBlockFormat.LineHeightTypes.ProportionalHeight.value


class _Quiet(QTextDocument):
    """Loads nothing, whatever its text asks for."""

    def __init__(self, parent: QObject, font: QFont) -> None:
        super().__init__(parent)
        self.setDocumentMargin(0)
        self.setIndentWidth(SPACE.wide)
        self.setUndoRedoEnabled(False)
        self.setDefaultFont(font)
        option = self.defaultTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setDefaultTextOption(option)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        return _nothing(kind)


class Prose(QTextBrowser):
    """As high as its text; what is around it scrolls. ``anchorClicked`` tells of a link, nothing follows it."""

    caret_moved = Signal(QWidget, QRect)  # by a key: itself, and where in it the caret is now

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._is_markdown = True
        self._stale = False
        self.setDocument(_Quiet(self, self.font()))
        self.setOpenLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.highlighted.connect(self._show_address)
        mark(self, role="reading")

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Nothing: an answer must not have a file or an address asked for."""
        return _nothing(kind)

    def document(self) -> QTextDocument:
        """The text as it is shown."""
        self._refresh()
        return super().document()

    def toPlainText(self) -> str:
        return self.document().toPlainText()

    @property
    def said(self) -> str:
        """What is shown, as it was written."""
        return self._text

    def show_markdown(self, text: str) -> None:
        """Show Markdown without markup of HTML, which is shown as it is written."""
        if text != self._text or not self._is_markdown:
            self._text, self._is_markdown = text, True
            self._text_changed()

    def show_plain(self, text: str) -> None:
        """Show a text as it was typed."""
        if text != self._text or self._is_markdown:
            self._text, self._is_markdown = text, False
            self._text_changed()

    def scrolls_sideways(self, on: bool) -> None:
        """Let what is too wide be scrolled to."""
        bar = Qt.ScrollBarPolicy
        self.setHorizontalScrollBarPolicy(bar.ScrollBarAsNeeded if on else bar.ScrollBarAlwaysOff)

    # --- size ---------------------------------------------------------------------------------------------------

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        document = self.document()
        inner = max(1, width - 2 * EDGE_PX)
        if document.textWidth() != inner:
            self._lay_out(document, inner)
        size = document.size()
        bar = 0
        if size.width() > inner and self.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAsNeeded:
            bar = self.horizontalScrollBar().sizeHint().height()
        return math.ceil(size.height()) + 2 * EDGE_PX + bar

    def _lay_out(self, document: QTextDocument, width: float) -> None:
        if self.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAsNeeded:
            widen_tables(document, self.font(), width)
        if document.textWidth() != width:
            document.setTextWidth(width)

    def ideal_width(self) -> int:
        """As wide as the text is where no line is broken, but not much wider than a window."""
        document = self.document()
        document.setTextWidth(-1)
        return math.ceil(document.idealWidth()) + 2 * EDGE_PX + 1

    def sizeHint(self) -> QSize:
        return QSize(200, self.heightForWidth(max(200, self.width())))

    def minimumSizeHint(self) -> QSize:
        return QSize(40, 20)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.verticalScrollBar().setValue(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        self.caret_moved.emit(self, self.cursorRect())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """What is around it scrolls, unless this is a turn sideways over something wide."""
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()) and self.horizontalScrollBar().maximum():
            super().wheelEvent(event)
        else:
            event.ignore()

    # --- showing ------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Only what stands for a picture is in a language of ours.
        fonts = (QEvent.Type.FontChange, *([QEvent.Type.LanguageChange] if PICTURE in self._text else []))
        if (is_theme_change(event) or event.type() in fonts) and self._text:
            self._stale = True
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        self._refresh()
        super().paintEvent(event)
        self._paint_quotes()

    def createMimeDataFromSelection(self) -> QMimeData:
        """The plain text alone."""
        data = QMimeData()
        data.setText(self.textCursor().selectedText().replace("\u2029", "\n").replace("\u2028", "\n"))
        return data

    def _text_changed(self) -> None:
        self._stale = True
        if self.isVisible():
            self._refresh()

    def _refresh(self) -> None:
        """Make the document anew where text or look are others now. Not sooner than somebody looks: a change of style
        is told many times, also to a widget that only gets its place, and making a document takes milliseconds."""
        if self._stale:
            self._stale = False
            self._render()

    def _render(self) -> None:
        before = self.textCursor()
        anchor, position = before.anchor(), before.position()
        old = super().document()
        width = old.textWidth()
        # Pictures are taken out before the document has a layout, which would look for their files.
        document = _Quiet(self, self.font())
        if self._is_markdown:
            document.setMarkdown(self._text, FEATURES)
            _Dresser(document, self.font()).dress(pictures=PICTURE in self._text)
        else:
            document.setPlainText(self._text)
            _space_lines(document)
        self.setDocument(document)  # lays it out, as wide as the widget is
        if width > 0:
            self._lay_out(document, width)
        old.deleteLater()
        if anchor or position:  # what was selected in a text that grows stays so
            last = document.characterCount() - 1
            cursor = self.textCursor()
            cursor.setPosition(min(anchor, last))
            cursor.setPosition(min(position, last), QTextCursor.MoveMode.KeepAnchor)
            self.setTextCursor(cursor)
        self.updateGeometry()

    def _show_address(self, url: QUrl) -> None:
        self.setToolTip(plain_tip(url.toDisplayString()) if not url.isEmpty() else "")

    def _paint_quotes(self) -> None:
        """A bar beside what is quoted."""
        block = self.document().begin()
        painter: QPainter | None = None
        while block.isValid():
            if level := block.blockFormat().intProperty(QTextFormat.Property.BlockQuoteLevel):
                painter = painter or QPainter(self.viewport())
                area = self.document().documentLayout().blockBoundingRect(block)
                for number in range(min(level, 8)):
                    painter.fillRect(number * QUOTE_PX, int(area.top()), 3, int(area.height()), _color("border"))
            block = block.next()


class _Dresser:
    """Puts distances, sizes and the colours of the theme on what Qt made of Markdown."""

    def __init__(self, document: QTextDocument, font: QFont) -> None:
        self._document = document
        self._font = font
        self._mono = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).families()

    def dress(self, *, pictures: bool) -> None:
        """``pictures``: whether there may be some, which are looked for in every stretch of the text."""
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        if pictures:
            self._name_pictures(cursor)
        block = self._document.begin()
        while block.isValid():
            self._dress_block(cursor, block)
            block = block.next()
        dress_tables(self._document)
        cursor.endEditBlock()

    def _name_pictures(self, cursor: QTextCursor) -> None:
        """A picture is never loaded: its name and address stand in its place, as a link."""
        found = []
        block = self._document.begin()
        while block.isValid():
            found += [(at, image) for at, length, image in _spans(block) if image.isImageFormat() for at in (at,)]
            block = block.next()
        for at, image in reversed(found):
            address = image.toImageFormat().name()
            alt = str(image.property(QTextFormat.Property.ImageAltText) or "") or address
            link = QTextCharFormat()
            link.setAnchor(True)
            link.setAnchorHref(address)
            cursor.setPosition(at)
            cursor.deleteChar()
            cursor.insertText(tr("[picture, not loaded: {name}]", name=alt), link)

    def _dress_block(self, cursor: QTextCursor, block: QTextBlock) -> None:
        now = block.blockFormat()
        look = QTextBlockFormat()
        quote = now.intProperty(QTextFormat.Property.BlockQuoteLevel)
        heading = now.headingLevel()
        is_first = block.position() == 0
        cursor.setPosition(block.position())
        in_table = cursor.currentTable() is not None
        above, below = 0, 0 if in_table else SPACE.small
        if heading:
            above, below = 0 if is_first else SPACE.medium, SPACE.tight + SPACE.hair
        elif block.textList() is not None:
            below = SPACE.tight
            if not _continues(block):
                below = SPACE.small
        if not block.next().isValid():
            below = 0
        look.setTopMargin(above)
        look.setBottomMargin(below)
        look.setLineHeight(LINE_HEIGHT_PERCENT if not in_table else 125.0, PROPORTIONAL)
        look.setLeftMargin(quote * QUOTE_PX)
        look.setRightMargin(0)
        is_code = now.hasProperty(QTextFormat.Property.BlockCodeFence) or now.nonBreakableLines()
        if is_code:
            look.setNonBreakableLines(False)
            look.setBackground(QBrush(_color("raised")))
            look.setLineHeight(120.0, PROPORTIONAL)
        cursor.mergeBlockFormat(look)
        for at, length, format_ in _spans(block):
            wanted = self._char_look(format_, heading, is_quote=quote > 0)
            if wanted is not None:
                cursor.setPosition(at)
                cursor.setPosition(at + length, QTextCursor.MoveMode.KeepAnchor)
                cursor.setCharFormat(wanted)

    def _char_look(self, now: QTextCharFormat, heading: int, *, is_quote: bool) -> QTextCharFormat | None:
        look = QTextCharFormat(now)
        if heading:
            look.clearProperty(QTextFormat.Property.FontSizeAdjustment)
            factor = HEADINGS[heading - 1] if heading <= len(HEADINGS) else 1.0
            look.setFontPointSize(self._font.pointSizeF() * factor)
            look.setFontWeight(QFont.Weight.DemiBold)
        if now.isAnchor():
            look.setForeground(QBrush(_color("accent")))
            look.setFontUnderline(True)
        elif is_quote:
            look.setForeground(QBrush(_color("muted")))
        if now.fontFixedPitch():
            look.setFontFamilies(self._mono)
            look.setBackground(QBrush(mixed(colors().window, colors().hues[-1], CODE_SHARE)))
        return look if look != now else None


def _nothing(kind: int) -> Any:
    """Nothing at all, or a picture of nothing: where there is none, Qt looks for a file itself."""
    if kind != QTextDocument.ResourceType.ImageResource.value:
        return None
    blank = QImage(1, 1, QImage.Format.Format_ARGB32)
    blank.fill(Qt.GlobalColor.transparent)
    return blank


def _continues(block: QTextBlock) -> bool:
    """Whether the next block is an item of a list as well."""
    return block.next().isValid() and block.next().textList() is not None


def _spans(block: QTextBlock) -> list[tuple[int, int, QTextCharFormat]]:
    """Place, length and format of each stretch of a block. Iterated before anything is changed."""
    found = []
    part = block.begin()
    while not part.atEnd():
        fragment = part.fragment()
        found.append((fragment.position(), fragment.length(), fragment.charFormat()))
        part += 1
    return found


def _space_lines(document: QTextDocument) -> None:
    look = QTextBlockFormat()
    look.setLineHeight(LINE_HEIGHT_PERCENT, PROPORTIONAL)
    cursor = QTextCursor(document)
    cursor.select(QTextCursor.SelectionType.Document)
    cursor.mergeBlockFormat(look)


def _color(role: str) -> QColor:
    return QColor(getattr(colors(), role))
