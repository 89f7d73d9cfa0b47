"""Answers in their text, words for masks, texts in a ranking."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QTextCursor
from pytestqt.qtbot import QtBot

from tests.gui.views.fakes import context, settle, speak, texts_of
from workbench.gui.views.answers import AnswersView
from workbench.gui.views.fills import FillsView
from workbench.gui.views.ranking import RankingView
from workbench.results import Answer, Answers, Fill, Fills, Rank, Ranking

TEXT = "👩‍🚀 Ana wrote it.\r\nBéla read it, " + "and so on. " * 200 + "Cleo lost it."
ANA, BELA, CLEO = (TEXT.index(name) for name in ("Ana", "Béla", "Cleo"))
RESULT = Answers(
    "Who wrote it?",
    TEXT,
    (Answer("Ana", 0.9, ANA, ANA + 3), Answer("Cleo", 0.06, CLEO, CLEO + 4), Answer("Béla", 0.04, BELA, BELA + 4)),
)


def shown_with(shown: Any, result: Answers) -> AnswersView:
    view: AnswersView = shown(AnswersView())
    view.show_result(result, context({"question": result.question, "context": result.context}, "fields"))
    settle()
    return view


def bold(view: AnswersView) -> str:
    """What stands out in the text."""
    document = view.edit.document()
    cursor, found = QTextCursor(document), ""
    for place in range(document.characterCount() - 1):
        cursor.setPosition(place)
        cursor.setPosition(place + 1, QTextCursor.MoveMode.KeepAnchor)
        if cursor.charFormat().fontWeight() == QFont.Weight.DemiBold:
            found += cursor.selectedText()
    return found.strip("\u2029")  # the end of a line has the format of what comes after it


def test_the_best_answer_stands_out_in_its_text(shown: Any) -> None:
    view = shown_with(shown, RESULT)
    assert bold(view) == "Ana"
    assert view.list.ranks[0].text == "Ana"
    assert view.list.ranks[0].figure == "90.0%"
    assert view.text().splitlines()[0] == "0.9000\tAna"


def test_a_sum_of_equal_answers_above_1_is_no_share(shown: Any) -> None:
    twice = Answers("Who?", TEXT, (Answer("Ana", 1.8, ANA, ANA + 3), Answer("Cleo", 0.06, CLEO, CLEO + 4)))
    view = shown_with(shown, twice)
    assert [rank.figure for rank in view.list.ranks] == ["1.800", "0.060"]
    bar, other = (rank.bar for rank in view.list.ranks)
    assert bar == (0.0, 1.0)
    assert other
    assert other[1] < 0.1


def test_another_answer_is_chosen_and_comes_into_sight(shown: Any, qtbot: QtBot) -> None:
    view = shown_with(shown, RESULT)
    assert view.edit.verticalScrollBar().value() == 0
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_Down)
    assert bold(view) == "Cleo"
    assert view.edit.verticalScrollBar().value() > 0
    qtbot.keyClick(view.list, Qt.Key.Key_Down)
    assert bold(view) == "Béla"  # behind an emoji and an end of line of two signs


def test_a_text_that_does_not_answer_is_said_to(shown: Any) -> None:
    view = shown_with(shown, Answers("Where?", "It was Ana.", (Answer("", 0.8, 0, 0), Answer("Ana", 0.1, 7, 10))))
    assert "The text does not answer this question." in texts_of(view)
    assert [rank.text for rank in view.list.ranks] == ["No answer", "Ana"]
    assert bold(view) == ""
    speak("zh_CN")
    assert [rank.text for rank in view.list.ranks] == ["没有答案", "Ana"]


def test_a_score_above_one_does_not_leave_its_bar(shown: Any) -> None:
    view = shown_with(shown, Answers("?", "It was Ana.", (Answer("Ana", 1.2, 7, 10),)))
    (rank,) = view.list.ranks
    assert rank.bar == (0.0, 1.0)


WORDS = tuple(Fill(n, word, 0.5 / (n + 1), f"A {word}.") for n, word in enumerate(("cat", "dog", " ")))


@pytest.mark.parametrize(("count", "titles"), [(1, []), (2, ["Mask 1", "Mask 2"])])
def test_each_mask_has_its_words(shown: Any, count: int, titles: list[str]) -> None:
    view = shown(FillsView())
    view.show_result(Fills((WORDS,) * count), context("A [MASK]."))
    settle()
    assert len(view.lists) == count
    for words in view.lists:
        assert words.isVisible()
        assert [(rank.text, rank.second) for rank in words.ranks] == [
            ("cat", "A cat."),
            ("dog", "A dog."),
            ("' '", "A  ."),
        ]
    visible = [part.text() for part in view.findChildren(type(view._none)) if part.isVisible()]
    assert [text for text in visible if text.startswith("Mask")] == titles
    assert len(view.text().split("\n\n")) == count


def test_fewer_masks_than_before(shown: Any) -> None:
    view = shown(FillsView())
    view.show_result(Fills((WORDS, WORDS)), context("x"))
    view.show_result(Fills((WORDS[:1],)), context("x"))
    assert [len(words.ranks) for words in view.lists] == [1]


LONG = "A long text that no line can hold. " * 20


def test_logits_go_to_either_side_of_zero(shown: Any) -> None:
    view = shown(RankingView())
    view.show_result(Ranking("q", (Rank(1, "One.", 6.0), Rank(0, "Two.", -2.0))), context({}, "fields"))
    best, worst = view.list.ranks
    assert (best.text, best.figure, best.bar, best.zero) == ("2  One.", "6.000", (0.25, 1.0), 0.25)
    assert (worst.text, worst.figure, worst.bar) == ("1  Two.", "−2.000", (0.0, 0.25))
    assert view.text() == "6.0000\t2\tOne.\n-2.0000\t1\tTwo."


def test_probabilities_are_shares_of_the_whole_bar(shown: Any) -> None:
    view = shown(RankingView())
    view.show_result(Ranking("q", (Rank(0, "One.", 0.5),)), context({}, "fields"))
    assert view.list.ranks[0].bar == (0.0, 0.5)


def test_a_text_that_no_line_can_hold_is_shown_below(shown: Any, qtbot: QtBot) -> None:
    view = shown(RankingView())
    view.show_result(Ranking("q", (Rank(0, "Short.", 2.0), Rank(1, LONG, 1.0))), context({}, "fields"))
    assert not view.edit.isVisible()
    view.list.setFocus()
    qtbot.keyClick(view.list, Qt.Key.Key_Down)
    assert view.edit.isVisible()
    assert view.edit.toPlainText() == LONG
