"""The window: Qt Widgets over :class:`workbench.api.Workbench`. The only package that imports PySide6."""

from __future__ import annotations

__all__ = ["run"]


def run(words: tuple[str, ...] = ()) -> int:
    """Open the window, or raise the one that is open; the exit status once it is closed."""
    from workbench.gui.start import run as start

    return start(words)
