"""Sound files of every kind: what is heard of them, and what is said of those that are none."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from workbench.errors import Cancelled, InputError
from workbench.runtime.sound import load_audio, read_stretch, sound_of_array, waveform_peaks
from workbench.tasks.base import Run
from workbench.tasks.sound_inputs import read_sound

RATE = 16_000
TONE_HZ = 440.0
# (suffix, subtype, largest difference to the sound that went in)
FORMATS = [
    ("wav", "PCM_16", 1e-3),
    ("wav", "PCM_24", 1e-3),
    ("wav", "PCM_U8", 2e-2),
    ("wav", "FLOAT", 1e-3),
    ("wav", "DOUBLE", 1e-3),
    ("flac", "PCM_16", 1e-3),
    ("flac", "PCM_24", 1e-3),
    ("ogg", "VORBIS", 5e-2),
    ("mp3", "MPEG_LAYER_III", 7e-2),
]


def tone(rate: int, seconds: float = 1.0, hz: float = TONE_HZ) -> Any:
    """A tone that fades in and out, so that a file's edges do not ring."""
    time = np.arange(int(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * hz * time) * np.sin(np.pi * time / seconds) ** 2).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 11025, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize(("suffix", "subtype", "tolerance"), FORMATS)
def test_a_tone_stays_what_it_is(tmp_path: Path, suffix: str, subtype: str, tolerance: float, rate: int) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(rate), rate, subtype=subtype)
    sound = load_audio(path, RATE)
    assert sound.sampling_rate == RATE
    assert sound.samples.dtype == np.float32
    assert sound.duration_s == pytest.approx(1.0, abs=0.1)
    wanted = tone(RATE)
    # Vorbis and MP3 coders may add silence at the ends.
    assert -1 <= len(sound.samples) - len(wanted) < 0.1 * RATE
    both = min(len(sound.samples), len(wanted))
    shift = best_shift(sound.samples[:both], wanted[:both]) if suffix == "mp3" else 0
    got = sound.samples[shift : both + shift]
    assert np.abs(got - wanted[: len(got)]).max() < tolerance


