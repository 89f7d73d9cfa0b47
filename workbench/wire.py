"""The framing between a front and its child processes. Standard library only; a copy of it travels beside the exporter.

A frame is a fixed header, one JSON object and the raw buffers which that object refers to:

    offset  size  field
    0       4     magic, b"OAWB"
    4       2     version of the framing, unsigned, little endian
    6       2     number of buffers
    8       4     length of the JSON in bytes
    12      8     length of all buffers together in bytes

The JSON object is ``{"kind", "id", "body", "buffers": [[dtype, shape, nbytes], …]}``. Where the body holds a
:class:`Buffer`, the JSON holds ``{"$buffer": n}``; a long text is a buffer of UTF-8 as well, and ``{"$text": n}``: JSON
takes ten times as long for it, and no other thread of Python runs meanwhile. No pickle is ever involved.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Literal, get_args

__all__ = ["VERSION", "Buffer", "Channel", "Kind", "Message", "WireError", "claim_standard_streams"]

VERSION = 2
MAGIC = b"OAWB"
HEADER = struct.Struct("<4sHHIQ")
MAX_JSON_BYTES = 256 << 20
MAX_BUFFERS_BYTES = 4 << 30
PIECE_BYTES = 64 << 20
LONG_TEXT = 1 << 16
MAX_TEXTS = 1 << 12  # a frame can count no more than 65,535 buffers; further texts stay in the JSON

Kind = Literal["hello", "request", "cancel", "progress", "partial", "result", "error", "log"]
KINDS: frozenset[str] = frozenset(get_args(Kind))


class WireError(Exception):
    """The bytes on the line are not what this version of the framing writes."""


@dataclass(frozen=True)
class Buffer:
    """One array in row-major order: numpy's dtype name (``"float32"``), the shape, and the bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes | bytearray | memoryview

    @classmethod
    def of(cls, array: Any) -> Buffer:
        """The buffer of a numpy array, without importing numpy here. Copies only what is not C-contiguous."""
        if not array.flags["C_CONTIGUOUS"]:
            array = array.copy(order="C")
        data = memoryview(array).cast("B") if array.size else b""
        return cls(str(array.dtype), tuple(array.shape), data)

    def array(self) -> Any:
        """A read-only numpy array over the bytes, without a copy."""
        import numpy as np

        array = np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)
        array.flags.writeable = False
        return array


@dataclass(frozen=True)
class Message:
    """One frame. ``id`` ties a request to everything that answers it; 0 belongs to no request."""

    kind: Kind
    id: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


