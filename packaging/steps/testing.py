"""``test``: the app with its test tools, a toolchain and real models of the checkout's own, then pytest."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from steps import system
from steps.console import Console, Failure
from steps.environment import ROOT, STATE, make_environment, outer_environment, workbench

__all__ = ["run"]

EXTRAS = ("cpu", "gui", "lint", "test")
HUB = STATE / "test-hub"
SOURCES = ("workbench", "exporters", "tests")
MOST_WORKERS = 4  # torch and the models need memory, too
# Side by side, a file's tests in one process: what they share is made once. A process that dies ends the run: xdist
# would start another and then wait for work that it does not hand out.
SIDE_BY_SIDE = ("--dist", "loadfile", "--max-worker-restart", "0")
# A test that hangs tells where, and ends its process.
NO_HANGING = ("-o", "faulthandler_timeout=900", "-o", "faulthandler_exit_on_timeout=true")


def run(console: Console, arguments: Sequence[str], *, slow: bool, prepare: str | None) -> int:
    """Prepare everything, then pytest's exit status. ``prepare`` ends before: with ``"app"`` once the app's environment
    is there, with ``"all"`` once everything is. Raises Failure."""
    console.say(f"Preparing the tests. What commands say is kept in {console.log}.")
    system.install_missing(console)
    python = make_environment(EXTRAS, console)
    # Tests start thousands of processes, which would compile all modules where bytecode is not to be written.
    subprocess.run([python, "-m", "compileall", "-q", *SOURCES], cwd=ROOT, check=False)
    if prepare == "app":
        return 0
    toolchain = _toolchain(console)
    with console.step(f"Real models for the tests in {HUB}"):
        command = [python, "-m", "tests.realmodels", HUB, *(["all"] if slow else [])]
        console.run(command, "the models for the tests could not be made", outer_environment(), ROOT)
    console.say(f"Ready after {console.elapsed_s:.0f} s.")
    if prepare:
        return 0
    variables = outer_environment(
        WORKBENCH_TEST_TOOLCHAIN=str(toolchain),
        WORKBENCH_TEST_HUB=str(HUB),
        ORT_DISABLE_TELEMETRY="1",
        HF_HUB_OFFLINE="1",
        QT_QPA_PLATFORM=os.environ.get("QT_QPA_PLATFORM", "offscreen"),
    )
    marks = [] if slow else ["-m", "not slow"]
    # Who says what to run has it plainly.
    how = [] if arguments else ["-n", str(min(MOST_WORKERS, os.cpu_count() or 1)), *SIDE_BY_SIDE, *NO_HANGING]
    command = [python, "-m", "pytest", *marks, *how, *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables).returncode


def _toolchain(console: Console) -> Path:
    """The Python of the export toolchain that the app installs into the checkout."""
    own = {"WORKBENCH_DATA_DIR": str(STATE)}
    failing = "the export toolchain could not be installed"
    with console.step("Export toolchain (torch, transformers, Optimum; about 300 MB to download)"):
        answer: Any = workbench(["toolchain", "install"], failing, console, **own)
    path = Path(answer["python"])
    if not path.exists():
        raise Failure(f"{failing}: there is no {path}")
    return path
