"""Which token is taken: by score or by chance, and what is done when there is none to take."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from workbench.errors import EngineError
from workbench.runtime import logits_processors as rules
from workbench.runtime.generate import StopTexts, by_chance, likeliest

SCORES = np.log(np.array([0.1, 0.2, 0.3, 0.4], np.float32))
INF = np.inf


def drawn(count: int, seed: int, *warpers: rules.LogitsProcessor) -> list[int]:
    choose = by_chance(warpers, seed)
    return [choose(SCORES.copy(), ()) for _ in range(count)]


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    counts = Counter(drawn(20_000, 1))
    assert [counts[token] / 20_000 for token in range(4)] == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.02)


def test_a_seed_makes_the_same_choices_again() -> None:
    assert drawn(50, 7) == drawn(50, 7)
    assert drawn(50, 7) != drawn(50, 8)
    choose, other = by_chance(()), by_chance(())
    assert [choose(SCORES.copy(), ()) for _ in range(50)] != [other(SCORES.copy(), ()) for _ in range(50)]


@pytest.mark.parametrize(
    ("warper", "left"),
    [
        (rules.top_k(2), {2, 3}),
        (rules.top_k(99), {0, 1, 2, 3}),
        (rules.top_p(0.6), {2, 3}),
        (rules.top_p(0.0), {3}),
        (rules.min_p(0.7), {2, 3}),
        (rules.min_p(1.0), {3}),
        (rules.temperature(0.01), {3}),
    ],
)
def test_what_is_left_to_draw_from(warper: rules.LogitsProcessor, left: set[int]) -> None:
    assert set(drawn(500, 3, warper)) == left


@pytest.mark.parametrize("choose", [likeliest(), by_chance((), 1)])
@pytest.mark.parametrize(
    ("scores", "code"),
    [((0, np.nan, 1), "graph-not-finite"), ((-INF, -INF, -INF), "generation-no-token")],
)
def test_scores_that_leave_no_token_are_an_error(choose: Any, scores: Any, code: str) -> None:
    with pytest.raises(EngineError) as caught:
        choose(np.array(scores, np.float32), ())
    assert caught.value.code == code


def test_nothing_can_be_drawn_beside_an_infinite_score() -> None:
    with pytest.raises(EngineError, match="no numbers"):
        by_chance((), 1)(np.array([0, INF], np.float32), ())


def test_a_forbidden_token_is_never_drawn() -> None:
    choose = by_chance([rules.suppressed([3]), rules.temperature(50)], 1)
    assert {choose(SCORES.copy(), ()) for _ in range(300)} == {0, 1, 2}


@pytest.mark.parametrize(
    ("stops", "text", "shown", "cut"),
    [
        ((), "abc", "abc", None),
        (("",), "abc", "abc", None),
        (("b",), "abc", "a", "a"),
        (("c", "b"), "abc", "a", "a"),
        (("cd",), "abc", "ab", None),
        (("cd", "bcd"), "abc", "a", None),
        (("abcd",), "abc", "", None),
        (("\n\n",), "a\n", "a", None),
        (("abc",), "xabc", "x", "x"),
    ],
)
def test_an_answer_ends_before_the_first_stop_text(stops: Any, text: str, shown: str, cut: str | None) -> None:
    assert StopTexts(stops).shown(text) == shown
    assert StopTexts(stops).cut(text) == cut
