"""System libraries of the tests on Debian and its kin; elsewhere the wheels bring what is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from steps.console import Console, Failure
from steps.environment import outer_environment

__all__ = ["install_missing"]

# Each entry: names of the same package in different releases, the first of them that exists is taken.
PACKAGES = (
    ("libegl1",),
    ("libgl1",),
    ("libxkbcommon0",),
    ("libdbus-1-3",),
    ("libfontconfig1",),
    ("libglib2.0-0t64", "libglib2.0-0"),
    ("fonts-dejavu-core",),
    ("fonts-wqy-microhei",),
    ("libportaudio2",),
    # A real window on a virtual screen, and a virtual sound card.
    ("xvfb",),
    ("libxcb-cursor0",),
    ("libxcb-icccm4",),
    ("libxcb-image0",),
    ("libxcb-keysyms1",),
    ("libxcb-render-util0",),
    ("libxcb-shape0",),
    ("libxcb-xkb1",),
    ("libxkbcommon-x11-0",),
    ("pulseaudio",),
    ("pulseaudio-utils",),
    ("libasound2-plugins",),
    ("strace",),
)


def install_missing(console: Console) -> None:
    """Install what is missing where this process may, else say the line that does it. Never stops the tests."""
    if sys.platform != "linux" or not shutil.which("apt-get") or not shutil.which("dpkg-query"):
        return
    missing = [names for names in PACKAGES if not any(_installed(name) for name in names)]
    if not missing:
        return
    names = [_name(entry) for entry in missing]
    line = f"apt-get install --yes --no-install-recommends {' '.join(names)}"
    if os.geteuid() != 0:
        console.say(f"Some tests need system libraries that are not there. Install them with: sudo {line}", "  ")
        return
    try:
        with console.step(f"Installing system libraries: {', '.join(names)}"):
            quiet = outer_environment(DEBIAN_FRONTEND="noninteractive")
            failing = "the system libraries could not be installed"
            console.run(["apt-get", "update"], failing, quiet)
            console.run(line.split(), failing, quiet)
    except Failure as failure:
        console.say(f"Going on without them: {failure}. The line was: {line}", "  ")


def _installed(name: str) -> bool:
    command = ["dpkg-query", "--show", "--showformat=${Status}", name]
    return "install ok installed" in subprocess.run(command, capture_output=True, text=True).stdout


def _name(names: tuple[str, ...]) -> str:
    """The name that this release knows; before the first `apt-get update` it may know none, then the last."""
    for name in names:
        if subprocess.run(["apt-cache", "show", name], capture_output=True).returncode == 0:
            return name
    return names[-1]
