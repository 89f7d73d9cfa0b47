"""Answers in Markdown: divided so that no step is long, shown without loading anything or running markup."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QColor, QFont, QGuiApplication, QImage, QTextCursor, QTextDocument, QTextTable
from PySide6.QtWidgets import QApplication, QTextBrowser
from pytestqt.qtbot import QtBot

from tests.gui.looks import dressed, put_theme
from workbench.gui.views.code_block import CodeBlock
from workbench.gui.views.markdown import LONGEST, Piece, Pieces, clean
from workbench.gui.views.prose import Prose

IMAGE = QTextDocument.ResourceType.ImageResource.value
STYLE = QTextDocument.ResourceType.StyleSheetResource.value
MIXED = """Intro with `code`.

```python
x = 1

y = 2
```
| a | b |
|---|--:|
| 1 | 2 |
after

1. one
   ~~~
   inner
   ~~~
2. two
"""


def kinds(text: str) -> list[tuple[str, str, str]]:
    pieces = Pieces()
    pieces.update(text)
    return [(piece.kind, piece.text, piece.info) for piece in pieces.all]


def test_code_tables_and_the_rest_are_told_apart() -> None:
    assert kinds(MIXED) == [
        ("prose", "Intro with `code`.", ""),
        ("code", "x = 1\n\ny = 2", "python"),
        ("table", "| a | b |\n|---|--:|\n| 1 | 2 |", ""),
        ("prose", "after\n\n1. one", ""),
        ("code", "inner", ""),
        ("prose", "2. two", ""),
    ]


def test_a_text_that_grows_is_divided_as_the_whole_one() -> None:
    growing = Pieces()
    for length in range(len(MIXED) + 1):
        growing.update(MIXED[:length])
        whole = Pieces()
        whole.update(MIXED[:length])
        assert growing.all == whole.all


def test_what_is_settled_is_not_divided_again() -> None:
    pieces = Pieces()
    text = "\n\n".join(["word " * 100] * 100)
    pieces.update(text)
    before = list(pieces.all)
    assert pieces.update(text + " more") == len(before) - 1
    assert all(now is then for now, then in zip(pieces.all[:-1], before[:-1], strict=True))
    assert pieces.update("another text") == 0
    assert pieces.all == [Piece("prose", "another text", 0)]


@pytest.mark.parametrize("text", ["a" * 100_000, "word " * 20_000, "- x\n" * 30_000, "\n\n".join(["word " * 50] * 400)])
def test_no_piece_is_long(text: str) -> None:
    pieces = Pieces()
    pieces.update(text)
    assert max(len(piece.text) for piece in pieces.all) <= LONGEST
    said = "".join(piece.text for piece in pieces.all)
    assert "".join(said.split()) == "".join(text.split())


def test_a_table_beyond_all_bounds_is_shown_as_it_was_written() -> None:
    wide = "|a" * 3000 + "|\n" + "|-" * 3000 + "|\n" + "|b" * 3000 + "|\n"
    assert kinds(wide)[0][0] == "code"
    long = "|a|b|\n|-|-|\n" + "|1|2|\n" * 2000
    assert kinds(long)[0][0] == "code"


def test_signs_that_qt_keeps_for_itself_are_replaced() -> None:
    assert clean("a\0b\ufdd0c\ufffcd\ud800e\r\nf\u2028g") == "a\ufffdb\ufffdc\ufffdd\ufffde\nf\ng"


# --- running text -------------------------------------------------------------------------------------------------


@pytest.fixture
def prose(qtbot: QtBot, qapp: QApplication) -> Prose:
    put_theme(qapp, dark=False)
    made = dressed(Prose())
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.show()
    return made


def last_colour(prose: Prose) -> QColor:
    """That of the last letter."""
    cursor = QTextCursor(prose.document())
    cursor.movePosition(QTextCursor.MoveOperation.End)
    return cursor.charFormat().foreground().color()


def test_html_is_shown_as_text(prose: Prose) -> None:
    prose.show_markdown('<b>x</b> <script>alert(1)</script>\n\n<img src="http://a.b/c.png">\n\n<div>\n\n*y*')
    assert prose.toPlainText() == '<b>x</b> <script>alert(1)</script>\n<img src="http://a.b/c.png">\n<div>\ny'


def test_no_picture_is_even_looked_for(prose: Prose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for cls in (QTextBrowser, Prose, type(prose.document())):
        monkeypatch.setattr(cls, "loadResource", lambda self, kind, name: asked.append(str(name)), raising=False)
    prose.show_markdown(
        "![far](http://a.b/c.png) ![near](file:///etc/passwd) ![data](data:image/png;base64,AAAA) ![share](//x/y)"
    )
    prose.grab()
    assert asked == []
    names = ("far", "near", "data", "share")
    assert prose.toPlainText() == " ".join(f"[picture, not loaded: {name}]" for name in names)


def test_nothing_is_loaded_whatever_asks_for_it(prose: Prose, tmp_path: Path) -> None:
    style = tmp_path / "a.css"
    style.write_text("p { color: red }", "utf-8")
    local = QUrl.fromLocalFile(str(style))
    prose.document().setHtml(f'<link rel="stylesheet" href="{local.toString()}"><p>x</p>')
    assert last_colour(prose) != QColor("red")
    assert prose.loadResource(STYLE, local) is None
    picture = tmp_path / "a.png"
    QImage(8, 8, QImage.Format.Format_RGB32).save(str(picture))
    prose.document().setHtml(f'<img src="{QUrl.fromLocalFile(str(picture)).toString()}">')
    prose.grab()
    assert prose.document().resource(IMAGE, QUrl.fromLocalFile(str(picture))).width() == 1


def test_a_link_is_told_and_not_followed(prose: Prose, qtbot: QtBot) -> None:
    prose.show_markdown("Go to [the page](https://example.org/x) or [here](javascript:alert(1)).")
    prose.setFocus()
    qtbot.keyClick(prose, Qt.Key.Key_Tab)
    with qtbot.waitSignal(prose.anchorClicked) as caught:
        qtbot.keyClick(prose, Qt.Key.Key_Return)
    assert caught.args == [QUrl("https://example.org/x")]
    assert prose.source().isEmpty()
    assert prose.toPlainText() == "Go to the page or here."


def test_headings_lists_tables_and_code_have_their_look(prose: Prose) -> None:
    prose.show_markdown("# Big\n\n- one\n- two\n\nsome `code` and **bold** and *italic*\n\n|a|b|\n|-|-|\n|1|2|")
    document = prose.document()
    found = {}
    block = document.begin()
    while block.isValid():
        part = block.begin()
        while not part.atEnd():
            found[part.fragment().text().strip()] = part.fragment().charFormat()
            part += 1
        block = block.next()
    assert found["Big"].fontPointSize() > prose.font().pointSizeF() * 1.3
    assert found["code"].fontFixedPitch()
    assert found["code"].background().color() != found["bold"].background().color()
    assert found["bold"].fontWeight() >= QFont.Weight.DemiBold
    assert found["italic"].fontItalic()
    tables = [frame for frame in document.rootFrame().childFrames() if isinstance(frame, QTextTable)]
    assert [(table.rows(), table.columns()) for table in tables] == [(2, 2)]


def test_words_of_a_wide_table_stay_whole_and_are_scrolled_to(prose: Prose) -> None:
    head = "|".join(f"column{number}" for number in range(14))
    prose.scrolls_sideways(True)
    prose.show_markdown(f"{head}\n{'|'.join('-' * 14)}\n{head}\n{head}")

    def lines() -> set[int]:
        (table,) = (one for one in prose.document().rootFrame().childFrames() if isinstance(one, QTextTable))
        cells = [table.cellAt(row, column) for row in range(3) for column in range(14)]
        return {cell.firstCursorPosition().block().layout().lineCount() for cell in cells}

    for width in (400, 2000, 400):
        prose.heightForWidth(width)
        assert lines() == {1}
        assert (prose.document().size().width() > width) is (width == 400)
    prose.show_markdown(f"{head}\n{'|'.join('-' * 14)}\n{head} and more")  # it grows, and nobody asks for a height
    assert prose.document().size().width() > 400
    prose.show_markdown(f"a|b\n-|-\n{'long' * 100}|2")  # such a word is broken, before all would be scrolled
    prose.heightForWidth(400)
    assert prose.document().size().width() <= 400


def test_a_selection_stays_while_the_text_grows(prose: Prose) -> None:
    prose.show_markdown("one two")
    cursor = prose.textCursor()
    cursor.setPosition(4)
    cursor.setPosition(7, QTextCursor.MoveMode.KeepAnchor)
    prose.setTextCursor(cursor)
    prose.show_markdown("one two three")
    assert prose.textCursor().selectedText() == "two"


def test_its_height_is_that_of_its_text(prose: Prose) -> None:
    prose.show_markdown("word " * 10)
    low = prose.heightForWidth(500)
    assert prose.heightForWidth(100) > 2 * low
    prose.show_markdown("word " * 200)
    assert prose.heightForWidth(500) > 3 * low


def test_colours_follow_the_theme(prose: Prose, qapp: QApplication, qtbot: QtBot) -> None:
    prose.show_markdown("[x](https://example.org)")

    def lightness() -> int:
        prose.grab()
        return last_colour(prose).lightness()

    light = lightness()
    put_theme(qapp, dark=True)
    qtbot.waitUntil(lambda: lightness() > light + 20)


HOSTILE = [
    "> " * 3000 + "x",
    "- " * 3000 + "x",
    "*" * 5000 + "a" + "*" * 5000,
    "[" * 5000 + "](" * 5000,
    "`" * 5000,
    "<" * 5000,
    "![a](" * 1000,
    "a" * 100_000,
    "|" * 100_000,
    "\n" * 100_000,
    "&#x0;&#xD800;&#x110000;&#xFDD0;&lt;b&gt;",
    "\u202e" * 5000 + "x",
    "e" + "\u0301" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_markdown_is_shown_in_short_steps(text: str, prose: Prose) -> None:
    pieces = Pieces()
    pieces.update(clean(text))

    def took(show: Callable[[str], None], said: str) -> float:
        before = time.process_time()
        show(said)
        prose.heightForWidth(500)
        return time.process_time() - before

    longest = [piece.text for piece in pieces.all if piece.kind != "code"]
    # The best of three: the machine may be busy with other things.
    assert all(min(took(prose.show_markdown, each + " " * n) for n in range(3)) < 0.1 for each in longest[:3])


# --- code ---------------------------------------------------------------------------------------------------------


def test_code_is_copied_whole_and_keeps_its_lines(qtbot: QtBot) -> None:
    code = CodeBlock()
    qtbot.addWidget(code)
    code.show()
    code.show_code("x = 1", "python")
    low = code.sizeHint().height()
    code.show_code("x = 1\n" + "y" * 100_000, "python")
    assert code.edit.document().blockCount() > 2  # a line that is too long to lay out is broken where it is shown
    assert code.sizeHint().height() > low
    qtbot.mouseClick(code.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "x = 1\n" + "y" * 100_000
    assert code.copy.text() == "Copied"
    assert code.edit.accessibleName() == "Code, python"


def test_code_that_grows_is_added_to(qtbot: QtBot) -> None:
    code = CodeBlock()
    qtbot.addWidget(code)
    code.show_code("a\nb", "")
    cursor = code.edit.textCursor()
    cursor.setPosition(1, QTextCursor.MoveMode.KeepAnchor)
    code.edit.setTextCursor(cursor)
    code.show_code("a\nb\nc", "")
    assert code.edit.toPlainText() == "a\nb\nc"
    assert code.edit.textCursor().selectedText() == "a"
    code.show_code("other", "")
    assert code.edit.toPlainText() == "other"
