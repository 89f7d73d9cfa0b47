"""What a fresh process has imported. import-linter reads the source; this sees what really happens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import exporters
import workbench

SOURCE = Path(workbench.__file__).parent
HEAVY = {"PIL", "PySide6", "onnx", "onnxruntime", "optimum", "sounddevice", "soundfile", "tokenizers", "torch"}
HEAVY |= {"transformers", "huggingface_hub", "numpy"}

# What a front imports, and each front. None of them brings any of the heavy ones along.
ENTRANCES = (
    "workbench",
    "workbench.__main__",
    "workbench.wire",
    "workbench.errors",
    "workbench.results",
    "workbench.tasks.catalog",
    "workbench.settings",
    "workbench.api",
    "workbench.audio.host",
    "workbench.cli",
    "workbench.gui",
)


def imported_by(statement: str) -> set[str]:
    """Top-level packages in ``sys.modules`` of a fresh process after the statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("module", ENTRANCES)
def test_an_entrance_is_light(module: str) -> None:
    assert imported_by(f"import {module}") & HEAVY == set()


def test_every_front_is_among_the_entrances() -> None:
    there = {f"workbench.{name}" for name in ("cli", "gui", "server") if list(SOURCE.glob(f"{name}*"))}
    assert there <= set(ENTRANCES)


def test_the_framing_needs_the_standard_library_alone() -> None:
    assert imported_by("import workbench.wire") <= sys.stdlib_module_names | {"workbench"} | imported_by("pass")


def test_the_engine_has_what_it_works_with() -> None:
    # The first test would pass as well if nothing could be seen.
    assert {"onnxruntime", "numpy"} <= imported_by("import workbench.runtime.session")


def test_the_exporters_copy_imports_nothing_of_the_app(tmp_path: Path) -> None:
    """The worker's own copy holds the exporter, the framing and the version; its protocol runs from that alone."""
    shutil.copytree(Path(exporters.__file__).parent, tmp_path / "exporters")
    (tmp_path / "workbench").mkdir()
    for name in ("__init__.py", "wire.py"):
        shutil.copy(SOURCE / name, tmp_path / "workbench" / name)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import exporters.protocol, exporters.failure, exporters.probe, exporters.__main__, workbench\n"
        f"assert workbench.__file__.startswith({str(tmp_path)!r})\n"
        "print(*sorted(name for name in sys.modules if name.startswith('workbench')))"
    )
    # Isolated, and without the packages of this environment: only what every Python has.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["workbench", "workbench.wire"]
