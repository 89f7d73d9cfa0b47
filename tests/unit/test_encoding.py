"""Pictures and sounds are written so that other programs read them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from workbench.saving.encoding import png_bytes, wav_bytes

NUMBERS = np.random.default_rng(0)


@pytest.mark.parametrize(
    "pixels",
    [
        NUMBERS.integers(0, 256, (5, 7), np.uint8),
        NUMBERS.integers(0, 65536, (5, 7), np.uint16),
        NUMBERS.integers(0, 256, (5, 7, 3), np.uint8),
        NUMBERS.integers(0, 256, (5, 7, 4), np.uint8),
        NUMBERS.integers(0, 256, (10, 14), np.uint8)[::2, ::2],
        np.zeros((1, 1), np.uint8),
    ],
    ids=lambda pixels: f"{pixels.dtype}{pixels.shape}",
)
def test_pillow_reads_a_picture_as_it_was(pixels: np.ndarray) -> None:
    with Image.open(io.BytesIO(png_bytes(pixels))) as picture:
        picture.load()
        assert np.array_equal(np.asarray(picture), pixels)


def test_a_sound_is_read_as_it_was_within_16_bits() -> None:
    samples = np.array([0, 0.5, -1, 1, 3, -3], np.float32)
    got, rate = soundfile.read(io.BytesIO(wav_bytes(samples, 16_000)), dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(got, samples.clip(-1, 1), atol=1.1 / 32768)
