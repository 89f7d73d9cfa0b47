"""Whisper's log-mel spectrogram in numpy, as its ``preprocessor_config.json`` describes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.runtime.resample import FloatArray
from workbench.tasks.base import ModelFiles

__all__ = ["MOST", "LogMel"]

FILE = "preprocessor_config.json"
MAX_FREQUENCY_HZ = 8000.0
BLOCK_FRAMES = 750
# Keys that say nothing about the result: names, or values that follow from others.
HARMLESS = frozenset(
    {
        "feature_extractor_type",
        "image_processor_type",
        "mel_filters",
        "n_samples",
        "nb_max_frames",
        "processor_class",
        "return_attention_mask",
        "transformers_version",
    }
)
# Far more than any model has, and little enough for the memory.
MOST = {"feature_size": 1024, "sampling_rate": 768_000, "hop_length": 1 << 16, "chunk_length": 600, "n_fft": 1 << 14}
# Keys that are understood with one value only.
FIXED: dict[str, Any] = {"padding_side": "right", "padding_value": 0.0, "dither": 0.0, "do_normalize": False}


@dataclass(frozen=True)
class LogMel:
    """The features of a sound at ``sampling_rate`` (Hz): ``feature_size`` bands, a frame every ``hop_length`` samples.

    ``chunk_length`` is the length in seconds that the model's encoder takes at once.
    """

    feature_size: int = 80
    sampling_rate: int = 16_000
    hop_length: int = 160
    chunk_length: int = 30
    n_fft: int = 400

    @classmethod
    def of_model(cls, files: ModelFiles) -> LogMel:
        """Raises ModelError: no such file, or a key in it that would alter the features and is not understood."""
        config = files.read_json(FILE)
        path = files.folder / FILE
        if config is None:
            raise ModelError("model-file-missing", file=path)
        values = {}
        for key, value in config.items():
            if key in cls.__dataclass_fields__:
                if type(value) is not int or not 1 <= value <= MOST[key]:
                    raise ModelError("model-bad-setting", file=path, name=key, value=value)
                values[key] = value
            elif key in FIXED:
                if value is not None and value != FIXED[key]:
                    raise ModelError("model-bad-setting", file=path, name=key, value=value)
            elif key not in HARMLESS:
                raise ModelError("model-unknown-setting", file=path, name=key)
        kind = config.get("feature_extractor_type", "WhisperFeatureExtractor")
        if kind != "WhisperFeatureExtractor":
            raise ModelError("model-bad-setting", file=path, name="feature_extractor_type", value=kind)
        features = cls(**values)
        if features.chunk_frames < 1 or features.n_fft > features.chunk_samples:
            raise ModelError("model-bad-setting", file=path, name="chunk_length", value=features.chunk_length)
        return features

    @property
    def chunk_samples(self) -> int:
        return self.chunk_length * self.sampling_rate

    @property
    def chunk_frames(self) -> int:
        return self.chunk_samples // self.hop_length

    @property
    def frame_s(self) -> float:
        return self.hop_length / self.sampling_rate

    def __call__(self, samples: FloatArray, on_block: Callable[[], None] = lambda: None) -> FloatArray:
        """Features of a whole sound: samples float32 [n] → float32 [feature_size, frames].

        A sound of up to ``chunk_length`` is filled up with silence to that length; a longer one gives
        ``n // hop_length`` frames. As in Whisper (Radford et al. 2022, ``log_mel_spectrogram`` of its code): the power
        of a centred short-time Fourier transform under a periodic Hann window, in mel bands, its decimal logarithm,
        no lower than 8 below the loudest of the whole sound, then ``(x + 4) / 4``. ``on_block`` is called every few
        seconds of sound, and may raise.
        """
        if len(samples) < self.chunk_samples:
            samples = np.concatenate((samples, np.zeros(self.chunk_samples - len(samples), dtype=np.float32)))
        frames = len(samples) // self.hop_length
        features = np.empty((self.feature_size, frames), dtype=np.float32)
        for start in range(0, frames, BLOCK_FRAMES):
            on_block()
            stop = min(start + BLOCK_FRAMES, frames)
            windows = np.lib.stride_tricks.sliding_window_view(self._stretch(samples, start, stop), self.n_fft)
            spectrum = np.fft.rfft(windows[:: self.hop_length] * self._window, axis=1)
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            features[:, start:stop] = self._filters @ power.T
        np.maximum(features, 1e-10, out=features)
        np.log10(features, out=features)
        np.maximum(features, features.max() - np.float32(8), out=features)
        features += 4
        features /= 4
        return features

    def chunk(self, features: FloatArray, start: int) -> FloatArray:
        """What the encoder takes of the features from frame ``start`` on: float32 [1, feature_size, chunk_frames].

        Frames past the end are 0 (not silence), as the reference has it.
        """
        part = features[:, start : start + self.chunk_frames]
        chunk = np.zeros((1, self.feature_size, self.chunk_frames), dtype=np.float32)
        chunk[0, :, : part.shape[1]] = part
        return chunk

    def _stretch(self, samples: FloatArray, start: int, stop: int) -> FloatArray:
        """The samples under the frames from ``start`` to ``stop``; both ends of the sound are mirrored."""
        half = self.n_fft // 2
        first = start * self.hop_length - half
        last = (stop - 1) * self.hop_length - half + self.n_fft
        parts = [samples[max(0, first) : last]]
        if first < 0:
            parts.insert(0, samples[-first:0:-1])
        if last > len(samples):
            parts.append(samples[-2 : -2 - (last - len(samples)) : -1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @cached_property
    def _window(self) -> FloatArray:
        turns = np.arange(self.n_fft) / self.n_fft
        return (0.5 - 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)

    @cached_property
    def _filters(self) -> FloatArray:
        """Triangles of equal area (Slaney), float32 [feature_size, n_fft // 2 + 1].

        Their corners lie evenly on the mel scale of Slaney's Auditory Toolbox (1998): linear up to 1 kHz (15 mel),
        logarithmic above, 27 mel for each factor of 6.4.
        """
        low, high = _hz_to_mel(0.0), _hz_to_mel(MAX_FREQUENCY_HZ)
        corners = _mel_to_hz(np.linspace(low, high, self.feature_size + 2))
        bins = np.linspace(0, self.sampling_rate // 2, self.n_fft // 2 + 1)
        below, centre, above = corners[:-2, None], corners[1:-1, None], corners[2:, None]
        rising = (bins - below) / (centre - below)
        falling = (above - bins) / (above - centre)
        triangles = np.maximum(0.0, np.minimum(rising, falling))
        return (triangles * 2.0 / (above - below)).astype(np.float32)


def _hz_to_mel(hz: float) -> float:
    return 3 * hz / 200 if hz < 1000 else 15 + 27 * float(np.log(hz / 1000) / np.log(6.4))


def _mel_to_hz(mels: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.where(mels < 15, 200 * mels / 3, 1000 * 6.4 ** ((mels - 15) / 27))
