from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest

from workbench.packing import pack, unpack
from workbench.results import (
    RESULT_TYPES,
    Answer,
    Answers,
    Audio,
    Box,
    Boxes,
    Depth,
    Embedding,
    Fill,
    Fills,
    Label,
    Labels,
    MadePicture,
    Mask,
    Masks,
    Rank,
    Ranking,
    Result,
    Segment,
    Similarity,
    Span,
    Spans,
    Text,
    Transcript,
)
from workbench.saving.encoding import base64_png, base64_wav
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
    (
        Text("kurz", 1, "length", "summary_text"),
        {"summary_text": "kurz", "token_count": 1, "finish_reason": "length"},
    ),
    (
        Fills(((Fill(7, "cat", 0.5, "a cat"), Fill(8, "dog", 0.25, "a dog")),)),
        [
            {"score": 0.5, "token": 7, "token_str": "cat", "sequence": "a cat"},
            {"score": 0.25, "token": 8, "token_str": "dog", "sequence": "a dog"},
        ],
    ),
    (
        Fills(((Fill(7, "a", 0.5, "a b"),), (Fill(8, "b", 0.5, "a b"),))),
        [
            [{"score": 0.5, "token": 7, "token_str": "a", "sequence": "a b"}],
            [{"score": 0.5, "token": 8, "token_str": "b", "sequence": "a b"}],
        ],
    ),
    (
        Answers("Who?", "Ada did.", (Answer("Ada", 0.5, 0, 3),)),
        [{"answer": "Ada", "score": 0.5, "start": 0, "end": 3}],
    ),
    (Ranking("q", (Rank(1, "b", 2.5),)), [{"index": 1, "score": 2.5, "text": "b"}]),
    (
        Boxes(4, 2, (Box("cat", 0.5, -0.5, 0.0, 2.0, 1.5),)),
        [{"label": "cat", "score": 0.5, "box": {"xmin": -0.5, "ymin": 0.0, "xmax": 2.0, "ymax": 1.5}}],
    ),
    (
        Masks(2, 1, (Mask("sky", None, np.array([[255, 0]], np.uint8)),)),
        [{"label": "sky", "score": None, "mask": base64_png(np.array([[255, 0]], np.uint8))}],
    ),
    (
        Depth(np.array([[1.0, 3.0]], np.float32), "m"),
        {
            "depth": base64_png(np.array([[0, 255]], np.uint8)),
            "minimum": 1.0,
            "maximum": 3.0,
            "unit": "m",
            "width": 2,
            "height": 1,
        },
    ),
    (
        MadePicture(np.full((2, 1, 3), 7, np.uint8)),
        {"image": base64_png(np.full((2, 1, 3), 7, np.uint8)), "width": 1, "height": 2},
    ),
    (
        Audio(np.array([0.0, 0.5], np.float32), 2),
        {
            "audio": base64_wav(np.array([0.0, 0.5], np.float32), 2),
            "sampling_rate": 2,
            "duration_s": 1.0,
        },
    ),
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
