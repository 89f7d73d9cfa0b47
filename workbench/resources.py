"""Where the files that come with the app are: in a checkout beside the package, in an installed wheel inside it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["assets_dir", "exporters_dir"]

_PACKAGE = Path(__file__).resolve().parent


def assets_dir() -> Path:
    """The folder of pictures, sounds and texts that come with the app."""
    installed = _PACKAGE / "assets"
    return installed if installed.is_dir() else _PACKAGE.parent / "assets"


def exporters_dir() -> Path:
    """The folder of the exporter's source and its pinned lists. In a wheel and in a checkout it lies beside ours."""
    return _PACKAGE.parent / "exporters"
