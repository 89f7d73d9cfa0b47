"""How long the window takes to appear, against a bare one, and how soon the models are listed in it.

    python -m tests.bench.window [--rounds 9] [--models 1000]

In turns, each in a process of its own, from its start: ``python -c pass``; a bare PySide6 window with six tabs and a
table of 1,000 rows; the workbench with a hub cache of that many models, until its window is painted and until the
models are in its list. Medians. Offscreen unless QT_QPA_PLATFORM says otherwise; the index of the library is warm.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.scan import build_tree

BARE = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMainWindow, QTableWidget, QTabWidget, QWidget
app = QApplication(sys.argv)
class Window(QMainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        QTimer.singleShot(0, lambda: (print(time.time(), flush=True), app.quit()))
window = Window()
tabs = QTabWidget()
table = QTableWidget(1000, 4)
tabs.addTab(table, "0")
for number in range(5):
    tabs.addTab(QWidget(), str(number + 1))
window.setCentralWidget(tabs)
window.resize(1200, 760)
window.show()
app.exec()
"""
OURS = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from workbench.gui import main_window, start
first = []
class Window(main_window.MainWindow):
    def begin(self):
        super().begin()
        self.library.changed.connect(self.listed)
    def paintEvent(self, event):
        super().paintEvent(event)
        if not first:
            first.append(1)
            QTimer.singleShot(0, lambda: print(time.time(), flush=True))
    def listed(self):
        self.sidebar.list.viewport().repaint()
        print(time.time(), flush=True)
        QTimer.singleShot(0, QApplication.quit)
main_window.MainWindow = Window
start.run()
"""


def times(code: str, environment: dict[str, str], count: int) -> list[float]:
    """Seconds from the start of the process to each of the ``count`` moments that it prints."""
    began = time.time()
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    moments = [float(line) for line in done.stdout.split()]
    assert len(moments) == count, done.stderr
    return [moment - began for moment in moments]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the window's start.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--models", type=int, default=1000)
    arguments = parser.parse_args()
    bare, shown, listed, nothing = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="window-bench-") as folder:
        hub = Path(folder) / "hub"
        hub.mkdir()
        build_tree(hub, arguments.models, 6)
        # With modules compiled by the round that does not count, as after the first start of an installed app.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment = kept | {
            "HF_HUB_CACHE": str(hub),
            "WORKBENCH_DATA_DIR": str(Path(folder) / "data"),
            "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
            "ORT_DISABLE_TELEMETRY": "1",
        }
        time.sleep(3)  # the index trusts no folder that changed a moment ago
        for _ in range(2):
            times(OURS, environment, 2)
        for _ in range(arguments.rounds):
            nothing.append(times("import time; print(time.time())", environment, 1)[0])
            bare.append(times(BARE, environment, 1)[0])
            one, two = times(OURS, environment, 2)
            shown.append(one)
            listed.append(two - one)
    base = statistics.median(bare)
    for name, values in (("python -c pass", nothing), ("bare window", bare), ("workbench shown", shown)):
        median = statistics.median(values)
        print(f"{name:34}{median * 1000:8.0f} ms {median / base:6.2f} x")
    print(f"{f'{arguments.models} models listed after that':34}{statistics.median(listed) * 1000:8.0f} ms")


if __name__ == "__main__":
    main()
