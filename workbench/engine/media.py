"""Pictures and waveforms to show, so that no front ever decodes a user's file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.packing import unpack
from workbench.runtime.images import preview as image_preview
from workbench.runtime.overlay import overlay_png
from workbench.runtime.sound import read_stretch, waveform_peaks
from workbench.wire import Buffer

__all__ = ["overlay", "peaks", "preview", "samples"]


def preview(body: Mapping[str, Any]) -> dict[str, Any]:
    """``{"path", "max_px"}`` → ``{"pixels"}``, uint8 of shape [height, width, 3], no side over ``max_px``."""
    return {"pixels": Buffer.of(image_preview(Path(body["path"]), int(body["max_px"])))}


def overlay(body: Mapping[str, Any]) -> dict[str, Any]:
    """``{"path", "result"}`` → ``{"png"}``: the bytes of a PNG of the picture with the result drawn over it."""
    data = overlay_png(Path(body["path"]), unpack(body["result"]))
    return {"png": Buffer.of(np.frombuffer(data, np.uint8))}


def peaks(body: Mapping[str, Any]) -> dict[str, Any]:
    """``{"path", "buckets"}`` → ``{"peaks", "duration_s"}``: float32 [buckets, 2], lowest and highest of each."""
    outline, duration_s = waveform_peaks(Path(body["path"]), int(body["buckets"]))
    return {"peaks": Buffer.of(outline), "duration_s": duration_s}


def samples(body: Mapping[str, Any]) -> dict[str, Any]:
    """``{"path", "start_s", "duration_s"}`` → ``{"samples", "rate_hz", "duration_s"}`` to play.

    The samples are int16 [n], one channel at the file's own rate; ``duration_s`` of the answer is the whole file's.
    """
    stretch = read_stretch(Path(body["path"]), float(body["start_s"]), float(body["duration_s"]))
    return {"samples": Buffer.of(stretch.samples), "rate_hz": stretch.rate_hz, "duration_s": stretch.duration_s}
