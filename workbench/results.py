"""What tasks return and what is shown of their inputs, for every front. Frozen; JSON in the shape of the hub's schemas.

Scores are probabilities in [0, 1] unless a docstring says otherwise; positions in text are characters (Unicode code
points) of the input, end exclusive; times are seconds.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from workbench.wire import Buffer

if TYPE_CHECKING:
    import numpy as np

    FloatArray = np.ndarray[Any, np.dtype[np.float32]]

__all__ = [
    "RESULT_TYPES",
    "Embedding",
    "Label",
    "Labels",
    "Picture",
    "Result",
    "Segment",
    "Similarity",
    "Span",
    "Spans",
    "Text",
    "Transcript",
    "Waveform",
    "pack",
    "unpack",
]


@dataclass(frozen=True)
class Label:
    label: str
    score: float


@dataclass(frozen=True)
class Labels:
    """Classes, the likeliest first."""

    labels: tuple[Label, ...]

    def to_json(self) -> list[dict[str, Any]]:
        return [{"label": item.label, "score": item.score} for item in self.labels]


@dataclass(frozen=True)
class Span:
    """A labelled stretch of the input text. ``index`` is the position of the token, None for a group of tokens."""

    label: str
    score: float
    word: str
    start: int
    end: int
    index: int | None = None


@dataclass(frozen=True)
class Spans:
    """Labelled stretches in the order of the text. ``grouped`` tells entities from single tokens."""

    spans: tuple[Span, ...]
    grouped: bool

    def to_json(self) -> list[dict[str, Any]]:
        rows = []
        for span in self.spans:
            row: dict[str, Any] = {"entity_group" if self.grouped else "entity": span.label, "score": span.score}
            if span.index is not None:
                row["index"] = span.index
            rows.append(row | {"word": span.word, "start": span.start, "end": span.end})
        return rows


@dataclass(frozen=True, eq=False)
class Embedding:
    """Features, float32 of shape [vectors, hidden]: one vector a token, or a single pooled one."""

    vectors: FloatArray
    pooled: bool

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Embedding) and self.pooled == other.pooled and _same_array(self.vectors, other.vectors)

    __hash__ = None  # type: ignore[assignment]

    def to_json(self) -> list[list[float]]:
        return typing.cast("list[list[float]]", self.vectors.tolist())


@dataclass(frozen=True, eq=False)
class Similarity:
    """Cosine similarity in [-1, 1], float32 of shape [rows, columns], of each row text with each column text."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    scores: FloatArray

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Similarity)
            and (self.rows, self.columns) == (other.rows, other.columns)
            and _same_array(self.scores, other.scores)
        )

    __hash__ = None  # type: ignore[assignment]

    def to_json(self) -> list[float] | list[list[float]]:
        """A list for one source sentence (the hub's schema), a matrix for many."""
        values = self.scores.tolist()
        return typing.cast("list[float] | list[list[float]]", values[0] if len(self.rows) == 1 else values)


@dataclass(frozen=True)
class Text:
    """Generated text. ``token_count`` counts the new tokens; ``finish`` is why it ended: ``"stop"`` or ``"length"``."""

    text: str
    token_count: int
    finish: str

    def to_json(self) -> dict[str, Any]:
        return {"generated_text": self.text, "token_count": self.token_count, "finish_reason": self.finish}


@dataclass(frozen=True)
class Segment:
    """A stretch of speech. ``end_s`` is None where the model gave no end (the sound was cut off)."""

    text: str
    start_s: float
    end_s: float | None


@dataclass(frozen=True)
class Transcript:
    """What was said. ``language`` is the model's own code ("en"), None where the model knows one language only."""

    text: str
    segments: tuple[Segment, ...]
    language: str | None = None

    def to_json(self) -> dict[str, Any]:
        chunks = [{"text": item.text, "timestamp": [item.start_s, item.end_s]} for item in self.segments]
        value: dict[str, Any] = {"text": self.text, "chunks": chunks}
        return value | {"language": self.language} if self.language else value


@dataclass(frozen=True)
class Picture:
    """A picture as a model gets it, made smaller. ``rgb`` is uint8 of shape [height_px, width_px, 3], row by row."""

    width_px: int
    height_px: int
    rgb: bytes | bytearray | memoryview


@dataclass(frozen=True, eq=False)
class Waveform:
    """The outline of a sound: ``peaks`` is float32 [n, 2], the lowest and the highest sample of each stretch."""

    duration_s: float
    peaks: FloatArray


Result = Labels | Spans | Embedding | Similarity | Text | Transcript

RESULT_TYPES: dict[str, type[Any]] = {cls.__name__: cls for cls in typing.get_args(Result)}


def pack(result: Result) -> dict[str, Any]:
    """The result as the body of a message: its type's name and its fields, arrays as buffers."""
    return {"type": type(result).__name__, "fields": _pack(result)}


def unpack(body: Mapping[str, Any]) -> Result:
    """The result out of the body that :func:`pack` made. Arrays are read-only views of the message."""
    cls = RESULT_TYPES[body["type"]]
    return typing.cast(Result, _unpack(cls, body["fields"]))


def _same_array(a: FloatArray, b: FloatArray) -> bool:
    # What a dataclass compares by itself are the truth values of arrays, which have none.
    return a.shape == b.shape and bool((a == b).all())


def _pack(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, Buffer)):
        return {field.name: _pack(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_pack(item) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return Buffer.of(value)
    return value


def _unpack(hint: Any, value: Any) -> Any:
    if isinstance(value, Buffer):
        return value.array()
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = _hints(hint)
        return hint(**{name: _unpack(hints[name], item) for name, item in value.items()})
    origin = typing.get_origin(hint)
    if origin is tuple:
        return tuple(_unpack(typing.get_args(hint)[0], item) for item in value)
    if origin in (Union, types.UnionType) and value is not None:
        inner = [item for item in typing.get_args(hint) if item is not type(None)]
        return _unpack(inner[0], value)
    return value


def _hints(cls: type[Any]) -> dict[str, Any]:
    # FloatArray exists for type checkers only: at run time an array is recognised by being a Buffer.
    return typing.get_type_hints(cls, localns={"FloatArray": object})
