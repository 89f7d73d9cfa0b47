"""Changing the sampling rate of a sound: a low-pass filter and the new points in time, as one matrix product."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["FloatArray", "Resampler", "resample"]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]

STOP_BAND_DB = 80.0
# The filter falls from 1 to nothing over this share of the lower rate's band, just below its upper end: no alias.
TRANSITION = 0.1
# The matrix has as many rows as the numerator of the ratio. Rates without a common divisor (44 101 to 16 000) get the
# nearest ratio below this, off by less than one part in a million: a sound card's clock is off by more.
MAX_PHASES = 1000
# Fewer rows than this would waste the matrix product.
MIN_ROWS = 96
BLOCK_SAMPLES = 1 << 18


class Resampler:
    """A stream from one rate to another, block by block, with zero delay.

    Each output sample is the sum of the inputs around its point in time, weighted with a sinc under a Kaiser window
    (Kaiser 1974; the length and the shape from the stop band as in Oppenheim & Schafer, "Discrete-Time Signal
    Processing", 7.6). Outputs repeat their weights after ``up`` samples, so a whole period is one matrix.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        ratio = Fraction(to_hz, from_hz)
        self._exact = ratio
        if ratio.numerator > MAX_PHASES:
            # Of the inverse, because that function bounds the denominator.
            inverse = Fraction(from_hz, to_hz).limit_denominator(MAX_PHASES)
            ratio = 1 / inverse
        periods = max(1, math.ceil(MIN_ROWS / ratio.numerator))
        self._rows = ratio.numerator * periods
        self._step = ratio.denominator * periods
        half, self._weights = _weights(ratio, self._rows, self._step)
        self._reach = half
        self._waiting: FloatArray = np.zeros(half, dtype=np.float32)
        self._taken = 0
        self._given = 0

    def add(self, samples: FloatArray) -> FloatArray:
        """The outputs that these further inputs, float32 [n], make possible; may be empty."""
        self._taken += len(samples)
        self._waiting = np.concatenate((self._waiting, samples))
        outputs = self._convert()
        self._given += len(outputs)
        return outputs

    def finish(self) -> FloatArray:
        """The outputs that are left: all together are ``ceil(inputs * to / from)``."""
        missing = math.ceil(self._taken * self._exact) - self._given
        parts = [np.zeros(0, dtype=np.float32)]
        while missing > 0:
            self._waiting = np.concatenate((self._waiting, np.zeros(self._step + self._reach, dtype=np.float32)))
            part = self._convert()[:missing]
            missing -= len(part)
            parts.append(part)
        return np.concatenate(parts)

    def _convert(self) -> FloatArray:
        width = self._weights.shape[0]
        count = (len(self._waiting) - width) // self._step + 1
        if count <= 0:
            return np.zeros(0, dtype=np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._waiting, width)[:: self._step][:count]
        outputs = np.ascontiguousarray(windows) @ self._weights
        self._waiting = self._waiting[count * self._step :].copy()
        return outputs.reshape(-1)


def resample(samples: FloatArray, from_hz: int, to_hz: int) -> FloatArray:
    """Samples, float32 [n], at another rate: float32 [ceil(n * to_hz / from_hz)]."""
    if from_hz == to_hz:
        return samples
    stream = Resampler(from_hz, to_hz)
    blocks = [stream.add(block) for block in _blocks(samples)]
    return np.concatenate((*blocks, stream.finish()))


def _blocks(samples: FloatArray) -> Iterator[FloatArray]:
    for start in range(0, len(samples), BLOCK_SAMPLES):
        yield samples[start : start + BLOCK_SAMPLES]


def _weights(ratio: Fraction, rows: int, step: int) -> tuple[int, FloatArray]:
    """How far the filter reaches to one side in inputs, and its matrix, float32 [inputs of a window, outputs]."""
    band = min(1.0, float(ratio))  # the lower rate's band as a share of the input's
    transition = TRANSITION * band / 2  # in cycles an input sample
    cutoff = (1 - TRANSITION / 2) * band / 2
    half = math.ceil((STOP_BAND_DB - 7.95) / (14.36 * transition) / 2) + 1
    beta = 0.1102 * (STOP_BAND_DB - 8.7)

    inputs = np.arange(-half, step + half, dtype=np.float64)
    times = np.arange(rows, dtype=np.float64) / float(ratio)
    distance = inputs[:, None] - times[None, :]
    inside = np.abs(distance) < half
    window = np.where(inside, np.i0(beta * np.sqrt(np.maximum(0.0, 1 - (distance / half) ** 2))), 0.0)
    weights = np.sinc(2 * cutoff * distance) * window
    weights /= weights.sum(axis=0)  # a constant stays that constant at every phase
    return half, weights.astype(np.float32)
