"""Picture files made by hand, and a model's folder around a ``preprocessor_config.json``."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from workbench.tasks.base import ModelFiles

ORIENTATION = 0x0112
# Six colours that stay apart in JPEG, 2 rows of 3.
COLORS = np.array(
    [[[200, 30, 30], [30, 180, 40], [40, 60, 200]], [[230, 220, 40], [128, 128, 128], [250, 250, 250]]], np.uint8
)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, depth: int = 1, color: int = 0, rows: bytes | None = None) -> bytes:
    """A PNG with this header; black and whole by default, however large, in a few kilobytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    if rows is None:
        packer = zlib.compressobj(9)
        row = bytes(1 + (width + 7) // 8)
        body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    else:
        body = zlib.compress(rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def blocks(size: int = 16) -> Any:
    """:data:`COLORS` as squares of ``size`` px, uint8 [2 * size, 3 * size, 3]."""
    return COLORS.repeat(size, 0).repeat(size, 1)


def model_files(folder: Path, settings: Any, config: dict[str, Any] | None = None) -> ModelFiles:
    """A model's folder with these settings of its image processor; a text is written as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (folder / "preprocessor_config.json").write_text(text, "utf-8")
    (folder / "config.json").write_text(json.dumps(config or {"model_type": "vit"}), "utf-8")
    return ModelFiles(folder, {"model": folder / "onnx" / "model.onnx"})
