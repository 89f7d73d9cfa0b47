"""Log-mel features against the formula written out, and what is said of settings that are not understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import ModelError
from workbench.runtime.mel import LogMel
from workbench.tasks.base import ModelFiles

SMALL = LogMel(feature_size=12, sampling_rate=4000, hop_length=40, chunk_length=2, n_fft=100)


def mel_of(hz: float) -> float:
    return 3 * hz / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


def by_hand(samples: Any, settings: LogMel) -> Any:
    """Frame by frame, band by band, in double precision."""
    filled = np.zeros(max(len(samples), settings.chunk_samples))
    filled[: len(samples)] = samples
    half = settings.n_fft // 2
    around = np.concatenate((filled[half:0:-1], filled, filled[-2 : -half - 2 : -1]))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.n_fft) / settings.n_fft)
    # Evenly spaced corners on the mel scale, found by halving intervals.
    corners = [hz_of(mel) for mel in np.linspace(0, mel_of(8000.0), settings.feature_size + 2)]
    bins = np.arange(half + 1) * (settings.sampling_rate / 2) / half
    rows = []
    for frame in range(len(filled) // settings.hop_length):
        start = frame * settings.hop_length
        power = np.abs(np.fft.fft(around[start : start + settings.n_fft] * window)[: half + 1]) ** 2
        row = []
        for low, centre, high in zip(corners, corners[1:], corners[2:], strict=False):
            triangle = np.clip(np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)), 0, None)
            row.append(np.log10(max(1e-10, float(power @ triangle) * 2 / (high - low))))
        rows.append(row)
    features = np.array(rows).T
    return (np.maximum(features, features.max() - 8) + 4) / 4


def hz_of(mel: float) -> float:
    low, high = 0.0, 16_000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mel_of(middle) < mel else (low, middle)
    return low


@pytest.mark.parametrize("seconds", [0.01, 1.0, 2.0, 2.5, 25.0])
def test_features_are_the_formula(seconds: float) -> None:
    time = np.arange(int(seconds * 4000)) / 4000
    noise = np.random.default_rng(2).standard_normal(len(time))
    sound = (0.3 * np.sin(2 * np.pi * 700 * time) + 0.05 * noise).astype(np.float32)
    got = SMALL(sound)
    assert got.dtype == np.float32
    assert got.shape == (12, max(len(sound), 8000) // 40)
    np.testing.assert_allclose(got, by_hand(sound, SMALL), atol=1e-5)


def test_silence_is_flat() -> None:
    got = LogMel()(np.zeros(100, np.float32))
    assert got.shape == (80, 3000)
    np.testing.assert_allclose(got, -1.5, atol=1e-6)


def test_a_chunk_past_the_end_is_filled_with_zeros() -> None:
    features = SMALL(np.random.default_rng(3).standard_normal(12_000).astype(np.float32))
    chunk = SMALL.chunk(features, 150)
    assert chunk.shape == (1, 12, 200)
    np.testing.assert_array_equal(chunk[0, :, :150], features[:, 150:])
    assert not chunk[0, :, 150:].any()


def test_each_block_can_stop_it() -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        SMALL(np.zeros(100, np.float32), stop)


def of_settings(folder: Path, **settings: Any) -> LogMel:
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), "utf-8")
    return LogMel.of_model(ModelFiles(folder, {}))


def test_settings_of_a_model(tmp_path: Path) -> None:
    got = of_settings(
        tmp_path,
        feature_extractor_type="WhisperFeatureExtractor",
        processor_class="WhisperProcessor",
        feature_size=128,
        hop_length=160,
        chunk_length=30,
        n_fft=400,
        sampling_rate=16_000,
        padding_side="right",
        padding_value=0.0,
        dither=0.0,
        return_attention_mask=False,
        n_samples=480_000,
        nb_max_frames=3000,
    )
    assert got == LogMel(feature_size=128)


@pytest.mark.parametrize(
    ("settings", "code", "name"),
    [
        ({"preemphasis": 0.97}, "model-unknown-setting", "preemphasis"),
        ({"padding_side": "left"}, "model-bad-setting", "padding_side"),
        ({"do_normalize": True}, "model-bad-setting", "do_normalize"),
        ({"hop_length": 0}, "model-bad-setting", "hop_length"),
        ({"n_fft": "400"}, "model-bad-setting", "n_fft"),
        ({"feature_extractor_type": "ASTFeatureExtractor"}, "model-bad-setting", "feature_extractor_type"),
    ],
)
def test_settings_that_are_not_understood(tmp_path: Path, settings: dict[str, Any], code: str, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        of_settings(tmp_path, **settings)
    assert (caught.value.code, caught.value.arguments["name"]) == (code, name)


def test_a_model_without_settings(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        LogMel.of_model(ModelFiles(tmp_path, {}))
    assert caught.value.code == "model-file-missing"
