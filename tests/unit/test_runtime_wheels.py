"""An engine that cannot start because of how onnxruntime is installed says so, and where the cure is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from workbench.doctor import wheels
from workbench.doctor.diagnosis import _folders, _wheels
from workbench.doctor.wheels import runtime_problem, runtime_wheels
from workbench.engine import host
from workbench.engine.host import EngineHost
from workbench.errors import EngineError
from workbench.providers import PROVIDERS
from workbench.runtime import opening
from workbench.settings import Settings


def installed(folder: Path, *names: str) -> None:
    """Lay down what pip notes of packages."""
    for name in names:
        notes = folder / f"{name.replace('-', '_')}-1.32.0.dist-info"
        notes.mkdir(parents=True)
        (notes / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.32.0\n", "utf-8")


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(wheels, "find_spec", lambda name: None)
    return tmp_path


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that ends as one does that cannot import onnxruntime."""
    code = "raise ModuleNotFoundError('No module named onnxruntime')"
    monkeypatch.setattr(host, "module_command", lambda module: [sys.executable, "-S", "-c", code])


def start_error() -> EngineError:
    with pytest.raises(EngineError) as caught:
        EngineHost().start()
    assert caught.value.code == "engine-not-started"
    return caught.value


def test_no_wheel(nothing_installed: Path, failing: None) -> None:
    assert str(start_error()) == (
        "the engine did not start: no onnxruntime is installed; `workbench doctor` says what to do"
    )


def test_several_wheels(nothing_installed: Path, failing: None) -> None:
    installed(nothing_installed, "onnxruntime", "onnxruntime-gpu", "onnxruntime-genai")
    said = str(start_error())
    assert "onnxruntime 1.32.0" in said
    assert "onnxruntime-gpu 1.32.0" in said
    assert "genai" not in said
    assert "overwrite each other's files; `workbench doctor`" in said
    (check,) = _wheels(runtime_wheels())
    assert check.state == "broken"


def test_one_wheel_that_is_broken(nothing_installed: Path, failing: None) -> None:
    installed(nothing_installed, "onnxruntime")
    assert runtime_problem() is None
    assert "No module named onnxruntime; `workbench doctor`" in str(start_error())


def test_a_packaged_app_has_no_notes(nothing_installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "find_spec", lambda name: object())
    assert runtime_problem() is None


def test_a_provider_that_another_wheel_wrote_over(nothing_installed: Path) -> None:
    assert opening._why_not(PROVIDERS["dml"]).code == "provider-not-built-in"
    installed(nothing_installed, "onnxruntime", "onnxruntime-directml")
    assert opening._why_not(PROVIDERS["dml"]).code == "doctor-wheels"


def test_the_doctor_on_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(artifacts_dir=tmp_path / "file", hub_cache=tmp_path / "file" / "hub")
    found = {check.name: check for check in _folders(settings)}
    assert [found[name].state for name in ("settings", "data", "artifacts", "hub cache")] == [
        "ok",
        "ok",
        "broken",
        "broken",
    ]
    assert "file is no folder" in found["hub cache"].detail
    assert found["artifacts"].cure == "choose another in the settings"


def test_a_data_folder_is_not_moved_in_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "file"))
    found = {check.name: check for check in _folders(Settings())}
    assert found["data"].cure == "set the environment variable WORKBENCH_DATA_DIR to another folder"
