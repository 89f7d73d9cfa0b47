"""Labels and their bars."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import ODD, Files, Sounds, context
from workbench.gui.views.labels import LabelsView
from workbench.results import Label, Labels

TWO = Labels((Label("POSITIVE", 0.875), Label("NEGATIVE", 0.125)))


def test_shares_are_percentages_of_the_whole_bar(shown) -> None:
    view = shown(LabelsView())
    view.show_result(TWO, context("Good."))
    first, second = view.list.ranks
    assert (first.figure, first.bar, first.strong) == ("87.5%", (0.0, 0.875), True)
    assert (second.figure, second.bar, second.strong) == ("12.5%", (0.0, 0.125), False)
    assert view.text() == "POSITIVE\t0.8750\nNEGATIVE\t0.1250"


def test_raw_scores_are_numbers_on_both_sides_of_zero(shown) -> None:
    view = shown(LabelsView())
    view.show_result(Labels((Label("a", 3.0), Label("b", -1.0), Label("c", float("nan")))), context("x"))
    assert [rank.figure for rank in view.list.ranks] == ["3.000", "−1.000", "–"]
    assert [rank.bar for rank in view.list.ranks] == [(0.25, 1.0), (0.0, 0.25), (0.25, 0.25)]


def test_what_rounding_adds_does_not_make_a_share_a_raw_score(shown) -> None:
    view = shown(LabelsView())
    view.show_result(Labels((Label("a", 1.0000001), Label("b", -1e-7))), context("x"))
    assert [rank.figure for rank in view.list.ranks] == ["100%", "0.0%"]


def test_a_thousand_labels_are_no_thousand_widgets(shown, qtbot: QtBot) -> None:
    view = shown(LabelsView())
    few = len(view.findChildren(QWidget))
    view.show_result(Labels(tuple(Label(f"class {n}", 1 / (n + 2)) for n in range(1000))), context("x"))
    assert len(view.findChildren(QWidget)) == few
    qtbot.waitUntil(lambda: view.list.viewport().height() > 200)
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_End)
    assert view.list.currentIndex().row() == 999
    assert view.list.visualRect(view.list.currentIndex()).bottom() <= view.list.viewport().height()
    said = view.list.currentIndex().data(Qt.ItemDataRole.AccessibleTextRole)
    assert said == "class 999, 0.1%"


def test_a_sound_that_was_asked_about_can_be_heard(shown, qtbot: QtBot) -> None:
    sounds = Sounds()
    view = shown(LabelsView())
    view.show_result(TWO, context("/sounds/dog.wav", "audio", sounds=sounds))
    assert view.player.isVisible()
    assert view.player.clock.text() == "0:00 / 0:40"
    qtbot.mouseClick(view.player.button, Qt.MouseButton.LeftButton)
    assert sounds.playing == "/sounds/dog.wav"
    view.show_result(TWO, context("Good."))
    assert sounds.playing is None
    assert not view.player.isVisible()


def test_a_row_is_copied(shown, qtbot: QtBot) -> None:
    view = shown(LabelsView())
    view.show_result(TWO, context("Good."))
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_Down)
    qtbot.keyClick(view.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "NEGATIVE\t12.5%"


def test_a_text_is_quoted_in_at_most_three_lines(shown) -> None:
    view = shown(LabelsView())
    view.show_result(TWO, context("One line."))
    one = view.quote.heightForWidth(400)
    view.show_result(TWO, context(ODD + " and on" * 2000))
    assert view.quote.isVisible()
    assert not view.picture.isVisible()
    assert one < view.quote.heightForWidth(400) < 4 * one
    assert view.quote.accessibleDescription().startswith("<b>Ana</b> & 👩‍🚀 שלום Béla")


def test_a_picture_is_shown_and_asked_for_once(shown) -> None:
    files = Files()
    view = shown(LabelsView())
    view.show_result(TWO, context("/some/cat.png", "image", files=files))
    assert view.picture.is_loaded
    assert view.picture.isVisible()
    assert not view.quote.isVisible()
    count = len(files.asked)
    view.show_result(TWO, context("/some/cat.png", "image", files=files))
    assert len(files.asked) == count
    view.show_result(TWO, context("/some/dog.png", "image", files=files))
    assert files.asked[-1][0] == "/some/dog.png"
    view.show_result(TWO, context("a text"))
    assert not view.picture.isVisible()
