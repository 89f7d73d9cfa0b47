"""The bytes of an ONNX file without its large weights, which are told of as external data in the file itself; and a
file written with weights that never were in the message.

Protobuf has no way of its own to leave something in the file. Only as much of its format is known here as leads to the
weights of the outermost graph: fields with a number, a kind and, for messages, texts and bytes, a length.
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from onnx import GraphProto, ModelProto, StringStringEntryProto, TensorProto

__all__ = ["EXTERNAL_MIN_BYTES", "outline", "write_filled"]

# What is smaller stays in the graph.
EXTERNAL_MIN_BYTES = 1024
# Numbers of the fields that lead there: ModelProto.graph, GraphProto.initializer, TensorProto.raw_data; and those that
# tell of external data.
GRAPH, INITIALIZER, RAW_DATA = 7, 5, 9
EXTERNAL_DATA, DATA_LOCATION = 13, 14
VARINT, EIGHT_BYTES, WITH_LENGTH, FOUR_BYTES = 0, 1, 2, 5


def outline(path: Path) -> bytes:
    """A serialized ``ModelProto`` without the weights of 1 KiB and more that lie in the file. Raises ValueError."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _Outline(data, path.name).model()


class _Outline:
    def __init__(self, data: mmap.mmap, name: str) -> None:
        self._data, self._name = data, name

    def model(self) -> bytes:
        return self._rewritten(0, len(self._data), (GRAPH, INITIALIZER))

    def _rewritten(self, start: int, end: int, path: tuple[int, ...]) -> bytes:
        """The message in [start, end) with the weights left out that lie at the end of a path of fields."""
        if not path:
            return self._tensor(start, end)
        made = []
        for number, kind, begin, value, after in self._fields(start, end):
            if number == path[0] and kind == WITH_LENGTH:
                made.append(_field(number, self._rewritten(value, after, path[1:])))
            else:
                made.append(self._data[begin:after])
        return b"".join(made)

    def _tensor(self, start: int, end: int) -> bytes:
        for number, kind, begin, value, after in self._fields(start, end):
            if number == RAW_DATA and kind == WITH_LENGTH and after - value >= EXTERNAL_MIN_BYTES:
                told = {"location": self._name, "offset": str(value), "length": str(after - value)}
                entries = (StringStringEntryProto(key=key, value=text) for key, text in told.items())
                places = b"".join(_field(EXTERNAL_DATA, entry.SerializeToString()) for entry in entries)
                where = bytes([DATA_LOCATION << 3 | VARINT, TensorProto.EXTERNAL])
                return self._data[start:begin] + self._data[after:end] + places + where
        return self._data[start:end]

    def _fields(self, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
        """Number, kind, and where the field begins, its value begins, and the field ends."""
        place = start
        while place < end:
            key, value = self._varint(place)
            kind = key & 7
            if kind == VARINT:
                after = self._varint(value)[1]
            elif kind == EIGHT_BYTES:
                after = value + 8
            elif kind == FOUR_BYTES:
                after = value + 4
            elif kind == WITH_LENGTH:
                length, value = self._varint(value)
                after = value + length
            else:
                raise ValueError(f"{self._name} is no ONNX file: a field of kind {kind}")
            if after > end:
                raise ValueError(f"{self._name} is cut off")
            yield key >> 3, kind, place, value, after
            place = after

    def _varint(self, place: int) -> tuple[int, int]:
        """A number of 7 bits a byte, the lowest first, and where it ends."""
        number = shift = 0
        while place < len(self._data):
            byte = self._data[place]
            number |= (byte & 127) << shift
            place += 1
            if byte < 128:
                return number, place
            shift += 7
        raise ValueError(f"{self._name} is cut off")


def write_filled(
    model: ModelProto, file: BinaryIO, weights: Iterable[tuple[TensorProto, int]], fill: Callable[[int], memoryview]
) -> None:
    """Write a model whose outermost graph has these ``weights`` instead of its own.

    Each is told of by a message and how many bytes of ``raw_data`` belong to it, which ``fill`` gives for its number,
    one weight after the other; none is asked for where there are 0.
    """
    shell, graph = (_without(*whole).SerializeToString() for whole in ((model, "graph"), (model.graph, "initializer")))
    fields = []
    for tensor, length in weights:
        head = tensor.SerializeToString()
        raw = _start(RAW_DATA, length) if length else b""
        fields.append((_start(INITIALIZER, len(head) + len(raw) + length) + head + raw, length))
    file.write(shell)
    file.write(_start(GRAPH, len(graph) + sum(len(start) + length for start, length in fields)))
    file.write(graph)
    for number, (start, length) in enumerate(fields):
        file.write(start)
        if length:
            file.write(fill(number))


def _without(message: ModelProto | GraphProto, left_out: str) -> ModelProto | GraphProto:
    """A copy without one of its fields."""
    made = type(message)()
    for field, value in message.ListFields():
        if field.name == left_out:
            continue
        if hasattr(value, "MergeFrom"):  # a message, or a list
            getattr(made, field.name).MergeFrom(value)
        else:
            setattr(made, field.name, value)
    return made


def _field(number: int, content: bytes) -> bytes:
    return _start(number, len(content)) + content


def _start(number: int, length: int) -> bytes:
    """What comes before the content of a field of this length."""
    written = bytearray()
    while length > 127:
        written.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | WITH_LENGTH, *written, length])
