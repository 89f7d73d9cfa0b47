"""Pictures and waveforms to show, so that no front ever decodes a user's file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.runtime.images import preview as image_preview
from workbench.runtime.sound import waveform_peaks
from workbench.wire import Buffer

__all__ = ["peaks", "preview"]


def preview(body: Mapping[str, Any]) -> dict[str, Any]:
    """``{"path", "max_px"}`` → ``{"pixels"}``, uint8 of shape [height, width, 3], no side over ``max_px``."""
    return {"pixels": Buffer.of(image_preview(Path(body["path"]), int(body["max_px"])))}


def peaks(body: Mapping[str, Any]) -> dict[str, Any]:
    """``{"path", "buckets"}`` → ``{"peaks"}``, float32 of shape [buckets, 2]: lowest and highest sample of each."""
    return {"peaks": Buffer.of(waveform_peaks(Path(body["path"]), int(body["buckets"])))}
