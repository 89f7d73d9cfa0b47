"""What a sound is made of on the whole, to compare sounds whose samples cannot agree."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["mean_spectrum"]

FRAME_SAMPLES = 512
BANDS = 64
FLOOR_DB = -80.0
TINY = 1e-20

FloatArray = np.ndarray[Any, np.dtype[np.float32]]


def mean_spectrum(samples: FloatArray) -> FloatArray:
    """Samples float32 [n] in [-1, 1] → float32 [64]: the mean power in bands of equal width up to half the rate.

    Decibels above -80 (0 for less), where 0 dB is the square of a full-scale constant; frames of 512 samples side by
    side under a Hann window, the last one filled up with silence.
    """
    frames = max(1, -(-len(samples) // FRAME_SAMPLES))
    padded = np.zeros(frames * FRAME_SAMPLES)
    padded[: len(samples)] = samples
    window = np.hanning(FRAME_SAMPLES)
    spectrum = np.fft.rfft(padded.reshape(frames, FRAME_SAMPLES) * window, axis=1)[:, 1:]
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    bands = power.reshape(frames, BANDS, -1).mean(axis=(0, 2)) / np.square(window.sum())
    decibels = 10.0 * np.log10(bands + TINY) - FLOOR_DB
    return np.asarray(np.maximum(0.0, decibels), np.float32)
