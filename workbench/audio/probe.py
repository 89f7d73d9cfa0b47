"""``python -m workbench.audio.probe``: what PortAudio has to offer, as one line of JSON on stdout."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["probe"]


def probe() -> dict[str, Any]:
    """``{"portaudio": version or None, "inputs": [names], "outputs": [names], "reason": None or why not}``."""
    missing: dict[str, Any] = {"portaudio": None, "inputs": [], "outputs": []}
    try:
        import sounddevice
    except ModuleNotFoundError:
        return missing | {"reason": "sounddevice is not installed; install the app with the extra [gui]"}
    except OSError as error:
        return missing | {"reason": f"{error}; on Debian and Ubuntu: apt install libportaudio2"}
    devices = sounddevice.query_devices()
    return {
        "portaudio": sounddevice.get_portaudio_version()[1],
        "inputs": [device["name"] for device in devices if device["max_input_channels"]],
        "outputs": [device["name"] for device in devices if device["max_output_channels"]],
        "reason": None,
    }


if __name__ == "__main__":
    print(json.dumps(probe()))
