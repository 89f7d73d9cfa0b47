"""Stretches of a sound file, to be played one after the other."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from workbench.errors import InputError
from workbench.resources import assets_dir
from workbench.runtime.sound import load_audio, read_stretch

RATE = 16_000
SPEECH = assets_dir() / "samples/speech/best-of-times.flac"


def speech(seconds: float = 12.0) -> Any:
    samples, rate = soundfile.read(SPEECH, dtype="int16")
    assert rate == RATE
    return np.resize(samples, int(seconds * RATE))


def write_mp3(path: Path, samples: Any, rate: int, mode: str) -> None:
    with soundfile.SoundFile(
        path, "w", rate, 1, subtype="MPEG_LAYER_III", compression_level=0.99, bitrate_mode=mode
    ) as file:
        file.write(samples)


def joined(path: Path, step_s: float, seconds: float) -> Any:
    starts = np.arange(0, seconds, step_s)
    return np.concatenate([read_stretch(path, float(start), step_s).samples for start in starts])


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_stretches_of_a_lossless_file_are_its_samples(tmp_path: Path, suffix: str) -> None:
    samples = speech()
    soundfile.write(tmp_path / f"speech.{suffix}", samples, RATE)
    np.testing.assert_array_equal(joined(tmp_path / f"speech.{suffix}", 0.7, 12.0), samples)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_stretches_of_an_mp3_join_without_a_click(tmp_path: Path, rate: int, mode: str) -> None:
    path = tmp_path / "speech.mp3"
    write_mp3(path, speech(), rate, mode)
    whole, _ = soundfile.read(path, dtype="float32")
    got = joined(path, 0.7, len(whole) / rate)
    assert len(got) >= len(whole)
    np.testing.assert_allclose(got[: len(whole)] / 32768, whole, atol=2e-5)


def test_stretches_of_ogg_join_too(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "speech.ogg", speech(), RATE, subtype="VORBIS")
    whole, _ = soundfile.read(tmp_path / "speech.ogg", dtype="float32")
    np.testing.assert_allclose(joined(tmp_path / "speech.ogg", 0.7, 12.0) / 32768, whole, atol=2e-5)


def test_channels_are_averaged_and_loud_ones_clipped(tmp_path: Path) -> None:
    frames = np.array([[0.5, 0.25], [1.5, 1.5], [-2.0, -2.0]], np.float32)
    soundfile.write(tmp_path / "stereo.wav", frames, RATE, subtype="FLOAT")
    assert read_stretch(tmp_path / "stereo.wav", 0, 1).samples.tolist() == [12_288, 32_767, -32_768]


@pytest.mark.parametrize(
    ("start_s", "duration_s", "count"),
    [(0.9, 5.0, 1600), (1.0, 1.0, 0), (9e9, 1.0, 0), (-3.0, 4.0, 16_000), (-3.0, 1.0, 0), (0.5, -1.0, 0)],
)
def test_nothing_is_past_the_ends(tmp_path: Path, start_s: float, duration_s: float, count: int) -> None:
    soundfile.write(tmp_path / "second.wav", speech(1.0), RATE)
    stretch = read_stretch(tmp_path / "second.wav", start_s, duration_s)
    assert len(stretch.samples) == count
    assert (stretch.rate_hz, stretch.duration_s) == (RATE, 1.0)


def test_a_file_that_only_the_standard_library_reads(tmp_path: Path) -> None:
    path, samples = tmp_path / "slip.wav", speech(1.0)
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[32:34] = b"\0\0"  # a block size of 0, which libsndfile refuses
    path.write_bytes(data)
    np.testing.assert_array_equal(read_stretch(path, 0.25, 0.5).samples, samples[4000:12_000])


def half(path: Path) -> None:
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 3 * RATE), RATE)
    os.truncate(path, path.stat().st_size // 2)


def not_finite(path: Path) -> None:
    soundfile.write(path, np.full(3 * RATE, np.nan, np.float32), RATE, subtype="FLOAT")


@pytest.mark.parametrize(
    ("name", "make", "code"),
    [
        ("none.wav", lambda path: None, "sound-missing"),
        ("nothing.wav", lambda path: path.write_bytes(b""), "sound-empty"),
        ("empty.wav", lambda path: soundfile.write(path, np.zeros(0), RATE), "sound-empty"),
        ("page.mp3", lambda path: path.write_bytes(b"<html>" * 50), "sound-unreadable"),
        ("half.flac", half, "sound-cut-off"),
        ("half.wav", half, "sound-cut-off"),
        ("nan.wav", not_finite, "sound-not-finite"),
        ("odd.wav", lambda path: soundfile.write(path, speech(1.0), 100), "sound-bad-rate"),
    ],
)
def test_what_cannot_be_played(tmp_path: Path, name: str, make: Callable[[Path], object], code: str) -> None:
    make(tmp_path / name)
    with pytest.raises(InputError) as caught:
        read_stretch(tmp_path / name, 2.0, 0.5)
    assert caught.value.code == code
    assert name in str(caught.value)


@pytest.mark.parametrize("said", [0, 16_000])
def test_a_recording_whose_recorder_crashed(tmp_path: Path, said: int) -> None:
    """Many write the lengths last. libsndfile mends its own; where one is too small, what it counts is read."""
    path, samples = tmp_path / "left.wav", speech(1.0)
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[4:8], data[40:44] = struct.pack("<I", 36 + said if said else 8), struct.pack("<I", said)
    path.write_bytes(data)
    wanted = samples[:8000] if said else samples
    np.testing.assert_array_equal(read_stretch(path, 0.0, 1.0).samples, wanted)
    assert len(load_audio(path, RATE).samples) == len(wanted)
