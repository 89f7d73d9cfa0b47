"""The chart of a receipt: where marks stand, what they say to mouse, keys and screen readers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.looks import dressed, put_theme
from tests.gui.receipts.fakes import agreed, receipt, speed
from workbench.gui.views.receipt_chart import ReceiptChart, nice_step
from workbench.gui.widgets.theme import colors
from workbench.receipts.receipt import Receipt, ReceiptRow


def chart_of(qtbot: QtBot, shown: Receipt, width: int = 600) -> ReceiptChart:
    chart = dressed(ReceiptChart())
    qtbot.addWidget(chart)
    chart.resize(width, 280)
    with qtbot.waitExposed(chart):
        chart.show()
    chart.show_receipt(shown)
    return chart


@pytest.mark.parametrize("dark", [False, True])
def test_the_smaller_and_faster_stands_at_the_top_left(qtbot: QtBot, qapp: QApplication, dark: bool) -> None:
    put_theme(qapp, dark=dark)
    shown = receipt()
    chart = chart_of(qtbot, shown)
    whole, small = (chart.place_of(row) for row in shown.rows)
    assert small.x() < whole.x()
    assert small.y() < whole.y()
    image = chart.grab().toImage()
    assert image.pixelColor(small.toPoint()) == QColor(colors().success)
    assert image.pixelColor(whole.toPoint()) == QColor(colors().success)


def test_the_colour_tells_the_agreement(qtbot: QtBot) -> None:
    made = receipt()
    rows = (
        ReceiptRow("int8", "cpu", 20_000_000, agreed(0.95), speed(300)),
        ReceiptRow("q4", "cpu", 60_000_000, agreed(0.5), speed(100)),
        ReceiptRow("fp16", "cpu", 90_000_000, None, speed(200)),
    )
    shown = replace(made, rows=rows)
    chart = chart_of(qtbot, shown)
    image = chart.grab().toImage()
    seen = [image.pixelColor(chart.place_of(row).toPoint()) for row in rows]
    assert seen == [QColor(colors().warning), QColor(colors().danger), QColor(colors().surface)]


def test_what_has_no_speed_is_left_to_the_table(qtbot: QtBot) -> None:
    chart = chart_of(qtbot, receipt(failed=True))
    assert chart.count == 2
    empty = chart_of(qtbot, replace(receipt(), rows=(receipt(failed=True).rows[2],)))
    assert empty.count == 0
    assert not empty.grab().isNull()


def test_the_keys_go_from_mark_to_mark(qtbot: QtBot) -> None:
    chart = chart_of(qtbot, receipt())
    chart.activateWindow()
    chart.setFocus()
    qtbot.waitUntil(chart.hasFocus)
    assert chart.accessibleDescription().count("\n") == 1  # all of them
    seen = []
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_End, Qt.Key.Key_Home):
        qtbot.keyClick(chart, key)
        assert chart.current is not None
        seen.append(chart.current.precision)
    assert seen == ["int8", "fp32", "int8", "fp32", "int8"]
    said = chart.accessibleDescription()
    assert said.startswith("int8 · CPU (recommended), 23.1 MB, 320 inputs a second, 2.0× faster than fp32, cosine")
    qtbot.keyClick(chart, Qt.Key.Key_A)
    assert chart.current.precision == "int8"
    chart.clearFocus()
    assert chart.current is None


def test_a_click_near_a_mark_chooses_it(qtbot: QtBot) -> None:
    shown = receipt()
    chart = chart_of(qtbot, shown)
    place = chart.place_of(shown.rows[0]).toPoint()
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=place + QPoint(5, 5))
    assert chart.current is shown.rows[0]


@pytest.mark.parametrize("width", [200, 300, 1200])
def test_it_is_drawn_at_every_width(qtbot: QtBot, width: int) -> None:
    shown = receipt()
    chart = chart_of(qtbot, shown, width)
    assert all(0 <= chart.place_of(row).x() <= chart.width() for row in shown.rows)
    assert not chart.grab().isNull()


@pytest.mark.parametrize(("end", "step"), [(5, 1), (25, 5), (420, 100), (98e6, 20e6), (0.03, 0.01), (12.5, 2.5)])
def test_the_steps_of_an_axis_are_round(end: float, step: float) -> None:
    assert nice_step(end) == pytest.approx(step)
