"""``python -m workbench.audio.probe``: what PortAudio has to offer, as one line of JSON on stdout."""

from __future__ import annotations

import json
from typing import Any

from workbench.audio.portaudio import PortAudio
from workbench.errors import AudioError, error_to_wire

__all__ = ["probe"]


def probe() -> dict[str, Any]:
    """``{"portaudio": version or None, "inputs": [names], "outputs": [names], "error": None or why not}``, the
    error as it goes over a wire."""
    library = PortAudio()
    try:
        version, devices = library.version(), library.devices()
    except AudioError as error:
        return {"portaudio": None, "inputs": [], "outputs": [], "error": error_to_wire(error)}
    return {
        "portaudio": version,
        "inputs": [device.name for device in devices.inputs],
        "outputs": [device.name for device in devices.outputs],
        "error": None,
    }


if __name__ == "__main__":
    print(json.dumps(probe()))
