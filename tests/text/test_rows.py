"""Texts through a graph together: only where that changes no answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.text.models import VECTORS, session, write_files
from workbench.errors import EngineError
from workbench.runtime.text import TextTokenizer, Tokens
from workbench.runtime.text_rows import TEXT_LIMITS, TextRows
from workbench.tasks.base import Array, Outputs, Run

TEXTS = ("red", "red green blue", "Anna", "Paris , Anna , blue", "green")


class Watched:
    """A graph that looks up vectors, adds ``noise`` times the number of texts, and fails over ``most`` texts."""

    def __init__(self, folder: Path, *, noise: float = 0, most: int = 99, **more: Any) -> None:
        self._session = session(folder, **more)["model"]
        self._noise, self._most = noise, most
        self.sizes: list[tuple[int, ...]] = []
        self.input_names, self.output_names = self._session.input_names, self._session.output_names
        self.input_dtypes = self._session.input_dtypes
        self.input_shapes = dict(self._session.input_shapes)

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        size = feeds["input_ids"].shape
        self.sizes.append(size)
        if size[0] > self._most:
            raise EngineError("graph-failed", file="x", reason="too many")
        values = self._session.run(feeds, run, outputs)
        return {name: value + self._noise * (size[0] - 1) for name, value in values.items()}


def rows_of(
    folder: Path, graph: Watched, texts: tuple[str, ...] = TEXTS, **settings: Any
) -> tuple[TextRows, list[Tokens]]:
    files = write_files(folder, settings={"pad_token": "[PAD]", **settings})
    tokenizer = TextTokenizer(files)
    rows = TextRows(graph, tokenizer, ("last_hidden_state",), each_token=True)
    return rows, [tokenizer.encode(text, run=Run()) for text in texts]


def keep(row: Tokens, outputs: Outputs) -> Outputs:
    return outputs


def vectors(rows: TextRows, tokens: list[Tokens]) -> list[Array]:
    return [outputs["last_hidden_state"] for outputs in rows(tokens, Run(), keep)]


def alone(tokens: Tokens) -> Array:
    return VECTORS[tokens.ids][None]


def test_each_text_has_the_outputs_of_its_own_tokens(tmp_path: Path) -> None:
    graph = Watched(tmp_path)
    rows, tokens = rows_of(tmp_path, graph)
    for got, row in zip(vectors(rows, tokens), tokens, strict=True):
        np.testing.assert_array_equal(got, alone(row))
    assert graph.sizes[-1] == (5, 7)


def test_a_graph_is_tried_once(tmp_path: Path) -> None:
    graph = Watched(tmp_path)
    rows, tokens = rows_of(tmp_path, graph)
    vectors(rows, tokens)
    assert graph.sizes == [(1, 3), (2, 7), (5, 7)]
    vectors(rows, tokens)
    assert graph.sizes[3:] == [(5, 7)]


@pytest.mark.parametrize("graph", [{"noise": 0.1}, {"most": 1}], ids=["other answers", "fails"])
def test_where_a_text_beside_another_is_answered_otherwise_each_goes_alone(
    tmp_path: Path, graph: dict[str, Any]
) -> None:
    watched = Watched(tmp_path, **graph)
    rows, tokens = rows_of(tmp_path, watched)
    assert rows.can_batch
    for _ in range(2):
        for got, row in zip(vectors(rows, tokens), tokens, strict=True):
            np.testing.assert_array_equal(got, alone(row))
    assert not rows.can_batch
    assert [size[0] for size in watched.sizes] == [1, 2] + [1] * 10


def test_rounding_is_no_other_answer(tmp_path: Path) -> None:
    rows, tokens = rows_of(tmp_path, Watched(tmp_path, noise=1e-5))
    vectors(rows, tokens)
    assert rows.can_batch


def test_texts_of_one_length_say_nothing_of_padding(tmp_path: Path) -> None:
    graph = Watched(tmp_path)
    rows, tokens = rows_of(tmp_path, graph, ("red", "blue", "red green"))
    vectors(rows, tokens[:2])
    assert graph.sizes == [(1, 3), (2, 3), (2, 3)]
    vectors(rows, tokens)
    assert graph.sizes[3:] == [(1, 3), (2, 4), (3, 4)]


def test_the_same_text_twice_proves_nothing(tmp_path: Path) -> None:
    graph = Watched(tmp_path, noise=0.1)
    rows, tokens = rows_of(tmp_path, graph, ("red", "red", "blue"))
    vectors(rows, tokens[:2])
    assert rows.can_batch
    vectors(rows, tokens)
    assert not rows.can_batch


def test_a_batch_that_fails_goes_text_by_text(tmp_path: Path) -> None:
    graph = Watched(tmp_path, most=2)
    rows, tokens = rows_of(tmp_path, graph)
    for got, row in zip(vectors(rows, tokens), tokens, strict=True):
        np.testing.assert_array_equal(got, alone(row))
    assert [size[0] for size in graph.sizes] == [1, 2, 5, 1, 1, 1, 1, 1]


def test_texts_with_other_numbers_of_ends_go_apart(tmp_path: Path) -> None:
    graph = Watched(tmp_path)
    rows, tokens = rows_of(tmp_path, graph, ("red", "blue red", "red , green", "green", "Anna"), eos_token=",")
    for got, row in zip(vectors(rows, tokens), tokens, strict=True):
        np.testing.assert_array_equal(got, alone(row))
    assert sorted(size[0] for size in graph.sizes[2:]) == [1, 4]


@pytest.mark.parametrize("change", ["no mask", "no padding", "one text"])
def test_graphs_and_tokenizers_that_cannot_pad(tmp_path: Path, change: str) -> None:
    graph = Watched(tmp_path, inputs=("input_ids",) if change == "no mask" else ("input_ids", "attention_mask"))
    if change == "one text":
        graph.input_shapes["input_ids"] = (1, "sequence")
    config = {"model_type": "bert", "max_position_embeddings": 16}
    files = write_files(tmp_path, config=config, settings={} if change == "no padding" else {"pad_token": "[PAD]"})
    if change == "no padding":
        (tmp_path / "tokenizer_config.json").write_text("{}", "utf-8")
    tokenizer = TextTokenizer(files)
    rows = TextRows(graph, tokenizer, ("last_hidden_state",), each_token=True)
    tokens = [tokenizer.encode(text, run=Run()) for text in TEXTS]
    assert not rows.can_batch
    assert len(vectors(rows, tokens)) == len(TEXTS)
    assert {size[0] for size in graph.sizes} == {1}


def test_batches_are_bounded(tmp_path: Path) -> None:
    graph = Watched(tmp_path)
    rows, tokens = rows_of(tmp_path, graph, tuple("red green blue"[: 3 + n % 12] for n in range(100)))
    vectors(rows, tokens)
    assert max(size[0] for size in graph.sizes) <= TEXT_LIMITS.items
    assert max(size[0] * size[1] for size in graph.sizes) <= TEXT_LIMITS.size
