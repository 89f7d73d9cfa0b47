"""The way of the Tab key, and what it may leave behind."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.layout_items import known_items, stale_items
from workbench.gui.params_form import ParamsForm
from workbench.gui.widgets.tab_order import put_in_order
from workbench.tasks.catalog import task_info


def tab_order(first: QPushButton, count: int) -> str:
    texts, at = first.text(), first
    for _ in range(count - 1):
        following = at.nextInFocusChain()
        assert isinstance(following, QPushButton)
        at = following
        texts += at.text()
    return texts


def test_tab_goes_as_it_is_laid_out(qtbot: QtBot) -> None:
    whole = QWidget()
    qtbot.addWidget(whole)
    a, b, c, d, e, f = (QPushButton(text) for text in "abcdef")
    outer, inner, grid = QVBoxLayout(whole), QHBoxLayout(), QGridLayout()
    outer.addWidget(f)
    outer.addLayout(inner)
    outer.addLayout(grid)
    outer.addWidget(a)
    inner.addWidget(e)
    inner.addStretch(1)
    inner.addWidget(b)
    grid.addWidget(d, 0, 0)
    grid.addWidget(c, 0, 1)
    put_in_order(whole)
    assert tab_order(f, 6) == "febdca"


def test_nothing_of_the_layout_stays_with_python(qtbot: QtBot) -> None:
    whole = QWidget()
    qtbot.addWidget(whole)
    layout = QVBoxLayout(whole)
    for text in "abc":
        layout.addWidget(QPushButton(text))
    put_in_order(whole)
    assert not known_items()


def test_a_form_can_be_made_anew(qtbot: QtBot) -> None:
    """Whose rows Qt deletes while the layout stays: the window once ended some changes of theme and language later."""
    form = ParamsForm()
    qtbot.addWidget(form)
    form.set_task(task_info("text-generation"))
    put_in_order(form)
    form.set_task(task_info("automatic-speech-recognition"))
    assert not stale_items()


def test_an_item_that_is_gone_is_found(qtbot: QtBot) -> None:
    """What the check after each test looks for."""
    whole = QWidget()
    layout = QVBoxLayout(whole)
    button = QPushButton()
    layout.addWidget(button)
    assert layout.itemAt(0) is not None
    assert known_items()
    assert not stale_items()
    button.deleteLater()
    QApplication.sendPostedEvents(button, QEvent.Type.DeferredDelete)
    assert layout.count() == 0
    assert len(stale_items()) == 1
