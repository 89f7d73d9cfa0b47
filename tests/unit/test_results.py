from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest

from workbench.results import (
    RESULT_TYPES,
    Embedding,
    Label,
    Labels,
    Result,
    Segment,
    Similarity,
    Span,
    Spans,
    Text,
    Transcript,
    pack,
    unpack,
)
from workbench.wire import Channel, Message

VECTORS = np.array([[1.5, -2.0], [0.0, 0.25]], np.float32)
# Each result with its JSON in the shape of the hub's schema.
EXAMPLES: list[tuple[Result, Any]] = [
    (
        Labels((Label("cat", 0.75), Label("dog", 0.25))),
        [{"label": "cat", "score": 0.75}, {"label": "dog", "score": 0.25}],
    ),
    (Labels(()), []),
    (
        Spans((Span("PER", 0.5, "Ada", 3, 6),), grouped=True),
        [{"entity_group": "PER", "score": 0.5, "word": "Ada", "start": 3, "end": 6}],
    ),
    (
        Spans((Span("B-PER", 0.5, "Ada", 3, 6, index=1),), grouped=False),
        [{"entity": "B-PER", "score": 0.5, "index": 1, "word": "Ada", "start": 3, "end": 6}],
    ),
    (Embedding(VECTORS, pooled=False), [[1.5, -2.0], [0.0, 0.25]]),
    (Embedding(VECTORS[:1], pooled=True), [[1.5, -2.0]]),
    (Similarity(("a",), ("b", "c"), VECTORS[:1]), [1.5, -2.0]),
    (Similarity(("a", "b"), ("a", "b"), VECTORS), [[1.5, -2.0], [0.0, 0.25]]),
    (Text("hello", 2, "stop"), {"generated_text": "hello", "token_count": 2, "finish_reason": "stop"}),
    (
        Transcript("hi there", (Segment("hi", 0.0, 1.5), Segment(" there", 1.5, None)), "en"),
        {
            "text": "hi there",
            "chunks": [{"text": "hi", "timestamp": [0.0, 1.5]}, {"text": " there", "timestamp": [1.5, None]}],
            "language": "en",
        },
    ),
    (Transcript("", ()), {"text": "", "chunks": []}),
]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if dataclasses.is_dataclass(a) and not isinstance(a, type):
        names = [field.name for field in dataclasses.fields(a)]
        return type(a) is type(b) and all(same(getattr(a, name), getattr(b, name)) for name in names)
    if isinstance(a, tuple):
        return type(b) is tuple and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) and type(a) is type(b)


def over_the_wire(result: Result) -> Result:
    line = io.BytesIO()
    Channel(io.BytesIO(), line).send(Message("result", 1, {"result": pack(result)}))
    message = Channel(io.BytesIO(line.getvalue()), io.BytesIO()).receive()
    assert message
    return unpack(message.body["result"])


@pytest.mark.parametrize("result", [result for result, _ in EXAMPLES])
def test_a_result_arrives_as_it_was(result: Result) -> None:
    assert same(over_the_wire(result), result)


@pytest.mark.parametrize(("result", "expected"), EXAMPLES)
def test_the_json_has_the_shape_of_the_hub(result: Result, expected: Any) -> None:
    value = result.to_json()
    assert value == expected
    assert json.loads(json.dumps(value)) == expected


def test_every_type_of_result_has_an_example() -> None:
    assert {type(result).__name__ for result, _ in EXAMPLES} == set(RESULT_TYPES)


@pytest.mark.parametrize("cls", RESULT_TYPES.values())
def test_results_cannot_be_changed(cls: type[Any]) -> None:
    assert cls.__dataclass_params__.frozen


def test_a_type_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError, match="Hologram"):
        unpack({"type": "Hologram", "fields": {}})


def test_results_with_arrays_are_equal_by_their_numbers() -> None:
    assert Embedding(VECTORS, pooled=False) == Embedding(VECTORS.copy(), pooled=False)
    assert Embedding(VECTORS, pooled=False) != Embedding(VECTORS + 1, pooled=False)
    assert Embedding(VECTORS[:1], pooled=False) != Embedding(VECTORS, pooled=False)
    assert Similarity(("a",), ("b", "c"), VECTORS[:1]) == Similarity(("a",), ("b", "c"), VECTORS[:1].copy())
    assert Similarity(("a",), ("b", "c"), VECTORS[:1]) != Similarity(("a",), ("b", "d"), VECTORS[:1])
