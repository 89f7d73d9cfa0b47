"""What views paint alike: mixed colours, numbers."""

from __future__ import annotations

import math

from PySide6.QtGui import QColor, QFont

from workbench.gui.widgets.theme import colors, scaled_font

__all__ = ["MINUS", "contrast", "mixed", "number_font", "one_line", "percent", "readable_on", "safe", "signed"]

READABLE = 4.5  # of WCAG 2.2 for text
NO_NUMBER = "–"
MINUS = "\N{MINUS SIGN}"


def mixed(ground: str, top: str, share: float) -> QColor:
    """The colour ``top`` laid over ``ground``; ``share`` in [0, 1] is how much of it."""
    low, high = QColor(ground), QColor(top)
    parts = zip(low.getRgb()[:3], high.getRgb()[:3], strict=True)  # type: ignore[index]
    red, green, blue = (round(a + (b - a) * share) for a, b in parts)
    return QColor(red, green, blue)


def contrast(a: QColor, b: QColor) -> float:
    """Contrast ratio of WCAG 2.2, 1 to 21."""
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def readable_on(ground: QColor) -> QColor:
    """A colour for text on a ground of any lightness: the theme's where it has contrast enough."""
    chosen = [QColor(colors().text), QColor(colors().on_accent)]
    best = max(chosen, key=lambda color: contrast(color, ground))
    if contrast(best, ground) >= READABLE:
        return best
    # Between light and dark only black or white has it: one of them always reaches 4.58.
    return max((QColor(0, 0, 0), QColor(255, 255, 255)), key=lambda color: contrast(color, ground))


def number_font(font: QFont, factor: float = 1.0, *, bold: bool = False) -> QFont:
    """The font with digits of one width, so that numbers stand in columns."""
    made = scaled_font(font, factor, bold=bold)
    made.setFeature(QFont.Tag("tnum"), 1)
    return made


def percent(share: float) -> str:
    """``0.987`` → ``"98.7%"``. What is not quite 0 or 1 does not look so; no number at all is a dash."""
    if not math.isfinite(share):
        return NO_NUMBER
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return "100%" if share == 1 else f"{share:.1%}"


def signed(value: float, digits: int) -> str:
    """``-0.5`` → ``"−0.50"``, with a real minus; no number at all is a dash."""
    if not math.isfinite(value):
        return NO_NUMBER
    text = f"{value:.{digits}f}"
    if not text.startswith("-"):
        return text
    return MINUS + text[1:] if float(text) else text[1:]


def one_line(text: str) -> str:
    """Any text on one line, cut where no line could be as long."""
    return safe(" ".join(text[:2000].split()))


def safe(text: str) -> str:
    """Half characters, which a broken file may hold and Qt would drop, as the sign for what cannot be shown."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= sign <= "\udfff" else sign for sign in text)
    return text


def _luminance(color: QColor) -> float:
    parts = (color.redF(), color.greenF(), color.blueF())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
