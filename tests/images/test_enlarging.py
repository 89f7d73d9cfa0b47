"""Maps at another size, against the plain formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench.runtime import enlarging
from workbench.runtime.enlarging import bicubic, bilinear_strips, label_map, nearest

SIZES = [
    ((4, 6), (4, 6)),
    ((4, 6), (9, 17)),
    ((7, 5), (3, 2)),
    ((1, 1), (5, 4)),
    ((1, 8), (6, 3)),
    ((16, 16), (50, 47)),
]


def planes_of(size: tuple[int, int], count: int = 5) -> Any:
    return np.random.default_rng(1).normal(size=(count, *size)).astype(np.float32)


def bilinear(planes: Any, height: int, width: int) -> Any:
    """Pixel by pixel."""
    result = np.zeros((len(planes), height, width))
    rows, columns = planes.shape[1:]
    for y in range(height):
        for x in range(width):
            v, u = max((y + 0.5) * rows / height - 0.5, 0), max((x + 0.5) * columns / width - 0.5, 0)
            top, left = int(v), int(u)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            v, u = v - top, u - left
            above = planes[:, top, left] * (1 - u) + planes[:, top, right] * u
            below = planes[:, bottom, left] * (1 - u) + planes[:, bottom, right] * u
            result[:, y, x] = above * (1 - v) + below * v
    return result


@pytest.mark.parametrize(("before", "after"), SIZES)
@pytest.mark.parametrize("strip", [1, 100, 1 << 23])
def test_between_two_pixels(
    before: tuple[int, int], after: tuple[int, int], strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enlarging, "STRIP", strip)
    planes = planes_of(before)
    wanted = bilinear(planes, *after)
    strips = list(bilinear_strips(planes, *after))
    assert len(strips) == 1 or strip < 1000
    np.testing.assert_allclose(np.concatenate([values for _, values in strips], axis=1), wanted, atol=1e-5)
    assert [rows.start for rows, _ in strips] == [0, *(rows.stop for rows, _ in strips[:-1])]
    chosen = np.take_along_axis(wanted, label_map(planes, *after)[None], 0)[0]
    np.testing.assert_allclose(chosen, wanted.max(0), atol=1e-5)  # of two as good as equal, either


def test_a_pixel_is_the_one_it_falls_into() -> None:
    values = np.array([[[1, 2], [3, 4]]])
    assert nearest(values, 4, 3)[0].tolist() == [[1, 1, 2], [1, 1, 2], [3, 3, 4], [3, 3, 4]]
    assert nearest(values, 1, 1)[0].tolist() == [[1]]


def test_a_level_stays_one_and_the_same_size_changes_nothing() -> None:
    values = planes_of((5, 6), 1)[0]
    np.testing.assert_allclose(bicubic(values, 5, 6), values, atol=1e-6)
    level = bicubic(np.full((3, 3), 7, np.float32), 8, 5)
    assert level.dtype == np.float32
    np.testing.assert_allclose(level, np.full((8, 5), 7), rtol=1e-6)


def test_the_cubic_is_that_of_torch() -> None:
    """A single 1 among zeros, doubled: the weights of a cubic with a = -0.75 at quarters between pixels."""
    line = np.zeros((1, 9), np.float32)
    line[0, 4] = 1

    def weight(distance: float) -> float:
        a = -0.75
        if distance <= 1:
            return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
        return a * distance**3 - 5 * a * distance**2 + 8 * a * distance - 4 * a if distance < 2 else 0

    places = (np.arange(18) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(bicubic(line, 1, 18)[0], [weight(abs(place - 4)) for place in places], atol=1e-6)
