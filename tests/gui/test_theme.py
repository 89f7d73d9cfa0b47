"""Both themes can be read, and their style sheet names files that are there."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QSpinBox
from pytestqt.qtbot import QtBot

from tests.gui.looks import dressed, put_theme
from workbench.gui.widgets import theme
from workbench.gui.widgets.basic import Button
from workbench.gui.widgets.theme import DARK, LIGHT, Colors
from workbench.resources import assets_dir

LEAST = 4.5


def luminance(color: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [value / 255 for value in QColor(color).getRgb()[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("shades", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground(shades: Colors) -> None:
    grounds = (shades.window, shades.sidebar, shades.surface, shades.raised)
    texts = (shades.text, shades.muted, shades.accent, shades.danger, shades.warning, shades.success)
    pairs = [*product(texts, grounds), *product((shades.text,), (*shades.hues, shades.selection, shades.accent_soft))]
    pairs += [(shades.on_accent, shades.accent), (shades.text, shades.warning_soft), (shades.text, shades.danger_soft)]
    pairs += [(shades.muted, shades.selection), (shades.surface, shades.danger), (shades.surface, shades.text)]
    assert [(a, b, round(contrast(a, b), 2)) for a, b in pairs if contrast(a, b) < LEAST] == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_style_sheet_names_files_that_are_there(dark: bool, qapp: QApplication) -> None:
    put_theme(qapp, dark=dark)
    files = re.findall(r'url\("([^"]+)"\)', theme.style_sheet())
    assert files
    assert [file for file in files if not Path(file).is_file()] == []
    assert "$" not in theme.style_sheet()
    assert theme.is_dark() == dark


def test_every_icon_can_be_drawn(qapp: QApplication) -> None:
    from workbench.gui.widgets.icons import icon, pixmap

    for path in (assets_dir() / "icons").glob("*.svg"):
        drawn = pixmap(path.stem, "#ff0000", 24, 2.0)
        assert drawn.width() == 48
        assert drawn.toImage().pixelColor(24, 24).isValid()
        assert any(drawn.toImage().pixelColor(x, y).alpha() for x in range(0, 48, 2) for y in range(0, 48, 2)), (
            path.name
        )
        assert not icon(path.stem, "#ff0000").isNull()


def test_a_number_leaves_room_for_the_buttons_beside_it(qtbot: QtBot) -> None:
    spin = dressed(QSpinBox())
    qtbot.addWidget(spin)
    spin.resize(200, 32)
    spin.show()
    qtbot.waitUntil(lambda: spin.width() - spin.lineEdit().geometry().right() >= 20)


def test_an_icon_follows_the_theme(qtbot: QtBot, qapp: QApplication) -> None:
    put_theme(qapp, dark=False)
    button = Button(icon="play")
    qtbot.addWidget(button)
    button.show()

    def shades() -> list[int]:
        """Of the middle of the button, where nothing is but the icon."""
        image = button.grab(QRect(button.rect().center() - QPoint(6, 6), QSize(12, 12))).toImage()
        return [image.pixelColor(x, y).lightness() for x in range(image.width()) for y in range(image.height())]

    assert min(shades()) < 60
    put_theme(qapp, dark=True)
    assert max(shades()) > 200
