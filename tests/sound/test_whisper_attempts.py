"""When Whisper's text is made again: the measures, chance with a seed, and the course of a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from workbench.runtime.generate import greedy
from workbench.tasks.base import Run
from workbench.tasks.whisper_attempts import Attempt, Checks, compression_ratio

SILENCE, END = 5, 7


class Fixed:
    """A state that always gives the same scores, float32 [8]."""

    def __init__(self, probabilities: Sequence[float]) -> None:
        self.logits = np.log(np.array(probabilities, np.float32))

    def advance(self, token_ids: Sequence[int], run: Run) -> Any:
        return np.repeat(self.logits[None], len(token_ids), axis=0)


# "never ends": a quarter for token 0, the rest of it spread.
QUARTER = [0.25, 0.1, 0.1, 0.1, 0.1, 0.15, 0.1, 0.1]


def attempt(temperature: float = 0.0, probabilities: Sequence[float] = tuple(QUARTER), seed: int = 0) -> Attempt:
    made = Attempt(Fixed(probabilities), temperature, SILENCE, np.random.default_rng(seed))
    tokens = greedy(made, [1, 2], stop=frozenset({END}), max_length=402, processors=[made.observing()], run=Run())
    for token in tokens:
        made.took(token, ends=token == END)
    return made


def test_the_mean_log_probability_is_that_of_the_tokens_taken() -> None:
    made = attempt()
    assert made.tokens == [0] * 400
    assert made.log_probability == pytest.approx(np.log(0.25), abs=1e-5)
    assert made.silence_probability == pytest.approx(0.15, abs=1e-6)


def test_the_end_counts_as_a_token_but_is_none_of_the_text() -> None:
    made = attempt(probabilities=[0.05] * 7 + [0.65])
    assert made.tokens == []
    assert made.log_probability == pytest.approx(np.log(0.65), abs=1e-5)


def test_chance_takes_tokens_as_often_as_they_are_likely_at_the_temperature() -> None:
    endless = [0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 1e-30]
    for temperature in (0.5, 1.0):
        tokens = [token for seed in range(10) for token in attempt(temperature, endless, seed).tokens]
        wanted = np.array(endless) ** (1 / temperature)
        got = np.bincount(tokens, minlength=8) / len(tokens)
        assert np.abs(got - wanted / wanted.sum()).max() < 0.03


def test_what_is_drawn_is_the_same_for_the_same_seed_and_measured_without_the_temperature() -> None:
    first, again, other = attempt(1.0, seed=3), attempt(1.0, seed=3), attempt(1.0, seed=4)
    assert first.tokens == again.tokens != other.tokens
    drawn = [*first.tokens, END][:400]
    assert first.log_probability == pytest.approx(np.mean(np.log(QUARTER)[drawn]), abs=1e-5)


def test_a_text_is_compressed_as_the_original_does() -> None:
    assert compression_ratio("") == 0
    assert compression_ratio("It was the best of times, it was the worst of times") < 2.4
    assert compression_ratio("it was " * 40) > 10
    assert compression_ratio("\ud800") > 0  # half a pair of surrogates is no UTF-8


@pytest.mark.parametrize(
    ("probability", "text", "fails"), [(0.3, "it was", True), (0.9, "it was", False), (0.9, "it was " * 40, True)]
)
def test_unlikely_and_repeated_texts_fail(probability: float, text: str, fails: bool) -> None:
    rest = (1 - probability) / 7
    made = attempt(probabilities=[probability] + [rest] * 7)
    assert made.fails(Checks(), lambda tokens: text) is fails


@pytest.mark.parametrize(("silence", "likely", "is_silence"), [(0.7, 0.9, False), (0.7, 0.2, True), (0.5, 0.2, False)])
def test_silence_must_be_likely_and_the_text_unlikely(silence: float, likely: float, is_silence: bool) -> None:
    start = [(1 - silence) / 7] * 8
    start[SILENCE] = silence
    made = Attempt(Fixed(start), 0.0, SILENCE, np.random.default_rng(0))
    made.advance([1], Run())
    made.observing()(np.log(np.array([likely] + [(1 - likely) / 7] * 7, np.float32)), [1])
    made.took(0, ends=False)
    assert made.is_silence(Checks()) is is_silence