class Channel:
    """Messages over a pair of binary streams. Many threads may send, one receives."""

    def __init__(self, reader: IO[bytes], writer: IO[bytes]) -> None:
        self._reader = reader
        self._writer = writer
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Write one frame and flush it. Raises OSError or ValueError when the other side is gone."""
        header, parts = _encode(message)
        with self._sending:
            self._writer.write(header)
            for part in parts:
                self._writer.write(part)
            self._writer.flush()

    def receive(self) -> Message | None:
        """The next message, or None when the other side has closed. Raises :class:`WireError` on anything else."""
        head = _read_exactly(self._reader, HEADER.size, at_boundary=True)
        if not head:
            return None
        magic, version, count, json_bytes, buffers_bytes = HEADER.unpack(head)
        if magic != MAGIC:
            raise WireError(f"not a frame: it begins with {bytes(magic)!r}")
        if version != VERSION:
            raise WireError(f"the other side speaks version {version} of the framing, this side version {VERSION}")
        if json_bytes > MAX_JSON_BYTES or buffers_bytes > MAX_BUFFERS_BYTES:
            raise WireError(f"a frame of {json_bytes} + {buffers_bytes} bytes is over the limit")
        text = _read_exactly(self._reader, json_bytes)
        data = _read_exactly(self._reader, buffers_bytes)
        return _decode(bytes(text), memoryview(data), count)

    def close(self) -> None:
        """Close the sending side, which tells a child to end."""
        with self._sending, contextlib.suppress(OSError):  # the other side may have gone first
            self._writer.close()


def claim_standard_streams() -> Channel:
    """In a child: the channel to the parent over stdin and stdout.

    From now on file descriptor 1 leads to stderr, so that no library's stray print can end up between two frames.
    """
    reader = os.fdopen(os.dup(0), "rb", buffering=1 << 16)
    writer = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    sys.stdout.flush()
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = io.TextIOWrapper(
        os.fdopen(1, "wb", buffering=0, closefd=False), encoding="utf-8", errors="replace", write_through=True
    )
    return Channel(reader, writer)


def _encode(message: Message) -> tuple[bytes, list[bytes | bytearray | memoryview]]:
    buffers: list[Buffer] = []

    def replace(value: object) -> object:
        if isinstance(value, Buffer):
            buffers.append(value)
            return {"$buffer": len(buffers) - 1}
        if isinstance(value, str) and len(value) >= LONG_TEXT and len(buffers) < MAX_TEXTS:
            data = value.encode("utf-8", "surrogatepass")
            buffers.append(Buffer("uint8", (len(data),), data))
            return {"$text": len(buffers) - 1}
        if isinstance(value, Mapping):
            return {str(key): replace(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [replace(item) for item in value]
        return value

    body = replace(message.body)
    sizes = [memoryview(buffer.data).nbytes for buffer in buffers]
    table = [[buffer.dtype, list(buffer.shape), size] for buffer, size in zip(buffers, sizes, strict=True)]
    document = {"kind": message.kind, "id": message.id, "body": body, "buffers": table}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(text) > MAX_JSON_BYTES or sum(sizes) > MAX_BUFFERS_BYTES or len(buffers) > 0xFFFF:
        raise WireError(f"a message of {len(text)} + {sum(sizes)} bytes is over the limit")
    header = HEADER.pack(MAGIC, VERSION, len(buffers), len(text), sum(sizes))
    return header, [text, *(buffer.data for buffer in buffers)]


def _decode(text: bytes, data: memoryview, count: int) -> Message:
    try:
        document = json.loads(text.decode("utf-8", "surrogatepass"))
        kind, number, table = document["kind"], document["id"], document["buffers"]
        if kind not in KINDS or not isinstance(number, int) or not isinstance(document["body"], dict):
            raise WireError(f"a frame of unknown kind {kind!r} or without a body")
        if len(table) != count:
            raise WireError(f"a frame announces {count} buffers and describes {len(table)}")
        buffers, start = [], 0
        for dtype, shape, size in table:
            if size < 0 or start + size > len(data):
                raise WireError("a buffer reaches past the end of its frame")
            buffers.append(Buffer(str(dtype), tuple(int(n) for n in shape), data[start : start + size]))
            start += size
        if start != len(data):
            raise WireError(f"a frame holds {len(data) - start} bytes that belong to no buffer")
        return Message(kind, number, _restore(document["body"], buffers))
    except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise WireError(f"a frame that cannot be read: {error}") from error


def _restore(value: Any, buffers: list[Buffer]) -> Any:
    if isinstance(value, dict):
        if len(value) == 1 and "$buffer" in value:
            if value["$buffer"] < 0:
                raise IndexError(f"there is no buffer {value['$buffer']}")
            return buffers[value["$buffer"]]
        if len(value) == 1 and "$text" in value:
            if value["$text"] < 0:
                raise IndexError(f"there is no buffer {value['$text']}")
            return bytes(buffers[value["$text"]].data).decode("utf-8", "surrogatepass")
        return {key: _restore(item, buffers) for key, item in value.items()}
    if isinstance(value, list):
        return [_restore(item, buffers) for item in value]
    return value


def _read_exactly(stream: IO[bytes], size: int, *, at_boundary: bool = False) -> bytearray:
    """``size`` bytes; none at all when the stream ends before the first of them and that is allowed.

    Memory is taken piece by piece as the bytes come: a damaged length does not take what was never sent.
    """
    data, done = bytearray(min(size, PIECE_BYTES)), 0
    while done < size:
        if done == len(data):
            data.extend(bytes(min(size - done, done)))
        with memoryview(data) as view:
            count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            if done == 0 and at_boundary:
                return bytearray()
            raise WireError(f"the line ended {size - done} bytes before the end of a frame")
        done += count
    return data
