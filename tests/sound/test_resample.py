"""What must hold of a resampler: tones stay, what does not fit the new rate vanishes, lengths are exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.runtime.resample import Resampler, resample

RATES = [8000, 11_025, 22_050, 32_000, 44_100, 44_101, 48_000, 96_000]


def tone(hz: float, rate: int, seconds: float = 0.5) -> Any:
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def middle(samples: Any) -> Any:
    return samples[len(samples) // 4 : -len(samples) // 4]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hz", [100, 1000, 3000])
def test_a_tone_keeps_height_strength_and_place(rate: int, hz: int) -> None:
    got, wanted = resample(tone(hz, rate), rate, 16_000), tone(hz, 16_000)
    both = min(len(got), len(wanted))
    # Of rates without a common divisor the ratio is a near one: half a second at a part in a million.
    tolerance = 5e-4 if rate != 44_101 else 2e-2
    assert np.abs(middle(got[:both]) - middle(wanted[:both])).max() < tolerance


@pytest.mark.parametrize("rate", [22_050, 32_000, 44_100, 48_000, 96_000])
def test_what_the_lower_rate_cannot_hold_is_gone(rate: int) -> None:
    for hz in np.linspace(8050, rate / 2 - 50, 9):
        left = np.sqrt(np.mean(np.square(middle(resample(tone(float(hz), rate), rate, 16_000)))))
        assert 20 * math.log10(left * math.sqrt(2)) < -70, hz


@pytest.mark.parametrize("rate", [8000, 11_025])
def test_raising_the_rate_adds_no_mirror_images(rate: int) -> None:
    hz = 0.4 * rate
    spectrum = np.abs(np.fft.rfft(np.hanning(8000) * resample(tone(hz, rate, 1.0), rate, 16_000)[4000:12000]))
    frequencies = np.fft.rfftfreq(8000, 1 / 16_000)
    beside = spectrum[np.abs(frequencies - hz) > 50].max()
    assert 20 * math.log10(beside / spectrum.max()) < -70


@pytest.mark.parametrize("rate", RATES)
def test_a_constant_stays_constant(rate: int) -> None:
    got = resample(np.full(rate // 2, 0.25, np.float32), rate, 16_000)
    np.testing.assert_allclose(middle(got), 0.25, atol=1e-5)


@pytest.mark.parametrize(
    "rates", [(8000, 16_000), (44_100, 16_000), (48_000, 16_000), (16_000, 44_100), (44_101, 16_000)]
)
@pytest.mark.parametrize("count", [1, 2, 3, 160, 441, 4999])
def test_lengths_are_exact(count: int, rates: tuple[int, int]) -> None:
    assert len(resample(np.ones(count, np.float32), *rates)) == math.ceil(count * rates[1] / rates[0])


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3000), max_size=6))
def test_blocks_make_no_difference(sizes: list[int]) -> None:
    sound = np.random.default_rng(0).standard_normal(sum(sizes) + 1).astype(np.float32)
    stream, parts, start = Resampler(44_100, 16_000), [], 0
    for size in sizes:
        parts.append(stream.add(sound[start : start + size]))
        start += size
    parts += [stream.add(sound[start:]), stream.finish()]
    np.testing.assert_allclose(np.concatenate(parts), resample(sound, 44_100, 16_000), atol=1e-5)


def test_the_same_rate_changes_nothing() -> None:
    sound = tone(440, 16_000)
    assert resample(sound, 16_000, 16_000) is sound
