"""The window's icons: SVG files of ours, drawn in a colour of the theme and crisp at every scale."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from workbench.resources import assets_dir

__all__ = ["ICON_PX", "app_icon", "icon", "pixmap"]

ICON_PX = 18


@lru_cache(maxsize=256)
def icon(name: str, color: str, gap_px: int = 0) -> QIcon:
    """The icon ``assets/icons/NAME.svg`` in this colour (``#rrggbb``), :data:`ICON_PX` wide and high, with an empty
    stretch at its right."""
    made = QIcon()
    # For the screens that are there, and one that is added later.
    ratios = {screen.devicePixelRatio() for screen in QGuiApplication.screens()} | {2.0}
    for ratio in sorted(ratios):
        made.addPixmap(_drawn(name, color, round(ICON_PX * ratio), round(gap_px * ratio)))
    return made


@lru_cache(maxsize=256)
def pixmap(name: str, color: str, size_px: int, ratio: float) -> QPixmap:
    """The icon at a size in logical pixels, on a screen with ``ratio`` device pixels to each."""
    drawn = _drawn(name, color, round(size_px * ratio))
    drawn.setDevicePixelRatio(ratio)
    return drawn


@lru_cache(maxsize=1)
def app_icon() -> QIcon:
    made = QIcon()
    for size in (16, 32, 48, 64, 128, 256):
        made.addPixmap(_drawn("workbench", "", size))
    return made


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    return (assets_dir() / "icons" / f"{name}.svg").read_text("utf-8")


def _drawn(name: str, color: str, size_px: int, gap_px: int = 0) -> QPixmap:
    svg = _source(name).replace("currentColor", color) if color else _source(name)
    renderer = QSvgRenderer(QByteArray(svg.encode("utf-8")))
    drawn = QPixmap(size_px + gap_px, size_px)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, size_px, size_px))
    painter.end()
    return drawn
