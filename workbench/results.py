"""What tasks return and what is shown of their inputs, for every front. Frozen; JSON in the shape of the hub's schemas.

Scores are probabilities in [0, 1] unless a docstring says otherwise; positions in text are characters (Unicode code
points) of the input, end exclusive; times are seconds.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.saving.encoding import base64_png, base64_wav

if TYPE_CHECKING:
    import numpy as np

    FloatArray = np.ndarray[Any, np.dtype[np.float32]]
    ByteArray = np.ndarray[Any, np.dtype[np.uint8]]

__all__ = [
    "RESULT_TYPES",
    "Answer",
    "Answers",
    "Audio",
    "Box",
    "Boxes",
    "Depth",
    "Embedding",
    "Fill",
    "Fills",
    "GenerationSpeed",
    "Label",
    "Labels",
    "MadePicture",
    "Mask",
    "Masks",
    "Picture",
    "Rank",
    "Ranking",
    "Result",
    "Segment",
    "Similarity",
    "Span",
    "Spans",
    "Text",
    "Transcript",
    "Waveform",
]


class _ByValue:
    """Compares arrays by their numbers: a dataclass by itself asks for their truth values, which they lack."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            _same(getattr(self, field.name), getattr(other, field.name))
            for field in dataclasses.fields(self)  # type: ignore[arg-type]  # only dataclasses are made of it
        )

    __hash__ = None  # type: ignore[assignment]


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
class Embedding(_ByValue):
    """Features, float32 of shape [vectors, hidden]: one vector a token, or a single pooled one."""

    vectors: FloatArray
    pooled: bool

    def to_json(self) -> list[list[float]]:
        return typing.cast("list[list[float]]", self.vectors.tolist())


@dataclass(frozen=True, eq=False)
class Similarity(_ByValue):
    """Cosine similarity in [-1, 1], float32 of shape [rows, columns], of each row text with each column text."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    scores: FloatArray

    def to_json(self) -> list[float] | list[list[float]]:
        """A list for one source sentence (the hub's schema), a matrix for many."""
        values = self.scores.tolist()
        return typing.cast("list[float] | list[list[float]]", values[0] if len(self.rows) == 1 else values)


@dataclass(frozen=True)
class GenerationSpeed:
    """How fast a text was made. ``prompt_tokens`` were given, of which ``cached_tokens`` were known already from what
    the model had read before; ``first_token_s`` went by until the first new token, ``rest_s`` from then to the last.
    """

    prompt_tokens: int
    cached_tokens: int
    new_tokens: int
    first_token_s: float
    rest_s: float

    @property
    def tokens_per_s(self) -> float | None:
        """New tokens per second once the first was there; None where there was but one."""
        return (self.new_tokens - 1) / self.rest_s if self.new_tokens > 1 and self.rest_s > 0 else None

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"tokens_per_s": self.tokens_per_s}


@dataclass(frozen=True)
class Text:
    """Generated text. ``token_count`` counts the new tokens; ``finish`` is why it ended: ``"stop"`` or ``"length"``.

    ``key`` is what the hub's schema of the task calls the text; ``speed`` is told where text goes on from a prompt, and
    makes no difference between two texts.
    """

    text: str
    token_count: int
    finish: str
    key: str = "generated_text"
    speed: GenerationSpeed | None = dataclasses.field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {self.key: self.text, "token_count": self.token_count, "finish_reason": self.finish}
        return value | {"speed": self.speed.to_json()} if self.speed else value


@dataclass(frozen=True)
class Segment:
    """A stretch of speech. ``end_s`` is None where the model gave no end (the sound was cut off)."""

    text: str
    start_s: float
    end_s: float | None


@dataclass(frozen=True)
class Transcript:
    """What was said. ``language`` is the model's own code ("en"), None where the model knows one language only.

    ``unit`` is what a segment is: a stretch of speech (``"segment"``), a word or a single character (``"char"``).
    """

    text: str
    segments: tuple[Segment, ...]
    language: str | None = None
    unit: str = "segment"

    def to_json(self) -> dict[str, Any]:
        chunks = [{"text": item.text, "timestamp": [item.start_s, item.end_s]} for item in self.segments]
        value: dict[str, Any] = {"text": self.text, "chunks": chunks}
        return value | {"language": self.language} if self.language else value


@dataclass(frozen=True)
class Fill:
    """What may stand in the place of a mask: a token, and the text with it there."""

    token: int
    word: str
    score: float
    text: str


@dataclass(frozen=True)
class Fills:
    """For each mask of a text, in their order, what may stand there, the likeliest first."""

    masks: tuple[tuple[Fill, ...], ...]

    def to_json(self) -> list[Any]:
        """One list for one mask (the hub's schema), a list of lists for several."""
        lists = [
            [
                {"score": item.score, "token": item.token, "token_str": item.word, "sequence": item.text}
                for item in fills
            ]
            for fills in self.masks
        ]
        return lists[0] if len(lists) == 1 else lists


