"""Pictures and sounds out of arrays as files in memory, with the standard library alone, for JSON and for saving."""

from __future__ import annotations

import base64
import io
import struct
import wave
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["base64_png", "base64_wav", "png_bytes", "wav_bytes"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, RGBA = 0, 2, 6
COLOUR_TYPES = {1: GREY, 3: RGB, 4: RGBA}
NO_FILTER = b"\0"
FASTEST = 1


def png_bytes(pixels: Array) -> bytes:
    """A PNG (ISO/IEC 15948) of uint8 or uint16 [height, width] in grey, or uint8 [height, width, 3 or 4] in colour."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    depth_bits = 8 * pixels.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth_bits, COLOUR_TYPES[channels], 0, 0, 0)
    rows = pixels.astype(pixels.dtype.newbyteorder(">"), copy=False)
    data = b"".join(NO_FILTER + row.tobytes() for row in rows)
    return (
        PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(data, FASTEST)) + _chunk(b"IEND", b"")
    )


def wav_bytes(samples: Array, sampling_rate: int) -> bytes:
    """A WAV file of 16 bits, one channel, of float samples in [-1, 1]; what lies beyond is cut."""
    file = io.BytesIO()
    with wave.open(file, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(sampling_rate)
        stream.writeframes((samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes())
    return file.getvalue()


def base64_png(pixels: Array) -> str:
    """:func:`png_bytes` as JSON can hold it."""
    return base64.b64encode(png_bytes(pixels)).decode("ascii")


def base64_wav(samples: Array, sampling_rate: int) -> str:
    """:func:`wav_bytes` as JSON can hold it."""
    return base64.b64encode(wav_bytes(samples, sampling_rate)).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
