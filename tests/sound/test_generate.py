"""The loop that makes text, over graphs that say what the test wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tests.sound.fakes import FakeDecoder, likely
from workbench.errors import Cancelled, EngineError, ModelError
from workbench.runtime.generate import CausalDecoder, Seq2SeqDecoder, TextStream, greedy, teacher_forced
from workbench.runtime.logits_processors import (
    configured,
    no_repeated_ngrams,
    repetition_penalty,
    suppressed,
    suppressed_at,
)
from workbench.tasks.base import Array, Outputs, Run

HIDDEN = np.zeros((1, 3, 4), np.float32)


def count_up(tokens: Sequence[int], window: float) -> int:
    return tokens[-1] + 1


def generate(decoder: FakeDecoder, prompt: list[int], **settings: Any) -> list[int]:
    state = Seq2SeqDecoder({"decoder_model_merged": decoder}).start(HIDDEN)
    run = settings.pop("run", Run())
    defaults = {"stop": frozenset([99]), "max_length": 20, "processors": ()}
    return list(greedy(state, prompt, run=run, **defaults | settings))


def test_it_takes_the_likeliest_token_until_the_end_token() -> None:
    decoder = FakeDecoder(count_up)
    assert generate(decoder, [95, 96]) == [97, 98, 99]
    assert decoder.calls == [([95, 96], False), ([97], True), ([98], True)]


def test_it_ends_at_the_length() -> None:
    assert generate(FakeDecoder(count_up), [1, 2, 3], max_length=6) == [4, 5, 6]
    assert generate(FakeDecoder(count_up), [1, 2, 3], max_length=3) == []


def test_a_cancellation_ends_it_before_the_next_token() -> None:
    run = Run()

    def say(tokens: Sequence[int], window: float) -> int:
        if tokens[-1] == 7:
            run.cancellation.cancel()
        return tokens[-1] + 1

    decoder = FakeDecoder(say)
    with pytest.raises(Cancelled):
        generate(decoder, [5], run=run)
    assert decoder.calls[-1] == ([7], True)


def test_scores_that_are_no_numbers_are_an_error() -> None:
    decoder = FakeDecoder(lambda tokens, window: {5: float("nan")} if len(tokens) > 3 else 4)
    with pytest.raises(EngineError) as caught:
        generate(decoder, [1])
    assert caught.value.code == "graph-not-finite"


def test_teacher_forcing_gives_the_scores_after_each_token() -> None:
    decoder = FakeDecoder(count_up)
    state = Seq2SeqDecoder({"decoder_model_merged": decoder}).start(HIDDEN)
    logits = teacher_forced(state, [10, 20, 30, 40, 50], Run(), singly=2)
    assert logits.argmax(axis=1).tolist() == [11, 21, 31, 41, 51]
    assert decoder.calls == [([10, 20, 30], False), ([40], True), ([50], True)]


def test_a_graph_with_an_unknown_input_is_refused() -> None:
    decoder = FakeDecoder(count_up)
    decoder.input_names = (*decoder.input_names, "speaker")
    with pytest.raises(ModelError, match="speaker"):
        Seq2SeqDecoder({"decoder_model_merged": decoder})


def process(processor: Any, tokens: Sequence[int], scores: Mapping[int, float]) -> dict[int, float]:
    values = likely(scores, 8)
    processor(values, tokens)
    return {number: float(value) for number, value in enumerate(values) if value}


def test_suppressed_tokens() -> None:
    assert process(suppressed([1, 2, 900]), [], {1: 5, 3: 4}) == {1: -np.inf, 2: -np.inf, 3: 4}


def test_suppressed_at_one_place() -> None:
    assert process(suppressed_at(2, [1]), [7, 7], {1: 5}) == {1: -np.inf}
    assert process(suppressed_at(2, [1]), [7, 7, 7], {1: 5}) == {1: 5}


def test_repetition_penalty() -> None:
    assert process(repetition_penalty(2), [1, 2, 1], {1: 6, 2: -3, 3: 4}) == {1: 3, 2: -6, 3: 4}


def test_no_repeated_ngrams() -> None:
    assert process(no_repeated_ngrams(2), [1, 2, 1], {}) == {2: -np.inf}
    assert process(no_repeated_ngrams(3), [1, 2, 1, 2], {}) == {1: -np.inf}
    assert process(no_repeated_ngrams(3), [1, 2], {}) == {}
    assert process(no_repeated_ngrams(1), [1, 2], {}) == {1: -np.inf, 2: -np.inf}


def test_what_a_generation_config_asks_for() -> None:
    assert configured(1.0, 0) == []
    penalty, ngrams = configured(2.0, 2)
    assert process(penalty, [1], {1: 6}) == {1: 3}
    assert process(ngrams, [1, 2, 1], {}) == {2: -np.inf}


class Bytes:
    """A decoder whose tokens are bytes, as those of byte-level tokenizers may be."""

    def __call__(self, tokens: Sequence[int]) -> str:
        return bytes(tokens).decode("utf-8", "replace")


@pytest.mark.parametrize("text", ["plain", "Grüße", "日本語", "a🐉b", "e\u0301", ""])
def test_a_stream_gives_whole_characters(text: str) -> None:
    stream = TextStream(Bytes())
    parts = [stream.add(token) for token in text.encode()]
    assert "".join(parts) == stream.text == text
    assert all("\ufffd" not in part for part in parts)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_stream_may_be_given_several_tokens_together(size: int) -> None:
    tokens = list("Grüße, 日本語 🐉".encode())
    stream = TextStream(Bytes())
    parts = [stream.add(*tokens[place : place + size]) for place in range(0, len(tokens), size)]
    assert "".join(parts) == stream.text == "Grüße, 日本語 🐉"
    assert all("\ufffd" not in part for part in parts)


def test_a_stream_goes_on_from_what_was_there() -> None:
    prompt = b"wer "
    stream = TextStream(Bytes(), list(prompt))
    assert [stream.add(token) for token in "äß".encode()] == ["", "ä", "", "ß"]
    assert stream.text == "äß"


def test_a_stream_knows_that_a_first_space_is_dropped() -> None:
    def decode(tokens: Sequence[int]) -> str:
        return Bytes()(tokens).removeprefix(" ")

    stream = TextStream(decode, list(b"a"))
    for token in b" b c":
        stream.add(token)
    assert stream.text == " b c"


class FakeCausal:
    """A language model of one layer: ``past`` says whether a cache holds the tokens, or all are given each time."""

    output_names: tuple[str, ...]
    input_shapes: Mapping[str, Any] = {"past_key_values.0.key": ("batch", 1, "past", 1)}

    def __init__(self, *, past: bool) -> None:
        types = {"input_ids": "int64", "attention_mask": "int64", "position_ids": "int32"}
        if past:
            types["past_key_values.0.key"] = "float16"
        self.input_dtypes = {name: np.dtype(kind) for name, kind in types.items()}
        self.input_names = tuple(types)
        self.output_names = ("logits", *(["present.0.key"] if past else []))
        self.past = past
        self.lengths: list[int] = []

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        assert {name: value.dtype for name, value in feeds.items()} == self.input_dtypes
        ids = feeds["input_ids"][0].tolist()
        before = feeds["past_key_values.0.key"][0, 0, :, 0].astype(int).tolist() if self.past else []
        everything = [*before, *ids]
        assert feeds["attention_mask"].tolist() == [[1] * len(everything)]
        assert feeds["position_ids"].tolist() == [list(range(len(before), len(everything)))]
        self.lengths.append(len(ids))
        logits = [likely(sum(everything[: len(before) + n + 1]) % 90, 100) for n in range(len(ids))]
        values: Outputs = {"logits": np.array([logits])}
        if self.past:
            values["present.0.key"] = np.array(everything, np.float16).reshape(1, 1, -1, 1)
        return values


@pytest.mark.parametrize(("past", "lengths"), [(True, [3, 1, 1]), (False, [3, 4, 5])])
def test_language_models_with_and_without_a_cache(past: bool, lengths: list[int]) -> None:
    model = FakeCausal(past=past)
    state = CausalDecoder(model).start()
    got = list(greedy(state, [1, 2, 3], stop=frozenset(), max_length=6, processors=(), run=Run()))
    assert got == [6, 12, 24]
    assert model.lengths == lengths
