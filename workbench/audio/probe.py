"""``python -m workbench.audio.probe``: what PortAudio has to offer, as one line of JSON on stdout."""

from __future__ import annotations

import json
from typing import Any

from workbench.audio.portaudio import PortAudio
from workbench.errors import AudioError

__all__ = ["probe"]


def probe() -> dict[str, Any]:
    """``{"portaudio": version or None, "inputs": [names], "outputs": [names], "reason": None or why not}``."""
    library = PortAudio()
    try:
        version, devices = library.version(), library.devices()
    except AudioError as error:
        return {"portaudio": None, "inputs": [], "outputs": [], "reason": str(error)}
    return {
        "portaudio": version,
        "inputs": [device.name for device in devices.inputs],
        "outputs": [device.name for device in devices.outputs],
        "reason": None,
    }


if __name__ == "__main__":
    print(json.dumps(probe()))
