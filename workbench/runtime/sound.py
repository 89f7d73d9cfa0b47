"""Sound files as one channel of samples at the rate a model wants, and their outline for a preview."""

from __future__ import annotations

import contextlib
import math
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from workbench.errors import InputError
from workbench.runtime.resample import FloatArray, Resampler, resample
from workbench.runtime.unclosed_wav import Tail, unclosed_samples

__all__ = ["Sound", "Stretch", "load_audio", "read_stretch", "sound_of_array", "waveform_peaks"]

MAX_CHANNELS = 64
MIN_RATE_HZ = 1_000
MAX_RATE_HZ = 768_000
MAX_DURATION_S = 24 * 3600
BLOCK_VALUES = 1 << 14
# Formats whose header only estimates the length: a few samples less than announced mean nothing.
ESTIMATED = frozenset({"MP3", "MPEG"})
# After a jump, the first samples of these come out wrong: a frame of MP3 may use bits of those before it, and
# libsndfile misses the place within the last page of an Ogg file.
JUMPY = frozenset({"MP3", "MPEG", "OGG"})
PREROLL_S = 4


@dataclass(frozen=True)
class Sound:
    """One channel. ``samples`` is float32 [n], nominally within [-1, 1].

    ``mended`` tells that the file did not say how long it is (its recorder crashed), and was read to its end.
    """

    samples: FloatArray
    sampling_rate: int
    duration_s: float
    mended: bool = False


@dataclass(frozen=True)
class Stretch:
    """A part of one channel at the file's own rate. ``samples`` is int16 [n]; ``duration_s`` is that of the file."""

    samples: np.ndarray[Any, np.dtype[np.int16]]
    rate_hz: int
    duration_s: float


def load_audio(path: Path, sampling_rate: int, on_block: Callable[[], None] = lambda: None) -> Sound:
    """The mean of all channels of a sound file at ``sampling_rate`` (Hz).

    Reads what libsndfile reads: WAV, FLAC, Ogg, MP3 and others, at any rate. Memory is that of the result and one
    block; ``on_block`` is called before each and may raise. Raises InputError: not a sound file, empty, cut off,
    samples that are no numbers, absurd rate or length.
    """
    with _open(path) as source:
        stream = Resampler(source.rate_hz, sampling_rate) if source.rate_hz != sampling_rate else None
        expected = math.ceil(source.frames * sampling_rate / source.rate_hz)
        samples = np.empty(expected, dtype=np.float32)
        done = 0
        for block in source.blocks():
            on_block()
            mono = block.mean(axis=1, dtype=np.float32) if block.shape[1] > 1 else block[:, 0]
            samples, done = _append(samples, done, stream.add(mono) if stream else mono)
        if stream:
            samples, done = _append(samples, done, stream.finish())
        duration_s = source.read_frames / source.rate_hz
    return Sound(samples[:done], sampling_rate, duration_s, source.mended)


def sound_of_array(item: Mapping[str, Any], sampling_rate: int) -> Sound:
    """The sound in ``{"array": float32 [n], "sampling_rate": Hz}``, resampled where needed. Raises InputError."""
    array = np.asarray(item.get("array"))
    rate_hz = item.get("sampling_rate")
    if array.ndim != 1 or array.dtype.kind != "f" or type(rate_hz) is not int:
        raise InputError("sound-bad-array", shape=list(array.shape), dtype=str(array.dtype), rate=rate_hz)
    _check_header("the array", 1, rate_hz, len(array))
    samples = array.astype(np.float32, copy=False)
    if not len(samples):
        raise InputError("sound-empty", file="the array")
    if not np.isfinite(samples).all():
        raise InputError("sound-not-finite", file="the array")
    return Sound(resample(samples, rate_hz, sampling_rate), sampling_rate, len(array) / rate_hz)