@dataclass(frozen=True)
class Answer:
    """A stretch of the context that answers; empty, from 0 to 0, where the model says that nothing does."""

    answer: str
    score: float
    start: int
    end: int


@dataclass(frozen=True)
class Answers:
    """Answers to a question out of a context, the likeliest first."""

    question: str
    context: str
    answers: tuple[Answer, ...]

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {"answer": item.answer, "score": item.score, "start": item.start, "end": item.end} for item in self.answers
        ]


@dataclass(frozen=True)
class Rank:
    """A text with its place in the input, and how well it fits: a logit or a probability, as the model was trained."""

    index: int
    text: str
    score: float


@dataclass(frozen=True)
class Ranking:
    """Texts by how well they fit a query, the best first."""

    query: str
    ranks: tuple[Rank, ...]

    def to_json(self) -> list[dict[str, Any]]:
        return [{"index": item.index, "score": item.score, "text": item.text} for item in self.ranks]


@dataclass(frozen=True)
class Box:
    """A thing in a picture. Pixels of the upright picture from its upper left corner; they may lie outside of it."""

    label: str
    score: float
    xmin: float
    ymin: float
    xmax: float
    ymax: float


@dataclass(frozen=True)
class Boxes:
    """Things found in a picture of this size, the surest first."""

    width_px: int
    height_px: int
    boxes: tuple[Box, ...]

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {
                "label": item.label,
                "score": item.score,
                "box": {"xmin": item.xmin, "ymin": item.ymin, "xmax": item.xmax, "ymax": item.ymax},
            }
            for item in self.boxes
        ]


@dataclass(frozen=True, eq=False)
class Mask(_ByValue):
    """The part of a picture that has a label: uint8 of shape [height_px, width_px], 255 inside and 0 outside.

    ``score`` is None where the model gives none (semantic segmentation). ``is_thing`` tells countable things, each
    with a mask of its own, from stuff.
    """

    label: str
    score: float | None
    pixels: ByteArray
    is_thing: bool = False


@dataclass(frozen=True, eq=False)
class Masks(_ByValue):
    """Parts of a picture of this size."""

    width_px: int
    height_px: int
    masks: tuple[Mask, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """The mask is a PNG in base64, white inside, as the hub's schema has it."""
        return [{"label": item.label, "score": item.score, "mask": base64_png(item.pixels)} for item in self.masks]


@dataclass(frozen=True, eq=False)
class Depth(_ByValue):
    """How far, or how near, each pixel is: float32 of shape [height_px, width_px] in the model's own unit.

    ``unit`` is ``"m"`` where larger is farther in metres, ``"relative"`` where larger is nearer without a unit.
    """

    values: FloatArray
    unit: str

    def to_json(self) -> dict[str, Any]:
        """``depth`` is a PNG in base64, 8 bits of grey from the least value to the greatest."""
        low, high = float(self.values.min()), float(self.values.max())
        scaled = (self.values - low) * (255 / (high - low) if high > low else 0)
        height, width = self.values.shape
        return {
            "depth": base64_png(scaled.astype("uint8")),
            "minimum": low,
            "maximum": high,
            "unit": self.unit,
            "width": width,
            "height": height,
        }


@dataclass(frozen=True, eq=False)
class MadePicture(_ByValue):
    """A picture that a model made of another one: uint8 of shape [height_px, width_px, 3]."""

    pixels: ByteArray

    @property
    def width_px(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.pixels.shape[0])

    def to_json(self) -> dict[str, Any]:
        """``image`` is a PNG in base64."""
        return {"image": base64_png(self.pixels), "width": self.width_px, "height": self.height_px}


@dataclass(frozen=True, eq=False)
class Audio(_ByValue):
    """Sound, float32 of shape [samples] in [-1, 1]."""

    samples: FloatArray
    sampling_rate: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sampling_rate

    def to_json(self) -> dict[str, Any]:
        """``audio`` is a WAV file (16 bits) in base64."""
        return {
            "audio": base64_wav(self.samples, self.sampling_rate),
            "sampling_rate": self.sampling_rate,
            "duration_s": self.duration_s,
        }


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


Result = (
    Labels
    | Spans
    | Embedding
    | Similarity
    | Text
    | Transcript
    | Fills
    | Answers
    | Ranking
    | Boxes
    | Masks
    | Depth
    | MadePicture
    | Audio
)

RESULT_TYPES: dict[str, type[Any]] = {cls.__name__: cls for cls in typing.get_args(Result)}


def _same(a: Any, b: Any) -> bool:
    if hasattr(a, "dtype") and hasattr(b, "dtype"):
        return a.shape == b.shape and bool((a == b).all())
    return bool(a == b)
