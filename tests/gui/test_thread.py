"""A long column of parts: only what is in sight has widgets, and what is read stays where it is."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from workbench.gui.widgets.thread import Row, ThreadView


class High(QPushButton):
    """As high as its part says."""

    def __init__(self, part: Part) -> None:
        super().__init__(part.name)
        self._part = part

    def sizeHint(self) -> QSize:
        return QSize(100, self._part.high)


class Part(Row):
    """Is ``high`` pixels high, and was thought to be 50."""

    def __init__(self, high: int, name: str = "") -> None:
        super().__init__()
        self.high = high
        self.name = name
        self.held = False

    def make(self) -> QWidget:
        return High(self)

    def estimate(self, width: int) -> int:
        return 50

    @property
    def is_held(self) -> bool:
        return self.held


@pytest.fixture
def view(qtbot: QtBot) -> ThreadView:
    made = ThreadView()
    qtbot.addWidget(made)
    made.resize(400, 300)
    with qtbot.waitExposed(made):
        made.show()
    return made


def place_of(view: ThreadView, row: Row) -> int:
    assert row.widget
    return row.widget.mapTo(view, row.widget.rect().topLeft()).y()


def test_only_what_is_near_has_a_widget(view: ThreadView) -> None:
    rows = [Part(80) for _ in range(500)]
    view.set_rows(rows)
    assert view.follows
    assert rows[-1].widget is not None
    assert rows[0].widget is None
    assert len(view.made) < 20
    view.verticalScrollBar().setValue(0)
    assert rows[0].widget is not None
    assert rows[-1].widget is None
    assert not view.follows


def test_it_follows_its_end_only_while_the_reader_is_there(view: ThreadView) -> None:
    rows = [Part(80) for _ in range(20)]
    view.set_rows(rows)
    rows.append(Part(200))
    view.set_rows(rows)
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum()
    bar.setValue(bar.maximum() - 500)
    seen = next(row for row in rows if row.widget and 0 <= place_of(view, row) < 200)
    before = place_of(view, seen)
    rows.append(Part(300))
    view.set_rows(rows)
    assert place_of(view, seen) == before
    assert view.to_end.isVisible()
    view.to_end.click()
    assert bar.value() == bar.maximum()
    assert not view.to_end.isVisible()


def test_what_is_read_stays_while_heights_above_turn_out_otherwise(view: ThreadView, qtbot: QtBot) -> None:
    rows = [Part(150) for _ in range(100)]
    view.set_rows(rows)
    bar = view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    seen = next(row for row in rows if row.widget and 0 <= place_of(view, row) < 200)
    before = place_of(view, seen)
    above = rows[rows.index(seen) - 2]  # out of sight
    qtbot.waitUntil(lambda: above.widget is not None)
    above.high = 400
    above.changed()
    view.refresh()
    assert above.height == 400
    assert place_of(view, seen) == before


def test_what_is_read_stays_while_a_part_is_put_before_all(view: ThreadView) -> None:
    rows = [Part(80) for _ in range(50)]
    view.set_rows(rows)
    view.verticalScrollBar().setValue(1000)
    seen = next(row for row in rows if row.widget and 0 <= place_of(view, row) < 200)
    before = place_of(view, seen)
    view.set_rows([Part(300), *rows])
    assert place_of(view, seen) == before


def test_parts_that_stay_keep_their_widgets(view: ThreadView) -> None:
    first, second = Part(50), Part(50)
    view.set_rows([first, second])
    kept, gone = first.widget, second.widget
    view.set_rows([first, Part(60)])
    assert first.widget is kept
    assert second.widget is None
    assert gone is not None
    assert gone.isHidden()


def test_a_part_that_holds_something_stays_out_of_sight(view: ThreadView) -> None:
    rows = [Part(80) for _ in range(100)]
    view.set_rows(rows)
    rows[-1].held = True
    kept = rows[-1].widget
    view.verticalScrollBar().setValue(0)
    assert rows[-1].widget is kept


def test_tab_goes_from_top_to_bottom_and_brings_into_sight(view: ThreadView, qtbot: QtBot) -> None:
    view.activateWindow()
    rows = [Part(80, str(number)) for number in range(30)]
    view.set_rows(rows)
    view.verticalScrollBar().setValue(0)
    view.setFocus()
    for number in range(20):
        qtbot.keyClick(view.window().focusWidget(), Qt.Key.Key_Tab)
        focused = view.window().focusWidget()
        assert isinstance(focused, QPushButton)
        assert focused.text() == str(number)
        assert 0 <= place_of(view, rows[number]) <= view.height() - 80
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.verticalScrollBar().value() == 0
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    assert view.verticalScrollBar().value() > 100
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.follows


def test_another_width_gives_other_heights(view: ThreadView, qtbot: QtBot) -> None:
    rows = [Part(80) for _ in range(20)]
    view.set_rows(rows)
    view.resize(300, 300)
    qtbot.waitUntil(lambda: rows[-1].measured_at < 300)
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum()
