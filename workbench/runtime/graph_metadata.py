"""The metadata of an ONNX file, read past the graph in it: few bytes of a file of any size, and no decoder.

The format is that of ``ModelProto`` in onnx.proto: fields with a number and a length, of which ``metadata_props`` (14)
holds pairs of a key (1) and a value (2).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

__all__ = ["graph_metadata"]

METADATA_PROPS, KEY, VALUE = 14, 1, 2
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Keys and values longer than this are none of ours.
MAX_ENTRY_BYTES = 1 << 16
MAX_FIELDS = 10_000


def graph_metadata(path: Path) -> dict[str, str]:
    """Keys and values; nothing for a file that cannot be read or is no ONNX, which who loads it will say."""
    found: dict[str, str] = {}
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            for _ in range(MAX_FIELDS):
                if stream.tell() >= size:
                    break
                number, kind, length = _field(stream)
                if (number, kind) == (METADATA_PROPS, BYTES) and length <= MAX_ENTRY_BYTES:
                    key, value = _entry(stream, stream.tell() + length)
                    found[key] = value
                else:
                    stream.seek(length, os.SEEK_CUR)
    except (OSError, ValueError):
        return found
    return found


def _entry(stream: IO[bytes], end: int) -> tuple[str, str]:
    parts = {KEY: "", VALUE: ""}
    while stream.tell() < end:
        number, kind, length = _field(stream)
        if kind == BYTES and number in parts:
            parts[number] = stream.read(min(length, MAX_ENTRY_BYTES)).decode("utf-8", "replace")
        else:
            stream.seek(length, os.SEEK_CUR)
    return parts[KEY], parts[VALUE]


def _field(stream: IO[bytes]) -> tuple[int, int, int]:
    """Number and kind of a field, and how many bytes follow. Raises ValueError."""
    tag = _varint(stream)
    number, kind = tag >> 3, tag & 7
    if kind == VARINT:
        _varint(stream)
        return number, kind, 0
    if kind == BYTES:
        return number, kind, _varint(stream)
    if kind in (FIXED64, FIXED32):
        return number, kind, 8 if kind == FIXED64 else 4
    raise ValueError("no protobuf")


def _varint(stream: IO[bytes]) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            raise ValueError("cut off")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("no protobuf")
