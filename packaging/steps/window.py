"""The window at the end of the demonstration, where there is a screen to open it on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steps.console import Console
from steps.environment import STATE, VENV, outer_environment

__all__ = ["has_screen", "show"]

# A window that cannot be opened ends within this time and says why.
PATIENCE_S = 3.0


def has_screen(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a person is likely to see a window: not on a machine that only runs jobs."""
    if environment.get("CI"):
        return False
    return platform != "linux" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def show(python: Path, console: Console, *, wanted: bool) -> None:
    """Open the window and leave it open, or say how to open it."""
    command = VENV / ("Scripts/workbench.exe" if os.name == "nt" else "bin/workbench")
    if not wanted or not has_screen():
        console.say()
        console.say(f"The window opens with: {command}")
        return
    group: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
    with (STATE / "logs" / "window.log").open("wb") as log:
        window = subprocess.Popen(
            [python, "-m", "workbench"],
            env=outer_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **group,
        )
    console.say()
    try:
        status = window.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        console.say("The window is open: type some sentences into it and press Ctrl+Enter.")
        return
    if status == 0:
        console.say("The window was open already; it was asked to come forward.")
        return
    said = (STATE / "logs" / "window.log").read_text("utf-8", "replace").strip().splitlines()
    console.say(f"The window could not be opened: {said[-1] if said else f'exit status {status}'}")
