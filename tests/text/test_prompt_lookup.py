"""Guesses out of the text: the answer is that of plain decoding, and guessing stops where it does not pay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.text.language_models import grouped_query_model, load
from workbench.runtime.generate import CausalDecoder, Lookup, generate, language_decoder, likeliest
from workbench.runtime.logits_processors import no_repeated_ngrams, repetition_penalty
from workbench.runtime.prompt_lookup import FIRST, LONGEST_REST, REST, Drafts
from workbench.tasks.base import Run

SIZE = 10


class Script:
    """A model that says what follows in a fixed text, by how many tokens it has read.

    A step takes ``price`` seconds for its first token and ``more`` for each further one. A later step over several
    tokens gives scores that are ``blur`` off, towards the token that is second.
    """

    def __init__(self, text: Sequence[int], *, price: float = 1.0, more: float = 0.1, blur: float = 0.0) -> None:
        self.text, self.price, self.more, self.blur = list(text), price, more, blur
        self.tokens: list[int] = []
        self.vocabulary: int | None = SIZE
        self.steps: list[int] = []
        self.now_s = 0.0
        self.lead = 4.0

    @property
    def length(self) -> int:
        return len(self.tokens)

    def rewind(self, length: int) -> None:
        assert length <= len(self.tokens)
        del self.tokens[length:]

    def advance(self, token_ids: Sequence[int], run: Run, keep: int = 0) -> Any:
        self.steps.append(len(token_ids))
        self.now_s += self.price + self.more * (len(token_ids) - 1)
        blur = self.blur if self.tokens and len(token_ids) > 1 else 0
        rows = []
        for token in token_ids:
            self.tokens.append(token)
            row = np.zeros(SIZE, np.float32)
            said = self.text[len(self.tokens)]
            row[said] = 10
            row[(said + 1) % SIZE] = 10 - self.lead + blur
            rows.append(row)
        return np.stack(rows)[-keep:]

    def clock(self) -> float:
        return self.now_s


def write(script: Script, prompt: int, lookup: Lookup | None) -> list[int]:
    tokens = generate(
        script,
        script.text[:prompt],
        stop=frozenset(),
        max_length=len(script.text) - 1,
        choose=likeliest(),
        run=Run(),
        lookup=lookup,
    )
    return list(tokens)


def test_the_longest_end_that_stood_before_says_what_follows() -> None:
    assert Drafts().after([1, 2, 3, 4, 1, 2, 3], 9) == [4, 1, 2, 3]
    assert Drafts().after([1, 2, 3, 4, 1, 2, 3], 2) == [4, 1]
    assert Drafts().after([9, 1, 2, 5, 8, 1, 2, 6, 7, 9, 1, 2], 1) == [5], "three tokens go before two that are nearer"
    assert Drafts().after([1, 2, 5, 1, 2, 6, 1, 2], 1) == [6], "of two the last one"
    assert Drafts().after([1, 2, 3, 4], 5) == []
    assert Drafts().after([1], 5) == []


def test_drafts_go_on_with_a_text() -> None:
    drafts = Drafts()
    tokens = [1, 2, 3]
    assert drafts.after(tokens, 3) == []
    tokens += [1, 2]
    assert drafts.after(tokens, 3) == [3, 1, 2]


REPEATING = [*range(SIZE)] * 12


def test_a_text_that_repeats_itself_takes_fewer_steps() -> None:
    script = Script(REPEATING)
    assert write(script, 20, Lookup(script.clock)) == REPEATING[20:-1]
    assert sum(script.steps[1:]) >= 99
    assert len(script.steps) < 40
    assert max(script.steps[1:]) == SIZE + 1, "what stands behind the last place is guessed, and no more"


def test_guessing_rests_where_a_step_over_guesses_costs_as_much_as_plain_ones() -> None:
    rng = np.random.default_rng(1)
    text = rng.integers(0, 3, 900).tolist()  # ends occur again and again, and are followed by something else
    script = Script(text, more=1.0)
    assert write(script, 20, Lookup(script.clock)) == text[20:-1]
    several = [place for place, size in enumerate(script.steps[1:]) if size > 1]
    assert several
    assert len(several) < 60
    gaps = np.diff(several)
    assert gaps.max() >= 4 * REST
    assert gaps.max() <= LONGEST_REST
    assert script.now_s < 1.35 * len(script.text)


def test_the_last_guess_ends_where_the_text_must() -> None:
    for length in range(31, 45):
        script = Script(REPEATING[: length + 1])
        assert write(script, 20, Lookup(script.clock)) == REPEATING[20:length]


def test_an_end_token_within_a_guess_ends_the_text() -> None:
    script = Script(REPEATING)
    tokens = generate(
        script, REPEATING[:20], stop=frozenset([7]), max_length=99, choose=likeliest(), run=Run(), lookup=Lookup()
    )
    assert list(tokens) == [*range(8)]


@pytest.mark.parametrize("lead", [1e-3, 2e-4])
def test_a_lead_that_rounding_can_turn_is_decided_by_a_step_of_its_own(lead: float) -> None:
    script = Script(REPEATING, blur=4e-4)  # the second token wins where the lead is smaller
    script.lead = lead
    assert write(script, 20, Lookup(script.clock)) == REPEATING[20:-1]
    assert max(script.steps[1:]) > 1
    assert script.steps.count(1) > 90


def test_rounding_alone_does_not_hinder_guesses() -> None:
    script = Script(REPEATING, blur=4e-4)
    assert write(script, 20, Lookup(script.clock)) == REPEATING[20:-1]
    assert len(script.steps) < 40


@pytest.mark.parametrize("blur", [0.05, 6.0])
def test_a_graph_that_does_more_than_round_is_not_guessed_for(blur: float) -> None:
    script = Script(REPEATING, blur=blur)
    lookup = Lookup(script.clock)
    assert write(script, 20, lookup) == REPEATING[20:-1]
    assert sum(size > 1 for size in script.steps[1:]) == 1, "it is found out once"
    script = Script(REPEATING, blur=blur)
    assert write(script, 20, lookup) == REPEATING[20:-1]
    assert set(script.steps[1:]) == {1}


def test_the_first_guess_is_a_short_one() -> None:
    script = Script(REPEATING)
    write(script, 20, Lookup(script.clock))
    assert next(size for size in script.steps[1:] if size > 1) == FIRST + 1


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grouped_query_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.mark.parametrize("rules", [(), (repetition_penalty(1.1),), (no_repeated_ngrams(4),)])
@pytest.mark.parametrize("shared", [True, False])
def test_a_graph_writes_what_it_writes_without_guesses(graph: Path, rules: Any, shared: bool) -> None:
    decoder = language_decoder(load(graph)) if shared else CausalDecoder(load(graph))
    ticks = iter(range(10**6))
    lookup = Lookup(lambda: float(next(ticks)))  # every step takes as long: guesses pay wherever one is right
    steps = 0
    for seed in range(6):
        prompt = np.random.default_rng(seed).integers(0, SIZE, 40).tolist()
        texts = []
        for guesses in (None, lookup):
            state = _Counting(decoder.start())
            asked: dict[str, Any] = {"stop": frozenset(), "max_length": 160, "run": Run(), "lookup": guesses}
            texts.append(list(generate(state, prompt, choose=likeliest(rules), **asked)))
            assert list(state.tokens)[: len(prompt)] == prompt
        assert texts[0] == texts[1]
        steps += sum(size > 1 for size in state.steps)
    assert steps > 6, "nothing was guessed"


class _Counting:
    def __init__(self, state: Any) -> None:
        self._state = state
        self.steps: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)

    def advance(self, token_ids: Sequence[int], run: Run, keep: int = 0) -> Any:
        self.steps.append(len(token_ids))
        return self._state.advance(token_ids, run, keep)
