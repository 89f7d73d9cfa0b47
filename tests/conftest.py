"""What holds for every test: no network, no folder of the user, nothing left running."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from tests.warm import warmed

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests run side by side, and torch's threads spin while they wait for each other: a process gets one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Machines differ: what a test takes is no error, and examples that failed elsewhere are kept nowhere.
settings.register_profile("here", deadline=None, database=None)
settings.load_profile("here")

# What a test may take over from outside; every other variable of ours or the hub's is taken away.
KEPT = ("WORKBENCH_TEST_TOOLCHAIN", "WORKBENCH_TEST_HUB", "WORKBENCH_TEST_PARITY_RECORDS")
HUB_VARIABLES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_TOKEN")
LEAK_GRACE_S = 5.0
HOW = "run `python3 packaging/bootstrap.py test`, which prepares it and sets {name}"


@pytest.fixture(scope="session")
def toolchain_python() -> Path:
    """The Python of an export toolchain (torch, transformers, optimum)."""
    return _prepared("WORKBENCH_TEST_TOOLCHAIN", "the export toolchain")


@pytest.fixture(scope="session")
def warm_toolchain(toolchain_python: Path) -> Iterator[Path]:
    """The same, warm: for what torch answers, not for how a process starts and ends."""
    with warmed(toolchain_python) as python:
        yield python


@pytest.fixture(scope="session")
def real_hub() -> Path:
    """A hub cache with the real models of tests/realmodels, and ``testdata`` beside them."""
    return _prepared("WORKBENCH_TEST_HUB", "the cache of real models")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a data folder and a hub home of its own, and sees none of the user's settings."""
    for name in list(os.environ):
        if name in HUB_VARIABLES or (name.startswith("WORKBENCH_") and name not in KEPT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fail a test that leaves a thread or a child process behind."""
    threads, children = set(threading.enumerate()), set(_children())
    yield
    deadline = time.monotonic() + LEAK_GRACE_S
    for thread in _new_threads(threads):
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in _new_threads(threads)]
    started = [child for child in _children() if child not in children]
    _, alive = psutil.wait_procs(started, max(0.0, deadline - time.monotonic()))
    names = [" ".join(_command(child)) for child in alive]
    for child in alive:
        child.kill()
    psutil.wait_procs(alive)
    if left or names:
        pytest.fail(f"left running: threads {left}, processes {names}")


def _children() -> list[psutil.Process]:
    """All processes below this one. Most tests start none, and Linux says so at once; psutil looks through all."""
    try:
        lists = [file.read_bytes() for file in Path("/proc/self/task").glob("*/children")]
    except OSError:  # a thread ended meanwhile
        lists = []
    if lists and not any(lists):
        return []
    found: list[psutil.Process] = psutil.Process().children(recursive=True)
    return found


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread not in before]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return [f"process {process.pid}"]


def _prepared(name: str, what: str) -> Path:
    value = os.environ.get(name)
    if not value:
        pytest.fail(f"{what} is not there: " + HOW.format(name=name))
    path = Path(value)
    if not path.exists():
        pytest.fail(f"{name} is {path}, which does not exist; " + HOW.format(name=name))
    return path
