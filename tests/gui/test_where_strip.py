"""Below an answer: where it ran, what fell back, and what the receipt says of the variant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.looks import dressed, put_theme
from tests.gui.receipts.fakes import receipt
from workbench.errors import Notice
from workbench.gui import language
from workbench.gui.views.placements import PlacementsView, operator_list
from workbench.gui.where_strip import WhereStrip
from workbench.receipts.receipt import Placement
from workbench.running import RunReport

LEFT = Qt.MouseButton.LeftButton
ON_CUDA = Placement("model", "cuda", 181, {"MatMul": 72, "Add": 60}, 0.0021)
ON_CPU = Placement("model", "cpu", 31, {"Shape": 12, "Gather": 9}, 0.0004, "CUDA does not take these")
FALLBACK = Notice.of("receipt-stopped")


def report(got: tuple[str, ...] = ("cpu",), asked: str = "auto", warnings: tuple[Notice, ...] = ()) -> RunReport:
    return RunReport("task", "model", "int8", asked, got, 0.4, 0.01, (), warnings)


def put(made: RunReport, *placements: Placement) -> RunReport:
    return replace(made, placements=placements)


@pytest.fixture
def strip(qtbot: QtBot, qapp: QApplication) -> WhereStrip:
    put_theme(qapp, dark=False)
    strip = dressed(WhereStrip())
    qtbot.addWidget(strip)
    strip.resize(420, 200)
    return strip


def said(part: QWidget) -> str:
    return "\n".join(label.text() for label in part.findChildren(QLabel) if label.isVisible())


def test_the_receipt_of_the_variant_stands_in_one_line(strip: WhereStrip, qtbot: QtBot) -> None:
    strip.show_report(report())
    assert not strip.verdict.receipt.isVisible()
    strip.show_receipt(receipt())
    assert "int8: 24 of 26 agree, 2.0× faster than fp32" in said(strip)
    with qtbot.waitSignal(strip.receipt_requested):
        qtbot.mouseClick(strip.verdict.receipt, LEFT)
    strip.clear()
    strip.show_report(report())
    assert not strip.verdict.receipt.isVisible()


def test_a_receipt_that_knows_nothing_of_the_variant_says_nothing(strip: WhereStrip) -> None:
    strip.show_report(report())
    strip.show_receipt(receipt(rows=receipt().rows[:1]))
    assert not strip.verdict.receipt.isVisible()


def test_where_each_node_ran_is_behind_a_button(strip: WhereStrip, qtbot: QtBot) -> None:
    strip.show_report(put(report(("cuda", "cpu")), ON_CUDA, ON_CPU))
    assert "181" not in said(strip)
    qtbot.mouseClick(strip.details, LEFT)
    words = said(strip)
    assert "181" in words
    assert "CUDA does not take these" in words
    assert "Shape 12, Gather 9" in words
    assert "2.1 ms" in words
    qtbot.mouseClick(strip.details, LEFT)
    assert "181" not in said(strip)


def test_without_anything_to_say_there_is_no_button(strip: WhereStrip) -> None:
    strip.show_report(put(report()))
    assert not strip.details.isVisible()


def test_a_provider_that_was_not_got_is_seen_at_once(strip: WhereStrip, qtbot: QtBot) -> None:
    strip.show_report(put(report(("cpu",), "cuda", (FALLBACK,)), ON_CPU))
    assert "CUDA was asked for; ran on CPU in int8" in said(strip)
    assert strip.accessibleName().startswith("CUDA was asked for")
    qtbot.mouseClick(strip.details, LEFT)
    assert language.message_of(FALLBACK) in said(strip)


def test_it_follows_the_language(strip: WhereStrip) -> None:
    not_taken = Notice.of("nodes-not-taken", provider="dml")
    strip.show_report(put(report(), replace(ON_CPU, reason=str(not_taken), notice=not_taken.to_json())))
    strip.show_receipt(receipt())
    strip.details.setChecked(True)
    assert "DirectML does not take these operators" in said(strip)
    language.set_current("zh_CN")
    for part in (strip, *strip.findChildren(QWidget)):
        QApplication.sendEvent(part, QEvent(QEvent.Type.LanguageChange))
    words = said(strip)
    assert "int8：26 个样本中有 24 个一致、速度是 fp32 的 2.0 倍" in words
    assert "计算图" in words
    assert "DirectML 不支持这些算子" in words


@pytest.mark.parametrize(
    ("operators", "words"),
    [
        ({"Add": 2, "MatMul": 9}, "MatMul 9, Add 2"),
        (dict.fromkeys("ABCDEFGH", 1), "A 1, B 1, C 1, D 1, E 1, F 1 and 2 more kinds"),
        ({}, ""),
    ],
)
def test_operators_are_listed_by_number(operators: dict[str, int], words: str) -> None:
    assert operator_list(operators) == words


def test_times_are_left_out_where_nobody_measured_them(qtbot: QtBot, qapp: QApplication) -> None:
    view: Any = dressed(PlacementsView())
    qtbot.addWidget(view)
    view.show()
    view.show_placements([Placement("encoder_model", "cpu", 3)])
    assert "Time" not in said(view)
    assert "encoder_model" in said(view)
