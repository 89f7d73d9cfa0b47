"""Parent side of what a front shows of a user's file: the engine decodes it, so that no front reads a hostile file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.audio.host import Block
from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.errors import Notice
from workbench.packing import pack
from workbench.results import Picture, Result, Waveform
from workbench.wire import Buffer

__all__ = ["Picture", "Waveform", "overlay", "picture", "stretches", "waveform"]

STRETCH_S = 4.0


def picture(host: EngineHost, path: Path, max_px: int, cancellation: Cancellation | None = None) -> Picture:
    """The picture with no side over ``max_px`` and never enlarged. Raises InputError, EngineError."""
    answer = _ask(host, "preview", {"path": str(path), "max_px": max_px}, path, cancellation)
    pixels: Buffer = answer["pixels"]
    height_px, width_px, _ = pixels.shape
    return Picture(width_px, height_px, pixels.data)


def overlay(host: EngineHost, path: Path, result: Result, cancellation: Cancellation | None = None) -> bytes:
    """A PNG of the picture with boxes, masks or depth drawn over it. Raises InputError, EngineError."""
    answer = _ask(host, "overlay", {"path": str(path), "result": pack(result)}, path, cancellation)
    return bytes(answer["png"].data)


def waveform(host: EngineHost, path: Path, buckets: int, cancellation: Cancellation | None = None) -> Waveform:
    """The outline in at most ``buckets`` stretches. Raises InputError, EngineError."""
    answer = _ask(host, "peaks", {"path": str(path), "buckets": buckets}, path, cancellation)
    return Waveform(float(answer["duration_s"]), answer["peaks"].array())


def stretches(
    host: EngineHost, path: Path, start_s: float, cancellation: Cancellation | None = None
) -> Iterator[Block]:
    """The sound from ``start_s`` on, a few seconds at a time. Raises InputError, EngineError."""
    at_s = start_s
    while True:
        body = {"path": str(path), "start_s": at_s, "duration_s": STRETCH_S}
        answer = _ask(host, "samples", body, path, cancellation)
        samples: Buffer = answer["samples"]
        rate_hz = int(answer["rate_hz"])
        if not samples.shape[0]:
            return
        yield Block(samples, rate_hz, at_s)
        at_s += samples.shape[0] / rate_hz
        if at_s >= float(answer["duration_s"]):
            return


def _ask(
    host: EngineHost, method: str, body: dict[str, Any], path: Path, cancellation: Cancellation | None
) -> dict[str, Any]:
    return dict(host.call(method, body, doing=Notice.of("doing-read", file=path.name), cancellation=cancellation))