def waveform_peaks(path: Path, buckets: int) -> tuple[FloatArray, float]:
    """The outline of a sound file, smallest and largest sample of each stretch, float32 [buckets, 2]; its length in s.

    A file of fewer samples than buckets gives one row a sample. Reads in blocks; raises InputError as
    :func:`load_audio` does.
    """
    with _open(path) as source:
        count = max(1, min(buckets, source.frames))
        peaks = np.empty((count, 2), dtype=np.float32)
        peaks[:, 0], peaks[:, 1] = np.inf, -np.inf
        start = 0
        for block in source.blocks():
            mono = block.mean(axis=1, dtype=np.float32)
            row = (np.arange(start, start + len(mono)) * count // max(1, source.frames)).clip(max=count - 1)
            edges = np.flatnonzero(np.diff(row, prepend=-1))
            peaks[row[edges], 0] = np.minimum(peaks[row[edges], 0], np.minimum.reduceat(mono, edges))
            peaks[row[edges], 1] = np.maximum(peaks[row[edges], 1], np.maximum.reduceat(mono, edges))
            start += len(mono)
    return peaks[np.isfinite(peaks[:, 0])], start / source.rate_hz


def read_stretch(path: Path, start_s: float, duration_s: float) -> Stretch:
    """What a sound file holds from ``start_s`` on, the mean of all channels; less, or nothing, past its end.

    Neighbouring stretches join without a click. Raises InputError as :func:`load_audio` does.
    """
    with _open(path) as source:
        if not source.frames:
            raise InputError("sound-empty", file=path)
        first = min(source.frames, max(0, round(start_s * source.rate_hz)))
        last = max(first, round((start_s + duration_s) * source.rate_hz))
        if not source.estimated:
            last = min(last, source.frames)
        blocks = [np.zeros(0, dtype=np.int16)]
        for block in source.stretch(first, last):
            mono = block.mean(axis=1, dtype=np.float32)
            blocks.append(np.clip(np.rint(mono * 32768), -32768, 32767).astype(np.int16))
    return Stretch(np.concatenate(blocks), source.rate_hz, source.frames / source.rate_hz)


class _StraightOn(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that is read from its beginning to its end.

    soundfile seeks to where it is after each read, which makes libsndfile's MP3 decoder begin anew: the first samples
    of every block would be wrong by up to their own size.
    """

    def seekable(self) -> bool:
        return False


@dataclass
class _Source:
    """An open sound file. ``frames`` is what its header announces, ``read_frames`` how far it was read;
    ``preroll`` is how many frames to read and drop after a jump.
    """

    path: Path
    file: soundfile.SoundFile | wave.Wave_read
    rate_hz: int
    channels: int
    frames: int
    estimated: bool = False
    preroll: int = 0
    mended: bool = False
    read_frames: int = 0

    def blocks(self) -> Iterator[FloatArray]:
        """All samples, float32 [frames, channels] a block. Raises InputError."""
        size = max(1, BLOCK_VALUES // self.channels)
        while len(block := self._next(size)):
            yield block
        if self.read_frames < self.frames and not self.estimated:
            raise InputError("sound-cut-off", file=self.path, seconds=self._seconds())
        if not self.read_frames:
            raise InputError("sound-empty", file=self.path)

    def stretch(self, first: int, last: int) -> Iterator[FloatArray]:
        """The samples of the frames from ``first`` up to ``last``, as :meth:`blocks`."""
        size = max(1, BLOCK_VALUES // self.channels)
        self.read_frames = max(0, first - self.preroll)
        try:
            self.file.setpos(first) if isinstance(self.file, wave.Wave_read) else self.file.seek(self.read_frames)
        except (soundfile.LibsndfileError, RuntimeError, wave.Error) as error:
            raise InputError("sound-cut-off", file=self.path, seconds=self._seconds()) from error
        while (start := self.read_frames) < last and len(block := self._next(min(size, last - start))):
            yield block[max(0, first - start) :]
        if self.read_frames < last and not self.estimated:
            raise InputError("sound-cut-off", file=self.path, seconds=self._seconds())

    def _next(self, size: int) -> FloatArray:
        """The next ``size`` frames, fewer at the end. Raises InputError."""
        try:
            block = self._read(size)
        except (soundfile.LibsndfileError, RuntimeError, wave.Error, EOFError) as error:
            raise InputError("sound-cut-off", file=self.path, seconds=self._seconds()) from error
        if not np.isfinite(block).all():
            raise InputError("sound-not-finite", file=self.path)
        self.read_frames += len(block)
        if self._seconds() > MAX_DURATION_S:
            raise InputError("sound-too-long", file=self.path, hours=MAX_DURATION_S // 3600)
        return block

    def _seconds(self) -> float:
        return round(self.read_frames / self.rate_hz, 2)

    def _read(self, size: int) -> FloatArray:
        if isinstance(self.file, wave.Wave_read):
            return _pcm(self.file.readframes(size), self.file.getsampwidth(), self.channels)
        block: FloatArray = self.file.read(size, dtype="float32", always_2d=True)
        return block


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_Source]:
    path = Path(path)
    if not path.is_file():
        raise InputError("sound-missing", file=path)
    if not path.stat().st_size:
        raise InputError("sound-empty", file=path)
    try:
        file = _StraightOn(path)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        # libsndfile refuses headers with slips that do not matter, such as a block size of 0.
        with _open_wave(path, error) as plain:
            yield plain
        return
    with file:
        _check_header(path, file.channels, file.samplerate, file.frames)
        if not file.frames and (tail := unclosed_samples(path)) is not None:
            with _open_tail(path, tail, file) as source:
                yield source
            return
        _check_whole_wave(path, file)
        preroll = PREROLL_S * file.samplerate if file.format in JUMPY else 0
        yield _Source(path, file, file.samplerate, file.channels, file.frames, file.format in ESTIMATED, preroll)


@contextlib.contextmanager
def _open_tail(path: Path, start: int, header: soundfile.SoundFile) -> Iterator[_Source]:
    """The samples from the byte ``start`` on, as the header describes them."""
    with (
        path.open("rb") as stream,
        _StraightOn(
            Tail(stream, start),
            samplerate=header.samplerate,
            channels=header.channels,
            subtype=header.subtype,
            format="RAW",
            endian="LITTLE",
        ) as file,
    ):
        _check_header(path, file.channels, file.samplerate, file.frames)
        yield _Source(path, file, file.samplerate, file.channels, file.frames, mended=True)


@contextlib.contextmanager
def _open_wave(path: Path, reason: Exception) -> Iterator[_Source]:
    """A PCM file by the standard library. Raises InputError with libsndfile's reason where that cannot read it."""
    try:
        file = wave.Wave_read(str(path))
    except (wave.Error, EOFError, RuntimeError):  # the last for a chunk that reaches over the end
        raise InputError("sound-unreadable", file=path, reason=_sentence(reason)) from reason
    with file:
        rate_hz, channels, frames = file.getframerate(), file.getnchannels(), file.getnframes()
        _check_header(path, channels, rate_hz, frames)
        yield _Source(path, file, rate_hz, channels, frames)


def _check_header(name: Path | str, channels: int, rate_hz: int, frames: int) -> None:
    if channels > MAX_CHANNELS:
        raise InputError("sound-too-many-channels", file=name, channels=channels, limit=MAX_CHANNELS)
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise InputError("sound-bad-rate", file=name, rate=rate_hz, low=MIN_RATE_HZ, high=MAX_RATE_HZ)
    if frames / rate_hz > MAX_DURATION_S:
        raise InputError("sound-too-long", file=name, hours=MAX_DURATION_S // 3600)


def _check_whole_wave(path: Path, file: soundfile.SoundFile) -> None:
    """libsndfile takes what is there of a WAV and mends the length quietly; its log tells what the header said."""
    if file.format not in ("WAV", "WAVEX"):
        return
    for line in file.extra_info.splitlines():
        if line.startswith("data") and "should be" in line:
            said = int(line.split(":")[1].split("(")[0])
            # Writers to a pipe cannot know the length and leave the largest number there is.
            if 0 < said < 0x7FFFF000:
                raise InputError("sound-cut-off", file=path, seconds=round(file.frames / file.samplerate, 2))


def _append(samples: FloatArray, done: int, block: FloatArray) -> tuple[FloatArray, int]:
    """The array with ``block`` written at ``done``, grown where the header promised too little."""
    if done + len(block) > len(samples):
        grown = np.empty(max(done + len(block), len(samples) * 3 // 2), dtype=np.float32)
        grown[:done] = samples[:done]
        samples = grown
    samples[done : done + len(block)] = block
    return samples, done + len(block)


def _pcm(data: bytes, width: int, channels: int) -> FloatArray:
    """Linear PCM of ``width`` bytes a value as float32 [frames, channels]. 8-bit WAV is unsigned, the rest signed."""
    data = data[: len(data) // (width * channels) * width * channels]
    values = np.frombuffer(data, dtype=np.uint8).reshape(-1, width)
    if width == 1:
        signed = values.astype(np.int32) - 128 << 24
    else:
        # The upper bytes of 32 bits: the scale is the same for every width.
        parts = np.zeros((len(values), 4), dtype=np.uint8)
        parts[:, 4 - width :] = values
        signed = parts.view("<i4")[:, 0]
    frames: FloatArray = (signed.astype(np.float32) / np.float32(2**31)).reshape(-1, channels)
    return frames


def _sentence(error: Exception) -> str:
    """libsndfile's own words without the path, which the message names already."""
    return str(getattr(error, "error_string", error)).strip().rstrip(".") or type(error).__name__
