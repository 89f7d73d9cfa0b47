"""Decoding over a shared cache against decoding over one that grows, over the same graph."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.text.language_models import KV_HEADS, POSITIONS, SIZE, grouped_query_model, growing_model, load
from tests.text.models import session as encoder_session
from workbench.errors import Cancelled, EngineError
from workbench.runtime import generate as generate_module
from workbench.runtime.binding import stoppable
from workbench.runtime.generate import (
    CausalDecoder,
    SharedCacheDecoder,
    generate,
    language_decoder,
    likeliest,
    read_prompt,
    teacher_forced,
)
from workbench.runtime.shared_cache_decoder import FIRST_CAPACITY
from workbench.tasks.base import Run

TOKENS = np.random.default_rng(0).integers(0, 10, 700).tolist()


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grouped_query_model(tmp_path_factory.mktemp("model") / "model.onnx")


def shared(path: Path, limit: int | None = None) -> SharedCacheDecoder:
    decoder = language_decoder(load(path), limit)
    assert isinstance(decoder, SharedCacheDecoder)
    return decoder


def test_a_graph_that_keeps_a_buffers_length_is_found_out(graph: Path, tmp_path: Path) -> None:
    assert isinstance(language_decoder(load(graph)), SharedCacheDecoder)
    assert isinstance(language_decoder(load(growing_model(tmp_path / "plain.onnx"))), CausalDecoder)
    assert isinstance(language_decoder(encoder_session(tmp_path)["model"]), CausalDecoder)


def test_both_caches_give_the_same_scores(graph: Path) -> None:
    wanted = teacher_forced(CausalDecoder(load(graph)).start(), TOKENS, Run())
    got = teacher_forced(shared(graph).start(), TOKENS, Run())
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert len(set(wanted.argmax(axis=1))) > 3, "a model that says one thing only would prove nothing"


def test_a_run_says_that_nothing_is_recorded_before_it_is_asked() -> None:
    settings, _ = stoppable()
    assert settings.get_run_config_entry("gpu_graph_id") == "-1"


@pytest.mark.parametrize("limit", [None, POSITIONS, 600])
def test_a_buffer_that_grows_keeps_what_was_read(graph: Path, limit: int | None) -> None:
    assert len(TOKENS) - 100 > FIRST_CAPACITY
    count = FIRST_CAPACITY + 60
    state, other = shared(graph, limit).start(), CausalDecoder(load(graph)).start()
    for start in range(0, count, 71):
        part = TOKENS[start : min(start + 71, count)]
        np.testing.assert_allclose(state.advance(part, Run()), other.advance(part, Run()), atol=1e-5)
    assert state.length == count
    assert state.capacity == (600 if limit == 600 else 2 * FIRST_CAPACITY)


def test_single_tokens_and_several_take_turns(graph: Path) -> None:
    state, other = shared(graph).start(), CausalDecoder(load(graph)).start()
    for count in (1, 1, 3, 1, 1, 7, 1):
        part = TOKENS[state.length : state.length + count]
        np.testing.assert_allclose(state.advance(part, Run()), other.advance(part, Run()), atol=1e-5)


def test_more_numbers_than_there_are_cannot_be_fed(graph: Path) -> None:
    binding = load(graph).bind()
    binding.read("attention_mask", np.ones((1, 4), np.int64))
    binding.cut("attention_mask", (1, 3))
    with pytest.raises(ValueError, match="has 4 numbers"):
        binding.cut("attention_mask", (1, 5))


@pytest.mark.parametrize("kind", [CausalDecoder, shared])
def test_a_state_goes_back_and_on_as_if_nothing_had_been_there(graph: Path, kind: Any) -> None:
    decoder = kind(load(graph)) if kind is CausalDecoder else kind(graph)
    state, fresh = decoder.start(), decoder.start()
    state.advance(TOKENS[:20], Run())
    state.rewind(7)
    assert (state.length, list(state.tokens)) == (7, TOKENS[:7])
    fresh.advance(TOKENS[:7], Run())
    wanted = fresh.advance(TOKENS[40:50], Run()).copy()
    np.testing.assert_allclose(state.advance(TOKENS[40:50], Run()), wanted, atol=1e-5)
    state.rewind(0)
    assert state.length == 0
    np.testing.assert_allclose(state.advance(TOKENS[:3], Run()), decoder.start().advance(TOKENS[:3], Run()), atol=1e-5)


@pytest.mark.parametrize("kind", [CausalDecoder, shared])
def test_after_a_step_that_failed_a_state_is_what_it_was(graph: Path, kind: Any) -> None:
    decoder = kind(load(graph)) if kind is CausalDecoder else kind(graph)
    state, fresh = decoder.start(), decoder.start()
    state.advance(TOKENS[:5], Run())
    cancelled = Run()
    cancelled.cancellation.cancel()
    with pytest.raises(Cancelled):
        state.advance(TOKENS[5:9], cancelled)
    with pytest.raises(EngineError):
        state.advance((10**6,), Run())  # there is no such token
    assert list(state.tokens) == TOKENS[:5]
    fresh.advance(TOKENS[:5], Run())
    wanted = fresh.advance(TOKENS[60:64], Run()).copy()
    np.testing.assert_allclose(state.advance(TOKENS[60:64], Run()), wanted, atol=1e-5)


def test_a_cache_keeps_its_type(tmp_path: Path) -> None:
    path = grouped_query_model(tmp_path / "model.onnx", dtype="float16")
    decoder = shared(path)
    assert [(tensor.dtype, tensor.shape) for tensor in decoder.tensors] == [(np.float16, (1, KV_HEADS, 0, SIZE))] * 2
    got = teacher_forced(decoder.start(), TOKENS[:60], Run())
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, teacher_forced(CausalDecoder(load(path)).start(), TOKENS[:60], Run()), atol=0.05)


@pytest.mark.parametrize("keeps", ["", "asked", "default"])
def test_only_the_last_scores_are_made_where_a_graph_can_leave_out_the_others(tmp_path: Path, keeps: str) -> None:
    path = grouped_query_model(tmp_path / "model.onnx", keeps=keeps)
    made: list[int] = []
    for decoder in (shared(path), CausalDecoder(load(path))):
        everything = decoder.start().advance(TOKENS[:9], Run()).copy()
        assert everything.shape == (9, 10)
        state = decoder.start()
        last = state.advance(TOKENS[:9], Run(), keep=2)
        np.testing.assert_allclose(last, everything[-2:], atol=1e-5)
        made.append(last.shape[0] if last.base is None else last.base.shape[-2])
    assert made == ([2, 2] if keeps else [9, 9])


@pytest.mark.parametrize("keeps", ["", "asked", "default"])
def test_a_prompt_goes_in_at_once_where_a_graph_makes_the_last_scores_only(
    tmp_path: Path, keeps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = shared(grouped_query_model(tmp_path / "model.onnx", keeps=keeps))
    monkeypatch.setattr(generate_module, "CHUNK_BYTES", 100 * 4 * decoder.vocabulary)
    state, parts = decoder.start(), []
    advance = state.advance

    def noted(tokens: Sequence[int], run: Run, keep: int = 0) -> Any:
        parts.append(len(tokens))
        return advance(tokens, run, keep)

    monkeypatch.setattr(state, "advance", noted)
    read_prompt(state, TOKENS[:300], Run())
    assert parts == ([300] if keeps else [100, 100, 100])


def test_a_prompt_in_parts_is_the_prompt(graph: Path) -> None:
    decoder = shared(graph)
    wanted = decoder.start().advance(TOKENS[:50], Run())[-1].copy()
    for chunk in (1, 7, 50, 99):
        state = decoder.start()
        state.advance(TOKENS[:3], Run())
        np.testing.assert_allclose(read_prompt(state, TOKENS[:50], Run(), chunk), wanted, atol=1e-5)
        assert list(state.tokens) == TOKENS[:50]


def test_both_caches_write_the_same_text(graph: Path) -> None:
    texts = [
        list(generate(state, TOKENS[:9], stop=frozenset(), max_length=90, choose=likeliest(), run=Run()))
        for state in (shared(graph).start(), CausalDecoder(load(graph)).start())
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 81


def test_a_step_takes_no_memory_but_the_cache(graph: Path) -> None:
    state = shared(graph).start()
    state.advance(TOKENS[:100], Run())
    state.advance(TOKENS[100:101], Run())
    tracemalloc.start()
    try:
        for token in TOKENS[101:401]:
            state.advance((token,), Run())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    one_cache = 2 * KV_HEADS * 400 * SIZE * 4
    assert peak < one_cache, "a copy of the cache was made"
