"""A matrix of similarities, and a ranked list."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import context
from workbench.gui.views.similarity import SimilarityView
from workbench.results import Similarity

SENTENCES = ("A man eats.", "A man is eating.", "It rains.")
SCORES = np.array([[1, 0.9, 0.1], [0.9, 1, -0.2], [0.1, -0.2, 1]], np.float32)
MATRIX = Similarity(SENTENCES, SENTENCES, SCORES)


@pytest.fixture
def view(shown) -> SimilarityView:
    made = shown(SimilarityView())
    made.show_result(MATRIX, context(list(SENTENCES), "fields"))
    made.pairs.clearFocus()
    made.map.clearFocus()
    return made


def told(view: SimilarityView) -> tuple[str, str, str]:
    return view.detail.figure.text(), view.detail.first.text(), view.detail.second.text()


def big(count: int) -> Similarity:
    titles = tuple(f"Sentence {n}" for n in range(count))
    angles = np.linspace(0, 3, count)
    return Similarity(titles, titles, np.cos(angles[:, None] - angles[None, :]).astype(np.float32))


def test_the_mouse_tells_both_sentences(view: SimilarityView, qtbot: QtBot) -> None:
    qtbot.mouseMove(view.map.viewport(), view.map.rect_of(1, 2).center())
    assert told(view) == ("−0.200", "2  A man is eating.", "3  It rains.")
    assert view.map.accessibleDescription() == "−0.200 between “A man is eating.” and “It rains.”"
    qtbot.mouseMove(view.map.viewport(), QPoint(1, 1))
    assert told(view)[0] == ""
    assert "Point at a cell" in told(view)[1]


def test_arrow_keys_go_from_cell_to_cell(view: SimilarityView, qtbot: QtBot) -> None:
    view.map.setFocus(Qt.FocusReason.TabFocusReason)
    assert view.map.current == (0, 0)
    for key, cell in (
        (Qt.Key.Key_Right, (0, 1)),
        (Qt.Key.Key_Down, (1, 1)),
        (Qt.Key.Key_End, (1, 2)),
        (Qt.Key.Key_Right, (1, 2)),
        (Qt.Key.Key_Up, (0, 2)),
        (Qt.Key.Key_Up, (0, 2)),
        (Qt.Key.Key_Home, (0, 0)),
        (Qt.Key.Key_Left, (0, 0)),
    ):
        qtbot.keyClick(view.map, key)
        assert view.map.current == cell
    assert told(view) == ("1.000", "1  A man eats.", "1  A man eats.")


def test_a_click_moves_the_cursor(view: SimilarityView, qtbot: QtBot) -> None:
    qtbot.mouseClick(view.map.viewport(), Qt.MouseButton.LeftButton, pos=view.map.rect_of(2, 0).center())
    assert view.map.current == (2, 0)


def test_the_closest_pairs_are_of_different_sentences_and_once(view: SimilarityView) -> None:
    rows = [(rank.text, rank.second, rank.figure) for rank in view.pairs.ranks]
    assert rows == [
        ("1  A man eats.", "2  A man is eating.", "0.900"),
        ("1  A man eats.", "3  It rains.", "0.100"),
        ("2  A man is eating.", "3  It rains.", "−0.200"),
    ]


def test_a_pair_that_is_chosen_is_shown_in_the_matrix(view: SimilarityView, qtbot: QtBot) -> None:
    view.pairs.setFocus()
    assert told(view)[0] == "0.900"
    qtbot.keyClick(view.pairs, Qt.Key.Key_End)
    assert view.map.current == (1, 2)
    assert told(view)[0] == "−0.200"


def test_five_pairs_at_most(view: SimilarityView) -> None:
    view.show_result(big(30), context([], "fields"))
    assert len(view.pairs.ranks) == 5


def test_one_sentence_has_a_ranked_list(view: SimilarityView) -> None:
    others = ("far", "near", "none")
    view.show_result(
        Similarity(("The source.",), others, np.array([[-0.5, 0.75, np.nan]], np.float32)), context({}, "fields")
    )
    assert [(rank.text, rank.figure) for rank in view.list.ranks] == [
        ("near", "0.750"),
        ("far", "−0.500"),
        ("none", "–"),
    ]
    assert view.list.isVisible()
    assert view.quote.isVisible()
    assert not view.map.isVisible()
    assert not view.pairs.isVisible()
    assert view.text().splitlines() == ["0.7500\tnear", "-0.5000\tfar", "nan\tnone"]
    view.show_result(MATRIX, context([], "fields"))
    assert view.map.isVisible()
    assert not view.list.isVisible()


def test_a_matrix_as_text_is_a_table(view: SimilarityView) -> None:
    lines = [line.split("\t") for line in view.text().splitlines()]
    assert lines[0] == ["", *SENTENCES]
    assert lines[1] == ["A man eats.", "1.0000", "0.9000", "0.1000"]


def test_two_hundred_sentences_scroll_and_keep_the_cursor_in_sight(view: SimilarityView, qtbot: QtBot) -> None:
    view.show_result(big(200), context([], "fields"))
    view.map.setFocus()
    qtbot.keyClick(view.map, Qt.Key.Key_End)
    view.map.go_to(199, 199)
    cell = view.map.rect_of(199, 199)
    assert view.map.viewport().rect().contains(cell)
    qtbot.keyClick(view.map, Qt.Key.Key_Home)
    assert view.map.viewport().rect().contains(view.map.rect_of(199, 0))
    view.map.go_to(0, 0)
    assert view.map.horizontalScrollBar().value() == view.map.verticalScrollBar().value() == 0
    view.grab()


def test_another_matrix_forgets_the_cursor(view: SimilarityView) -> None:
    view.map.go_to(2, 2)
    view.show_result(big(2), context([], "fields"))
    assert view.map.current is None
    assert told(view)[0] == ""


def test_rows_and_columns_of_different_sentences_have_no_diagonal(view: SimilarityView) -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    view.show_result(Similarity(("a", "b"), ("c", "d"), scores), context([], "fields"))
    assert [(rank.text, rank.second) for rank in view.pairs.ranks][:2] == [("1  a", "1  c"), ("2  b", "2  d")]