def best_shift(got: Any, wanted: Any) -> int:
    """How many samples later ``got`` is, at most a tenth of a second."""
    scores = [float(got[shift:] @ wanted[: len(wanted) - shift]) for shift in range(RATE // 10)]
    return int(np.argmax(scores))


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(RATE), tone(RATE, hz=1000)
    soundfile.write(tmp_path / "stereo.wav", np.stack((left, right), axis=1), RATE, subtype="FLOAT")
    got = load_audio(tmp_path / "stereo.wav", RATE).samples
    np.testing.assert_allclose(got, (left + right) / 2, atol=1e-6)


def test_long_files_are_read_in_blocks_without_seams(tmp_path: Path) -> None:
    long = tone(48_000, seconds=30)
    soundfile.write(tmp_path / "long.wav", long, 48_000, subtype="FLOAT")
    blocks = []
    got = load_audio(tmp_path / "long.wav", RATE, lambda: blocks.append(1)).samples
    assert len(blocks) > 3
    np.testing.assert_allclose(got, tone(RATE, seconds=30), atol=1e-3)


@pytest.mark.parametrize(("suffix", "subtype"), [("ogg", "VORBIS"), ("mp3", "MPEG_LAYER_III"), ("flac", "PCM_16")])
def test_blocks_of_a_coded_file_are_those_of_the_whole(tmp_path: Path, suffix: str, subtype: str) -> None:
    path = tmp_path / f"long.{suffix}"
    soundfile.write(path, tone(RATE, seconds=10), RATE, subtype=subtype)
    whole, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_allclose(load_audio(path, RATE).samples, whole, atol=1e-6)


def test_reading_can_be_stopped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(RATE), RATE)

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        load_audio(tmp_path / "tone.wav", RATE, stop)


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_audio(path, RATE)
    with pytest.raises(InputError) as again:
        waveform_peaks(path, 10)
    assert again.value.code == caught.value.code
    assert path.name in str(caught.value)
    return caught.value


def test_what_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.wav").code == "sound-missing"


def test_a_file_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "nothing.wav").write_bytes(b"")
    assert refusal(tmp_path / "nothing.wav").code == "sound-empty"


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_header_without_samples(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty.{suffix}"
    soundfile.write(path, np.zeros(0, np.float32), RATE)
    assert refusal(path).code == "sound-empty"


@pytest.mark.parametrize(
    ("suffix", "data"), [("wav", b"RIFF of nonsense" * 20), ("mp3", b"<html>" * 50), ("ogg", b"x")]
)
def test_what_is_no_sound(tmp_path: Path, suffix: str, data: bytes) -> None:
    path = tmp_path / f"page.{suffix}"
    path.write_bytes(data)
    error = refusal(path)
    assert error.code == "sound-unreadable"
    assert str(tmp_path) in str(error)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_file_that_breaks_off(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"half.{suffix}"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 3 * RATE).astype(np.float32)
    soundfile.write(path, noise, RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    error = refusal(path)
    assert error.code == "sound-cut-off"
    assert 0 < error.arguments["seconds"] < 3


def test_samples_that_are_no_numbers(tmp_path: Path) -> None:
    samples = tone(RATE)
    samples[100] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, RATE, subtype="FLOAT")
    assert refusal(tmp_path / "nan.wav").code == "sound-not-finite"


@pytest.mark.parametrize("rate", [100, 1_000_000])
def test_absurd_rates(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "odd.wav", tone(RATE), rate)
    assert refusal(tmp_path / "odd.wav").code == "sound-bad-rate"


def test_too_many_channels(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "many.wav", np.zeros((100, 65), np.float32), RATE)
    assert refusal(tmp_path / "many.wav").code == "sound-too-many-channels"


def test_a_length_that_the_writer_could_not_know(tmp_path: Path) -> None:
    """A program that writes to a pipe leaves the length open."""
    path = tmp_path / "piped.wav"
    soundfile.write(path, tone(RATE), RATE, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(data)
    np.testing.assert_allclose(load_audio(path, RATE).samples, tone(RATE), atol=1e-3)


@pytest.mark.parametrize(("width", "tolerance"), [(1, 1e-2), (2, 1e-4), (3, 1e-6), (4, 1e-6)])
def test_a_header_with_a_slip_that_does_not_matter(tmp_path: Path, width: int, tolerance: float) -> None:
    path = tmp_path / "slip.wav"
    wanted = tone(RATE)
    values = np.round(wanted.astype(np.float64) * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    parts = (values + (128 if width == 1 else 0)).astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(RATE)
        file.writeframes(np.ascontiguousarray(parts).tobytes())
    data = bytearray(path.read_bytes())
    data[32:34] = b"\0\0"  # a block size of 0, which libsndfile refuses
    path.write_bytes(data)
    np.testing.assert_allclose(load_audio(path, RATE).samples, wanted, atol=tolerance)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_length_that_a_crashed_recorder_left_at_0(tmp_path: Path, subtype: str, channels: int) -> None:
    path = tmp_path / "crashed.wav"
    soundfile.write(path, np.stack([tone(RATE)] * channels, axis=1), RATE, subtype=subtype)
    path.write_bytes(without_length(path.read_bytes()))
    sound = load_audio(path, RATE)
    assert sound.mended
    np.testing.assert_allclose(sound.samples, tone(RATE), atol=1e-4)
    assert sound.duration_s == pytest.approx(1)
    assert waveform_peaks(path, 10)[1] == pytest.approx(1)
    assert len(read_stretch(path, 0.5, 0.1).samples) == RATE // 10


def without_length(data: bytes) -> bytes:
    """As a recorder leaves a file that it did not close, half a sample at the end."""
    place = data.index(b"data") + 4
    return data[:4] + bytes(4) + data[8:place] + bytes(4) + data[place + 4 :] + b"\1"


def test_an_empty_recording_with_notes_behind_it_stays_empty(tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    soundfile.write(path, np.zeros(0, np.float32), RATE)
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 5) + b"notes\0")
    assert refusal(path).code == "sound-empty"


def test_a_recording_without_a_length_is_read_with_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "crashed.wav"
    soundfile.write(path, tone(RATE), RATE)
    path.write_bytes(without_length(path.read_bytes()))
    run = Run()
    assert len(read_sound(str(path), RATE, run).samples) == RATE
    assert [notice.code for notice in run.notices] == ["sound-length-missing"]


def test_1024_channels(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "choir.wav", np.zeros((100, 1024), np.float32), RATE)
    error = refusal(tmp_path / "choir.wav")
    assert (error.code, error.arguments["channels"]) == ("sound-too-many-channels", 1024)


def test_a_text_that_is_called_wav(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("Remember the milk.\n" * 50, "utf-8")
    assert refusal(tmp_path / "notes.wav").code == "sound-unreadable"


def test_an_array_is_a_sound() -> None:
    sound = sound_of_array({"array": tone(8000), "sampling_rate": 8000}, RATE)
    assert sound.duration_s == 1
    np.testing.assert_allclose(sound.samples, tone(RATE), atol=1e-3)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"array": np.zeros((2, 5), np.float32), "sampling_rate": RATE}, "sound-bad-array"),
        ({"array": np.zeros(5, np.int16), "sampling_rate": RATE}, "sound-bad-array"),
        ({"array": np.zeros(5, np.float32)}, "sound-bad-array"),
        ({"sampling_rate": RATE}, "sound-bad-array"),
        ({"array": np.zeros(0, np.float32), "sampling_rate": RATE}, "sound-empty"),
        ({"array": np.full(5, np.inf, np.float32), "sampling_rate": RATE}, "sound-not-finite"),
        ({"array": np.zeros(5, np.float32), "sampling_rate": 5}, "sound-bad-rate"),
    ],
)
def test_arrays_that_are_no_sound(item: dict[str, Any], code: str) -> None:
    with pytest.raises(InputError) as caught:
        sound_of_array(item, RATE)
    assert caught.value.code == code


def test_peaks_are_the_outline(tmp_path: Path) -> None:
    steps = np.repeat(np.array([0.1, -0.5, 0.3, 0.9], np.float32), 50_000)
    steps[::2] *= 0.5
    soundfile.write(tmp_path / "steps.wav", steps, RATE, subtype="FLOAT")
    peaks, duration_s = waveform_peaks(tmp_path / "steps.wav", 4)
    assert duration_s == 200_000 / RATE
    np.testing.assert_allclose(peaks, [[0.05, 0.1], [-0.5, -0.25], [0.15, 0.3], [0.45, 0.9]], atol=1e-6)


def test_a_short_sound_has_as_many_peaks_as_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tiny.wav", np.array([0.5, -0.5, 0.25]), RATE, subtype="FLOAT")
    peaks, _ = waveform_peaks(tmp_path / "tiny.wav", 100)
    np.testing.assert_allclose(peaks, [[0.5, 0.5], [-0.5, -0.5], [0.25, 0.25]])
