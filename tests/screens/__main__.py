"""Start the virtual screen, the virtual microphone and the windows; see the package's docstring."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.audio.virtual_device import VirtualDevice
from tests.screens import __doc__ as usage

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".workbench"
# Only to end what hangs: other work on the machine may make everything many times slower.
TIME_S = 3600


def main() -> int:
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hub", type=Path, default=STATE / "test-hub")
    parser.add_argument("--toolchain", type=Path, default=STATE / "toolchains" / "optimum" / "bin" / "python")
    parser.add_argument("--scale", default="1", help="device pixels to a logical one, as 1, 1.25 or 2")
    parser.add_argument("--data", type=Path, help="a folder for models and exports, which stay there")
    parser.add_argument("--only", nargs="+", default=[], help="names of the steps to do")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="screens-")))
        kept = arguments.data.absolute() if arguments.data else folder
        device = stack.enter_context(VirtualDevice())
        display, server = stack.enter_context(screen())
        make_models(arguments.toolchain, kept / "models")
        common = os.environ | {
            "DISPLAY": display,
            "WORKBENCH_DATA_DIR": str(kept / "data"),
            "WORKBENCH_TOOLCHAIN_PYTHON": str(arguments.toolchain),
            "WORKBENCH_MODEL_FOLDERS": str(kept / "models"),
            "HF_HUB_CACHE": str(arguments.hub),
            "ORT_DISABLE_TELEMETRY": "1",
            "QT_SCALE_FACTOR": arguments.scale,
            "SCREENS_OUT": str(arguments.out),
            "SCREENS_TESTDATA": str(arguments.hub / "testdata"),
            "SCREENS_ONLY": " ".join(arguments.only),
        }
        for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
            common.pop(name, None)
        lacking = {
            "WORKBENCH_DATA_DIR": str(folder / "lacking"),
            "WORKBENCH_ARTIFACTS_DIR": str(kept / "data" / "artifacts"),
            "PULSE_SERVER": "unix:/nonexistent",
        }
        empty = {
            "WORKBENCH_DATA_DIR": str(folder / "empty"),
            "WORKBENCH_MODEL_FOLDERS": "",
            "HF_HUB_CACHE": str(folder / "nothing"),
        }
        status = 0
        for window, environment in (
            ("whole", common | device.environment),
            ("lacking", {name: text for name, text in common.items() if "TOOLCHAIN" not in name} | lacking),
            ("empty", common | empty),
            ("readme", common | {"WORKBENCH_MODEL_FOLDERS": ""}),
        ):
            command = [sys.executable, "-m", "tests.screens.drive", window]
            status |= drive(command, environment, server)
            if server.poll() is not None:
                print("the virtual screen (Xvfb) was ended from outside; no more pictures can be made", file=sys.stderr)
                return 1
        return status


def drive(command: list[str], environment: dict[str, str], server: subprocess.Popen[bytes]) -> int:
    """The exit status of a window's driver, which ends with its screen: Qt would wait there for what cannot be seen."""
    with subprocess.Popen(command, env=environment, cwd=ROOT) as process:
        watch = threading.Thread(target=lambda: (server.wait(), process.kill()), daemon=True)
        watch.start()
        try:
            return process.wait(TIME_S)
        except BaseException:
            process.kill()
            raise


@contextlib.contextmanager
def screen() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A virtual screen: what DISPLAY is for it, and its process."""
    words = ["Xvfb", "-displayfd", "1", "-screen", "0", "2800x1800x24", "-nolisten", "tcp"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout
            yield ":" + process.stdout.readline().decode().strip(), process
        finally:
            process.terminate()


def make_models(python: Path, folder: Path) -> None:
    """Tiny models for what no real one is there for: one to be exported, one whose export fails, and ready ones."""
    makers = ROOT / "tests"
    for name in ("tiny-vit", "broken-vit"):
        if not (folder / name).exists():
            words = [python, makers / "exporting" / "checkpoints.py", "vit", folder / name]
            subprocess.run(words, check=True, capture_output=True)
            if name.startswith("broken"):  # the weights of a layer are missing
                config = folder / name / "config.json"
                text = config.read_text("utf-8")
                config.write_text(text.replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'), "utf-8")
    if not (folder / "tiny-donut").exists():
        words = [python, makers / "toolchain_scripts" / "models_to_see.py", folder]
        subprocess.run(words, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
