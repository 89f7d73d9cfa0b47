"""The worker process, started from its private copy in a Python that has no torch: its manners, not its exports."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

import exporters
import workbench
from workbench.cancellation import Cancellation
from workbench.children import Child
from workbench.errors import Cancelled, ExportError, ToolchainError
from workbench.exporting.worker import start_worker, worker_environment
from workbench.exporting.worker_copy import ensure_worker_copy


@pytest.fixture
def child(tmp_path: Path) -> Child:
    return start_worker(Path(sys.executable), ensure_worker_copy(tmp_path / "data"), tmp_path / "home")


def test_the_copy_holds_the_exporter_and_the_framing_alone(tmp_path: Path) -> None:
    copy = ensure_worker_copy(tmp_path)
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert {name for name in names if name.startswith("workbench/")} == {"workbench/__init__.py", "workbench/wire.py"}
    assert "exporters/__main__.py" in names
    assert copy.name.startswith(f"{workbench.__version__}-")
    assert ensure_worker_copy(tmp_path) == copy
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_copy_that_was_changed_is_made_again(tmp_path: Path) -> None:
    copy = ensure_worker_copy(tmp_path)
    (copy / "exporters" / "probe.py").write_text("raise SystemExit")
    (copy / "torch.py").write_text("planted")
    assert ensure_worker_copy(tmp_path) == copy
    assert (copy / "exporters" / "probe.py").read_bytes() == (Path(exporters.__file__).parent / "probe.py").read_bytes()
    assert not (copy / "torch.py").exists()


def test_a_failed_copy_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="disk full"):
        ensure_worker_copy(tmp_path)
    assert list((tmp_path / "exporter").iterdir()) == []


def test_the_environment_is_offline_and_knows_no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "TRANSFORMERS_CACHE", "PYTHONPATH", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.setenv(name, "x")
    environment = worker_environment(tmp_path)
    assert "x" not in environment.values()
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["HF_HOME"] == str(tmp_path / "hf")
    assert environment["TMPDIR"] == str(tmp_path / "tmp")


def test_it_says_who_it_is_and_answers_a_request_it_cannot_do(child: Child) -> None:
    assert child.hello_body["name"] == "exporter"
    with pytest.raises(ExportError) as caught:
        child.request({"method": "nonsense"}).wait()
    assert caught.value.code == "export-failed"
    child.close()


def test_a_python_without_the_libraries_is_named(child: Child) -> None:
    with pytest.raises(ExportError) as caught:
        child.request({"method": "probe"}).wait()
    assert "No module named" in str(caught.value)
    child.close()


def test_cancel_and_a_parent_that_is_gone_end_it_at_once(tmp_path: Path) -> None:
    copy = ensure_worker_copy(tmp_path / "data")
    for how in ("cancel", "close"):
        child = start_worker(Path(sys.executable), copy, tmp_path / "home")
        process = psutil.Process(child.pid)
        began = time.monotonic()
        if how == "cancel":
            cancellation = Cancellation()
            cancellation.cancel()
            # Wedged in a request: the pipe that it would answer on is what it waits for.
            with pytest.raises((Cancelled, ExportError)):
                child.request({"method": "probe"}).wait(cancellation)
        child.close()
        assert time.monotonic() - began < 3
        assert not process.is_running()


def test_a_python_that_does_not_start_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(ToolchainError) as caught:
        start_worker(broken, ensure_worker_copy(tmp_path / "data"), tmp_path / "home")
    assert caught.value.code == "toolchain-broken"
    assert "no such library" in str(caught.value)
