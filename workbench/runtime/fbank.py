"""Kaldi's log-mel filter bank in numpy: the features of AST, Wav2Vec2-BERT and other models of speech."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from workbench.runtime.resample import FloatArray

__all__ = ["FilterBank"]

FRAME_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
LOWEST_HZ = 20.0
PREEMPHASIS = 0.97
BLOCK_FRAMES = 500
# The least energy of a band, that of single precision: silence has a logarithm.
FLOOR = float(np.finfo(np.float32).eps)

DoubleArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class FilterBank:
    """Frames of 400 samples every 160, whatever the ``sampling_rate`` (Hz); ``bands`` from 20 Hz to half of that rate.

    ``window`` is a symmetric Hann window, or Povey's (that to the power of 0.85). ``scale`` is what samples in [-1, 1]
    are multiplied by: Kaldi works on the numbers of 16 bits, some models do not.
    """

    bands: int
    sampling_rate: int = 16_000
    window: Literal["hann", "povey"] = "hann"
    scale: float = 1.0

    @staticmethod
    def frames(samples: int) -> int:
        """How many frames a sound of so many samples has: only whole ones."""
        return max(0, 1 + (samples - FRAME_SAMPLES) // HOP_SAMPLES)

    def __call__(self, samples: FloatArray, on_block: Callable[[], None] = lambda: None) -> FloatArray:
        """Samples float32 [n] → float32 [frames, bands].

        As Kaldi's ``compute-fbank-feats`` without dither: of each frame its mean is taken away, then 0.97 of the sample
        before from each sample, windowed; the power of its spectrum in triangles that are even on the mel scale
        (1127 ln(1 + f / 700)); the natural logarithm. ``on_block`` is called every few seconds, and may raise.
        """
        count = self.frames(len(samples))
        features = np.empty((count, self.bands), dtype=np.float32)
        if not count:
            return features
        windows = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[::HOP_SAMPLES]
        for start in range(0, count, BLOCK_FRAMES):
            on_block()
            frames = windows[start : start + BLOCK_FRAMES].astype(np.float64) * self.scale
            frames -= frames.mean(axis=1, keepdims=True)
            emphasised = frames.copy()
            emphasised[:, 1:] -= PREEMPHASIS * frames[:, :-1]
            emphasised[:, 0] *= 1 - PREEMPHASIS
            spectrum = np.fft.rfft(emphasised * self._weights, FFT_SAMPLES, axis=1)
            power = np.square(spectrum.real) + np.square(spectrum.imag)
            features[start : start + BLOCK_FRAMES] = np.log(np.maximum(power @ self._triangles, FLOOR))
        return features

    @cached_property
    def _weights(self) -> DoubleArray:
        hann = np.hanning(FRAME_SAMPLES)
        return np.asarray(hann if self.window == "hann" else np.power(hann, 0.85))

    @cached_property
    def _triangles(self) -> DoubleArray:
        """float64 [FFT_SAMPLES // 2 + 1, bands]."""
        bins = _mel(np.arange(FFT_SAMPLES // 2 + 1, dtype=np.float64) * self.sampling_rate / FFT_SAMPLES)[:, None]
        corners = np.linspace(_mel(np.array(LOWEST_HZ)), _mel(np.array(self.sampling_rate // 2)), self.bands + 2)
        below, centre, above = corners[:-2], corners[1:-1], corners[2:]
        return np.maximum(0.0, np.minimum((bins - below) / (centre - below), (above - bins) / (above - centre)))


def _mel(hz: DoubleArray) -> DoubleArray:
    return np.asarray(1127.0 * np.log(1.0 + hz / 700.0))
