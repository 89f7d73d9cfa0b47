"""Parent side of what a front shows of a user's file: the engine decodes it, so that no hostile file reaches a front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cancellation import Cancellation
from workbench.engine.host import EngineHost
from workbench.wire import Buffer

if TYPE_CHECKING:
    from workbench.results import FloatArray

__all__ = ["Picture", "Waveform", "picture", "stretches", "waveform"]

STRETCH_S = 4.0


@dataclass(frozen=True)
class Picture:
    """A picture as a model gets it, made smaller. ``rgb`` is uint8 of shape [height_px, width_px, 3], row by row."""

    width_px: int
    height_px: int
    rgb: bytes | bytearray | memoryview


@dataclass(frozen=True, eq=False)
class Waveform:
    """The outline of a sound: ``peaks`` is float32 [n, 2], the lowest and the highest sample of each stretch."""

    duration_s: float
    peaks: FloatArray


def picture(host: EngineHost, path: Path, max_px: int, cancellation: Cancellation | None = None) -> Picture:
    """The picture with no side over ``max_px`` and never enlarged. Raises InputError, EngineError."""
    answer = _ask(host, "preview", {"path": str(path), "max_px": max_px}, path, cancellation)
    pixels: Buffer = answer["pixels"]
    height_px, width_px, _ = pixels.shape
    return Picture(width_px, height_px, pixels.data)


def waveform(host: EngineHost, path: Path, buckets: int, cancellation: Cancellation | None = None) -> Waveform:
    """The outline in at most ``buckets`` stretches. Raises InputError, EngineError."""
    answer = _ask(host, "peaks", {"path": str(path), "buckets": buckets}, path, cancellation)
    return Waveform(float(answer["duration_s"]), answer["peaks"].array())


def stretches(
    host: EngineHost, path: Path, start_s: float, cancellation: Cancellation | None = None
) -> Iterator[tuple[Buffer, int, float]]:
    """The sound from ``start_s`` on, a few seconds at a time: int16 samples of one channel, their rate in Hz, and the
    position of the first. Raises InputError, EngineError."""
    at_s = start_s
    while True:
        body = {"path": str(path), "start_s": at_s, "duration_s": STRETCH_S}
        answer = _ask(host, "samples", body, path, cancellation)
        samples: Buffer = answer["samples"]
        rate_hz = int(answer["rate_hz"])
        if not samples.shape[0]:
            return
        yield samples, rate_hz, at_s
        at_s += samples.shape[0] / rate_hz
        if at_s >= float(answer["duration_s"]):
            return


def _ask(
    host: EngineHost, method: str, body: dict[str, Any], path: Path, cancellation: Cancellation | None
) -> dict[str, Any]:
    return dict(host.call(method, body, doing=f"reading {path.name}", cancellation=cancellation))
