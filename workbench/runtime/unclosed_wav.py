"""WAV files whose recorder crashed before it wrote how long they are: the length of their data is 0, samples follow."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["Tail", "unclosed_samples"]

# More chunks than this before the data are no recording.
MAX_CHUNKS = 64


def unclosed_samples(path: Path) -> int | None:
    """Where the samples of such a file begin, in bytes; None for any other file, also for a WAV that is truly empty.

    What follows an empty data chunk is other chunks where their lengths lead exactly to the end of the file.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        for _ in range(MAX_CHUNKS):
            chunk = file.read(8)
            if len(chunk) < 8:
                return None
            name, length = struct.unpack("<4sI", chunk)
            if name == b"data":
                start = file.tell()
                return start if length == 0 and start < size and not _is_chunks(file, size) else None
            file.seek(length + length % 2, io.SEEK_CUR)
    return None


def _is_chunks(file: BinaryIO, size: int) -> bool:
    for _ in range(MAX_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8:
            return not chunk
        name, length = struct.unpack("<4sI", chunk)
        end = file.tell() + length
        if not (name.isascii() and name.decode("ascii").isprintable()) or end > size:
            return False
        file.seek(min(end + length % 2, size))
    return False


class Tail(io.RawIOBase):
    """A file from a byte on, as if it began there."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        file.seek(start)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = offset + self._start if whence == io.SEEK_SET else offset
        return self._file.seek(place, whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
