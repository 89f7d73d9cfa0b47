"""Numbers and colours: readable on every ground, and honest at both ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from tests.gui.looks import put_theme
from workbench.gui.views.painting import contrast, percent, readable_on, safe, signed
from workbench.gui.views.ranked import bars
from workbench.gui.views.shading import heat_color, heat_image, sign_image
from workbench.gui.widgets import theme
from workbench.units import clock


@pytest.mark.parametrize("dark", [False, True])
def test_a_number_is_readable_on_every_shade(dark: bool, qapp: QApplication) -> None:
    put_theme(qapp, dark=dark)
    grounds = [heat_color(number / 100) for number in range(-20, 121)]
    assert min(contrast(readable_on(ground), ground) for ground in grounds) >= 4.5


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(QColor("#000000"), QColor("#ffffff")) == pytest.approx(21)
    assert contrast(QColor("#777777"), QColor("#ffffff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.0%"), (1e-9, "<0.1%"), (0.5, "50.0%"), (0.99951, ">99.9%"), (1.0, "100%"), (math.nan, "–")],
)
def test_a_share_is_not_rounded_to_none_or_all(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"), [(-0.5, "−0.50"), (-0.001, "0.00"), (2.345, "2.35"), (math.inf, "–"), (math.nan, "–")]
)
def test_a_number_has_a_real_minus_and_no_negative_zero(value: float, text: str) -> None:
    assert signed(value, 2) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (75.9, "1:15"), (3675, "1:01:15"), (None, "…"), (math.nan, "…"), (-1, "0:00")]
)
def test_a_clock(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


def test_half_characters_are_shown_as_such() -> None:
    assert safe("a\ud800b👩") == "a\N{REPLACEMENT CHARACTER}b👩"


def test_bars_of_shares_begin_at_the_edge() -> None:
    assert bars([0.75, 0.25], high=1.0) == [((0.0, 0.75), 0.0), ((0.0, 0.25), 0.0)]


def test_bars_of_raw_scores_go_to_both_sides_of_zero() -> None:
    assert bars([3.0, -1.0, math.nan], high=0.0) == [((0.25, 1.0), 0.25), ((0.0, 0.25), 0.25), ((0.25, 0.25), 0.25)]


def test_a_diagonal_that_says_nothing_is_muted() -> None:
    image = heat_image(np.array([[1, 0.5], [0.5, 1]], np.float32), mirrored=True)
    assert image.pixelColor(0, 0) == QColor(theme.colors().raised)
    assert image.pixelColor(1, 0) == image.pixelColor(0, 1)
    assert contrast(image.pixelColor(1, 0), heat_color(0.5)) < 1.02


def test_signs_have_colours_of_their_own() -> None:
    image = sign_image(np.array([[-2.0, 0.0, 2.0, np.nan]], np.float32), 2.0)
    below, zero, above, none = (image.pixelColor(number, 0) for number in range(4))
    assert below == QColor(theme.colors().danger)
    assert above == QColor(theme.colors().accent)
    assert zero == none
    assert contrast(zero, QColor(theme.colors().surface)) < 1.02
