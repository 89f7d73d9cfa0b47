"""Microphones and loudspeakers as plain data, the same on both sides of the line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Device", "Devices"]


@dataclass(frozen=True)
class Device:
    """One microphone or loudspeaker. ``id`` means the same device in every process, as long as it is plugged in."""

    id: str
    name: str
    default: bool
    rate_hz: int
    channels: int


@dataclass(frozen=True)
class Devices:
    """What there is to record from and to play to; the default one first."""

    inputs: tuple[Device, ...] = ()
    outputs: tuple[Device, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"inputs": [asdict(device) for device in self.inputs], "outputs": [asdict(d) for d in self.outputs]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Devices:
        return cls(
            tuple(Device(**device) for device in value["inputs"]),
            tuple(Device(**device) for device in value["outputs"]),
        )
