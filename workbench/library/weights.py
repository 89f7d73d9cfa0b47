"""Which of a model's files hold weights, in which format, and whether they are whole. Reads headers, never weights."""

from __future__ import annotations

import json
import math
import os
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

__all__ = [
    "LFS_MAX_BYTES",
    "Header",
    "exportable_pickles",
    "exportable_safetensors",
    "format_of",
    "is_lfs_pointer",
    "missing_shards",
    "read_header",
    "read_shapes",
    "weight_set",
]

# What a loader unpickles. Names that are no weights, though they are pickles, say nothing about a model.
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"})
NO_WEIGHTS = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state|random_states)", re.IGNORECASE)
FORMATS = {
    ".safetensors": "safetensors",
    ".onnx": "onnx",
    ".gguf": "gguf",
    ".h5": "tensorflow",
    ".keras": "tensorflow",
    ".msgpack": "flax",
    ".tflite": "tflite",
    ".mlmodel": "coreml",
    ".mlpackage": "coreml",
} | dict.fromkeys(PICKLES, "pickle")

SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.(?:safetensors|bin|gguf))")
LFS_MAX_BYTES = 1024
LFS_START = b"version https://git-lfs.github.com/spec/"
MAX_HEADER_BYTES = 100 << 20  # the limit of the safetensors library
MAX_AXES = 64  # no tensor has more; what a hostile one has beyond is not worked out
MAX_NUMBERS_PER_BYTE = 8  # one bit each, smaller than any type there is


@dataclass(frozen=True)
class Header:
    """What the beginning of a safetensors file says: how many numbers it holds and how long it must be."""

    parameter_count: int
    file_bytes: int


@lru_cache(maxsize=4096)  # the same few names in every repository
def format_of(name: str) -> str | None:
    """``"safetensors"``, ``"pickle"``, ``"onnx"``, ``"gguf"`` …; None for what holds no weights."""
    path = PurePosixPath(name)
    found = FORMATS.get(path.suffix.lower())
    if found == "pickle" and (NO_WEIGHTS.match(path.name) or path.parts[0] == "openvino"):
        return None
    return found


def exportable_safetensors(names: Iterable[str]) -> list[str]:
    """Those which the exporter loads: in the folder itself, and named as transformers names them."""
    return [n for n in names if "/" not in n and n.startswith("model") and n.endswith(".safetensors")]


def exportable_pickles(names: Iterable[str]) -> list[str]:
    return [n for n in names if "/" not in n and n.startswith("pytorch_model") and n.endswith(".bin")]


def weight_set(names: Iterable[str]) -> list[str]:
    """The safetensors files that make up the model once: repositories hold the same weights in several forms."""
    files = [name for name in names if name.endswith(".safetensors")]
    if "model.safetensors" in files:
        return ["model.safetensors"]
    shards = [name for name in files if (found := SHARD.fullmatch(name)) and found["stem"] == "model"]
    if shards:
        return shards
    own = exportable_safetensors(files)
    if own:
        return own[:1]
    top = [name for name in files if "/" not in name]
    return top or [name for name in files if not re.search(r"\.(fp16|bf16|non_ema)\b", name)]


def missing_shards(names: Iterable[str]) -> list[str]:
    """Files that the names of other shards promise: ``model-00001-of-00002…`` without its second half."""
    there = set(names)
    promised = set()
    for name in there:
        found = SHARD.fullmatch(name)
        if found and int(found["count"]) <= 10_000:
            count, stem, suffix = int(found["count"]), found["stem"], found["suffix"]
            # Shards are counted from 1; a few old repositories count from 0.
            first = 0 if f"{stem}-00000-of-{count:05}{suffix}" in there else 1
            promised |= {f"{stem}-{number:05}-of-{count:05}{suffix}" for number in range(first, first + count)}
    return sorted(promised - there)


def is_lfs_pointer(data: bytes) -> bool:
    """Whether these first bytes are the note that git leaves in the place of a file it has not fetched."""
    return data.startswith(LFS_START)


def read_header(path: str) -> Header:
    """Read the header of a safetensors file. Raises OSError, and ValueError for what is none."""
    text, length = _header_text(path)
    try:
        table = json.loads(text)
        tensors = [value for key, value in table.items() if key != "__metadata__"]
        end = max((_whole(item["data_offsets"][1]) for item in tensors), default=0)
        count = sum(math.prod(_whole(size) for size in item["shape"][:MAX_AXES]) for item in tensors)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError("its header is not one of safetensors") from error
    if count > end * MAX_NUMBERS_PER_BYTE:
        raise ValueError("its header promises more numbers than it has bytes for")
    return Header(count, 8 + length + end)


def read_shapes(path: str) -> list[tuple[int, ...]]:
    """The shapes of all tensors of a safetensors file. Raises OSError, and ValueError for what is none."""
    text, _ = _header_text(path)
    try:
        tensors = [value for key, value in json.loads(text).items() if key != "__metadata__"]
        return [tuple(_whole(size) for size in item["shape"][:MAX_AXES]) for item in tensors]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("its header is not one of safetensors") from error


def _header_text(path: str) -> tuple[bytes, int]:
    with open(path, "rb") as stream:  # noqa: PTH123, one of thousands in a listing
        start = stream.read(8)
        if is_lfs_pointer(start + stream.read(64)):
            raise ValueError("a git-lfs pointer")
        stream.seek(8)
        if len(start) < 8:
            raise ValueError("it is too short for a header")
        (length,) = struct.unpack("<Q", start)
        if length > min(MAX_HEADER_BYTES, os.fstat(stream.fileno()).st_size):
            raise ValueError("its header is longer than the file")
        text = stream.read(length)
    return text, length


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r:.40} is no size")
    return value
