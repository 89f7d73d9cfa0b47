"""Start the virtual screen, the virtual microphone and a window of its own; see the package's docstring."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.audio.virtual_device import VirtualDevice
from tests.screens import __doc__ as usage

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".workbench"
TIME_S = 900


def main() -> int:
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hub", type=Path, default=STATE / "test-hub")
    parser.add_argument("--toolchain", type=Path, default=STATE / "toolchains" / "optimum" / "bin" / "python")
    parser.add_argument("--scale", default="1", help="device pixels to a logical one, as 1, 1.25 or 2")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screens-") as folder, VirtualDevice() as device:
        environment = os.environ | device.environment
        for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "DISPLAY"):
            environment.pop(name, None)
        picture_model = Path(folder) / "models" / "tiny-vit"
        maker = ROOT / "tests" / "exporting" / "checkpoints.py"
        subprocess.run([arguments.toolchain, maker, "vit", picture_model], check=True, capture_output=True)
        environment |= {
            "WORKBENCH_DATA_DIR": str(Path(folder) / "data"),
            "WORKBENCH_TOOLCHAIN_PYTHON": str(arguments.toolchain),
            "WORKBENCH_MODEL_FOLDERS": str(Path(folder) / "models"),
            "HF_HUB_CACHE": str(arguments.hub),
            "ORT_DISABLE_TELEMETRY": "1",
            "QT_SCALE_FACTOR": arguments.scale,
            "SCREENS_OUT": str(arguments.out),
            "SCREENS_TESTDATA": str(arguments.hub / "testdata"),
        }
        with subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", "2800x1800x24", "-nolisten", "tcp"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as screen:
            assert screen.stdout
            environment["DISPLAY"] = ":" + screen.stdout.readline().decode().strip()
            try:
                command = [sys.executable, "-m", "tests.screens.drive"]
                return subprocess.run(command, env=environment, cwd=ROOT, timeout=TIME_S).returncode
            finally:
                screen.terminate()


if __name__ == "__main__":
    sys.exit(main())
