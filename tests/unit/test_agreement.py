"""How answers are compared where the best of several counts."""

from __future__ import annotations

import pytest

from workbench.results import Answer, Answers, Fill, Fills, Labels, Rank, Ranking
from workbench.tasks.agreement import agreement


def fills(*masks: tuple[int, ...]) -> Fills:
    return Fills(tuple(tuple(Fill(token, str(token), 0.1, "") for token in mask) for mask in masks))


def answers(*spans: tuple[int, int]) -> Answers:
    return Answers("", "", tuple(Answer("", 0.5, start, end) for start, end in spans))


def ranking(*indices: int) -> Ranking:
    return Ranking("", tuple(Rank(index, "", -float(place)) for place, index in enumerate(indices)))


@pytest.mark.parametrize(
    ("got", "wanted", "value"),
    [
        (fills((3, 1), (2, 1)), fills((3, 2), (1, 2)), 0.5),
        (fills((3, 1)), fills((3, 2)), 1),
        (answers((0, 4), (6, 9)), answers((0, 4)), 1),
        (answers((0, 4)), answers((0, 5)), 0),
        (answers(), answers((0, 5)), 0),
        (answers(), answers(), 1),
        (ranking(2, 0, 1), ranking(2, 0, 1), 1),
        (ranking(2, 0, 1), ranking(2, 1, 0), 2 / 3),
        (ranking(0, 1, 2), ranking(2, 1, 0), 0),
        (ranking(0), ranking(0), 1),
    ],
)
def test_the_share_that_agrees(got: Fills, wanted: Fills, value: float) -> None:
    assert agreement(got, wanted).value == pytest.approx(value)


def test_results_of_two_kinds_are_not_compared() -> None:
    with pytest.raises(TypeError, match="Labels cannot be compared with Answers"):
        agreement(Labels(()), answers())
