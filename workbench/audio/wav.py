"""A WAV file that can be read at every moment of its growth, also when the process is killed."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType

__all__ = ["GrowingWav", "WavFull"]

SAMPLE_BYTES = 2
HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
# Lengths are 32 bits wide, and the one in front counts the header too.
MAX_DATA_BYTES = 0xFFFFFFFF - HEADER.size - 1


class WavFull(Exception):
    """The lengths in the header can count no more; what was written is whole."""


class GrowingWav:
    """One channel, int16. Samples are written as they come; :meth:`update` makes them count."""

    def __init__(self, path: Path, rate_hz: int) -> None:
        """Make the file, or empty the one that is there. Raises OSError."""
        self.path = path
        self.rate_hz = rate_hz
        self._data_bytes = 0
        self._file = path.open("wb", buffering=0)
        try:
            self.update()
        except OSError:
            self._file.close()
            raise

    @property
    def frames(self) -> int:
        """What was written so far."""
        return self._data_bytes // SAMPLE_BYTES

    def write(self, samples: bytes) -> None:
        """Append samples. Raises OSError, or :class:`WavFull` without having written any of them."""
        if self._data_bytes + len(samples) > MAX_DATA_BYTES:
            raise WavFull
        done = 0
        try:
            while done < len(samples):  # a disk that becomes full takes a part, and refuses the next
                done += self._file.write(memoryview(samples)[done:])
        finally:
            self._data_bytes += done - done % SAMPLE_BYTES
            if done % SAMPLE_BYTES:
                self._file.seek(HEADER.size + self._data_bytes)

    def update(self) -> None:
        """Let the header count all that was written: one write, so that nobody finds half of it. Raises OSError."""
        header = HEADER.pack(
            b"RIFF",
            HEADER.size - 8 + self._data_bytes,
            b"WAVE",
            b"fmt ",
            16,
            1,  # linear PCM
            1,  # channel
            self.rate_hz,
            self.rate_hz * SAMPLE_BYTES,
            SAMPLE_BYTES,
            8 * SAMPLE_BYTES,
            b"data",
            self._data_bytes,
        )
        self._file.seek(0)
        self._file.write(header)
        self._file.seek(HEADER.size + self._data_bytes)

    def sync(self) -> None:
        """Have the system put it on the disk. Raises OSError."""
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Count all, cut off half a sample, and put it on the disk. Raises OSError."""
        self.update()
        self._file.truncate(HEADER.size + self._data_bytes)
        self.sync()

    def __enter__(self) -> GrowingWav:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
