"""Simplified Chinese texts of the window's views."""

from __future__ import annotations

TEXTS: dict[str, str] = {}
