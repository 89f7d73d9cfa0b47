"""What the process of the window is made of, and what is said where no window can be opened."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_imports import HEAVY
from workbench.gui import start

# The window itself is Qt.
FORBIDDEN = HEAVY - {"PySide6"} | {"yaml", "jinja2", "psutil", "filelock"}
OPENED = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from workbench.gui import main_window, start
class Window(main_window.MainWindow):
    def begin(self):
        print(json.dumps(sorted(sys.modules)), flush=True)
        super().begin()
        self.library.changed.connect(self.listed)
    def listed(self):
        print(json.dumps(sorted(sys.modules)), flush=True)
        QTimer.singleShot(0, QApplication.quit)
main_window.MainWindow = Window
sys.exit(start.run())
"""

LOOK = """
    def memory_of(self, child):
        try:
            return Path(f"/proc/{child}/maps").read_text()
        except OSError:  # it has ended meanwhile
            return ""
    def look(self):
        children = [line for file in Path("/proc/self/task").glob("*/children") for line in file.read_text().split()]
        # The engine is there once it has onnxruntime in its memory; on a busy machine that takes many seconds.
        if any("onnxruntime" in self.memory_of(child) for child in children):
            QTimer.singleShot(3000, QApplication.quit)
        else:
            QTimer.singleShot(100, self.look)
main_window.MainWindow ="""

EXPORTING = """
import sys
from PySide6.QtCore import QTimer
from workbench.gui import main_window, start
class Window(main_window.MainWindow):
    def begin(self):
        super().begin()
        self.exports.changed.connect(self.told)
        self.exports.start("sentence-transformers/all-MiniLM-L6-v2", "sentence-similarity", ("fp32",), False)
    def told(self, name):
        if self.exports.state(name).stage == "export":
            print("exporting", flush=True)
main_window.MainWindow = Window
sys.exit(start.run())
"""


def packages(line: str) -> set[str]:
    return {name.partition(".")[0] for name in json.loads(line)}


def test_nothing_heavy_is_in_the_windows_process() -> None:
    done = subprocess.run([sys.executable, "-c", OPENED], capture_output=True, text=True, timeout=60, check=True)
    shown, listed = done.stdout.splitlines()
    assert packages(shown) & FORBIDDEN == set()
    assert "workbench.api" not in json.loads(shown)
    assert not {"workbench.gui.run_page", "workbench.gui.export_page", "workbench.results"} & {*json.loads(shown)}
    assert packages(listed) & (HEAVY - {"PySide6", "numpy"}) == set()  # the views draw arrays
    assert "workbench.results" not in json.loads(listed)  # models are listed before what runs them is imported
    assert "PySide6" in packages(shown)


@pytest.mark.skipif(sys.platform != "linux", reason="watches system calls with strace")
def test_a_window_reaches_out_to_nobody(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    hidden = ("CI", "GITHUB_ACTIONS", "HF_HUB_OFFLINE", "ORT_DISABLE_TELEMETRY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    watch = [strace, "-f", "-qq", "--seccomp-bpf", "-e", "trace=%network,openat", "-o", str(tmp_path / "calls")]
    # Some seconds more than it takes until the engine is there, which a busy machine puts off.
    code = OPENED.replace("QTimer.singleShot(0, QApplication.quit)", "self.look()").replace(
        "main_window.MainWindow =", LOOK
    )
    subprocess.run([*watch, sys.executable, "-c", code], env=environment, capture_output=True, timeout=120, check=True)
    calls = (tmp_path / "calls").read_text("utf-8", errors="replace").splitlines()
    loop = re.compile(r"workbench/engine/(__pycache__/)?loop")
    assert any(map(loop.search, calls)), "the engine was started meanwhile"
    assert [line for line in calls if "AF_INET" in line and "connect(" in line] == []
    assert [line for line in calls if "resolv.conf" in line] == []


def test_a_signal_ends_the_window_and_its_children(tmp_path: Path) -> None:
    import psutil

    window = subprocess.Popen([sys.executable, "-m", "workbench"], stderr=subprocess.PIPE)
    process = psutil.Process(window.pid)
    try:
        for _ in range(200):
            if len(process.children()) >= 2:
                break
            with pytest.raises(subprocess.TimeoutExpired):
                window.wait(0.1)
        children = process.children(recursive=True)
        assert len(children) >= 2
        window.send_signal(signal.SIGTERM)
        assert window.wait(20) == 0
        _, alive = psutil.wait_procs(children, 5)
        assert alive == []
    finally:
        window.kill()
        window.communicate()


@pytest.mark.slow
@pytest.mark.toolchain
@pytest.mark.real_model
def test_closing_during_an_export_leaves_nothing(toolchain_python: Path, real_hub: Path) -> None:
    import psutil

    own = {"HF_HUB_CACHE": str(real_hub), "WORKBENCH_TOOLCHAIN_PYTHON": str(toolchain_python)}
    window = subprocess.Popen([sys.executable, "-c", EXPORTING], stdout=subprocess.PIPE, env=os.environ | own)
    try:
        assert window.stdout
        assert window.stdout.readline() == b"exporting\n"
        children = psutil.Process(window.pid).children(recursive=True)
        assert any(str(toolchain_python.parent) in " ".join(child.cmdline()) for child in children)
        window.send_signal(signal.SIGTERM)
        assert window.wait(15) == 0
        _, alive = psutil.wait_procs(children, 5)
        assert alive == []
        artifacts = Path(os.environ["WORKBENCH_DATA_DIR"]) / "artifacts"
        assert [path for path in artifacts.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
    finally:
        window.kill()
        window.communicate()


def test_no_screen_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems always have one")
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in screens}
    command = [sys.executable, "-m", "workbench"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("workbench: there is no screen to open a window on")
    assert len(done.stderr.splitlines()) == 1


def test_without_qt_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PySide6", None)
    problem = start.problem_with_screen()
    assert problem is not None
    assert "[gui]" in problem


def test_missing_libraries_of_x_are_named_by_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems have no X")
    monkeypatch.setenv("DISPLAY", ":1")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setattr(start, "X_LIBRARIES", {"libthere-is-none.so.9": "libnone9"})
    problem = start.problem_with_screen()
    assert problem is not None
    assert "apt install libnone9" in problem


def test_broken_settings_are_told_before_any_window(tmp_path: Path) -> None:
    folder = Path(os.environ["WORKBENCH_DATA_DIR"])
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text("{", "utf-8")
    code = "import workbench.gui.start as s; s._tell_and_end = lambda app, text: 1; import sys; sys.exit(s.run())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "settings.json" in done.stderr
