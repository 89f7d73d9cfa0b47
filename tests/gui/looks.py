"""The look of the app for parts that are tested without its window."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtWidgets import QApplication, QWidget

from workbench.gui.widgets import theme

__all__ = ["dressed", "put_theme"]

Part = TypeVar("Part", bound=QWidget)


def dressed(part: Part) -> Part:
    """The part in the style sheet of the theme in force."""
    part.setStyleSheet(theme.style_sheet())
    return part


def put_theme(app: QApplication, *, dark: bool) -> None:
    """Change the palette, and the style sheet of what wears one."""
    theme.put_palette(app, dark=dark)
    for part in app.topLevelWidgets():
        if part.styleSheet():
            dressed(part)
