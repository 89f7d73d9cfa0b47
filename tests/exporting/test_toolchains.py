"""Finding, making and removing toolchains, without the libraries that fill a real one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, ToolchainError, UsageError
from workbench.exporting import toolchains
from workbench.exporting.toolchain_install import find_base_python, install_toolchain, pip_commands
from workbench.exporting.toolchains import (
    COMPLETE_MARKER,
    ToolchainProbe,
    available_toolchains,
    list_digest,
    locate_toolchain,
    probe_toolchain,
    remove_toolchain,
    requirements_file,
    toolchain_folder,
    toolchain_status,
)


def test_what_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError) as caught:
        locate_toolchain(tmp_path)
    assert caught.value.code == "toolchain-missing"
    assert "workbench toolchain install optimum" in str(caught.value)
    toolchain_folder(tmp_path, "optimum").mkdir(parents=True)
    with pytest.raises(ToolchainError) as caught:
        locate_toolchain(tmp_path)
    assert caught.value.code == "toolchain-unfinished"
    with pytest.raises(ToolchainError) as caught:
        locate_toolchain(tmp_path, python=tmp_path / "nowhere")
    assert caught.value.code == "toolchain-python-missing"


def test_a_setting_names_another_python(tmp_path: Path) -> None:
    found = locate_toolchain(tmp_path, python=sys.executable)
    assert (found.python, found.managed) == (Path(sys.executable), False)


def test_the_list_is_pinned_and_torch_comes_first() -> None:
    assert available_toolchains() == ("optimum",)
    lines = [line for line in requirements_file("optimum").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0].startswith("torch==")
    assert all("==" in line for line in lines)
    for name in ("../optimum", "nothing"):
        with pytest.raises(UsageError):
            requirements_file(name)


def test_pip_gets_an_index_only_when_a_build_of_torch_was_named(tmp_path: Path) -> None:
    requirements = requirements_file("optimum")
    plain = pip_commands(Path("python"), requirements, "as-configured", None)
    assert [step for step, _ in plain] == ["torch", "packages"]
    assert plain[0][1][-1].startswith("torch==")
    assert not [word for _, command in plain for word in command if "index" in word]
    assert "--extra-index-url" in pip_commands(Path("python"), requirements, "cpu", None)[0][1]
    for _, command in pip_commands(Path("python"), requirements, "cpu", tmp_path):
        assert command[command.index("--no-index") + 1 :][:2] == ["--find-links", str(tmp_path)]
        assert "--extra-index-url" not in command


def test_the_app_itself_is_no_python_when_it_is_packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_base_python().exists()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolchainError) as caught:
        find_base_python()
    assert caught.value.code == "toolchain-no-python"


def test_a_failed_installation_says_pips_reason_and_is_resumed(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    steps: list[str] = []
    for _ in range(2):
        with pytest.raises(ToolchainError) as caught:
            install_toolchain(tmp_path, wheelhouse=wheels, on_progress=lambda step, line: steps.append(step))
        assert caught.value.code == "toolchain-install-failed"
        assert "No matching distribution found for" in str(caught.value)
        log = Path(caught.value.arguments["log"])
        assert "No matching distribution found for" in log.read_text()
    assert steps[0] == "environment"
    assert steps.count("environment") == 1  # the second time goes on with it
    with pytest.raises(ToolchainError) as caught:
        locate_toolchain(tmp_path)
    assert caught.value.code == "toolchain-unfinished"
    assert remove_toolchain(tmp_path, "optimum")
    assert not remove_toolchain(tmp_path, "optimum")


def test_installing_can_be_cancelled_and_is_done_by_one_process(tmp_path: Path) -> None:
    cancellation = Cancellation()
    with pytest.raises(Cancelled):
        install_toolchain(tmp_path, on_progress=lambda step, line: cancellation.cancel(), cancellation=cancellation)
    with FileLock(tmp_path / "toolchains" / ".optimum.lock"), pytest.raises(ToolchainError) as caught:
        install_toolchain(tmp_path)
    assert caught.value.code == "toolchain-being-installed"
    with pytest.raises(ToolchainError) as caught:
        install_toolchain(tmp_path, wheelhouse=tmp_path / "nowhere")
    assert caught.value.code == "toolchain-no-wheelhouse"


def test_an_error_of_the_listener_ends_what_was_started(tmp_path: Path) -> None:
    def fail(step: str, line: str) -> None:
        if line:
            raise KeyboardInterrupt

    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with pytest.raises(KeyboardInterrupt):
        install_toolchain(tmp_path, wheelhouse=wheels, on_progress=fail)
    with pytest.raises(ToolchainError) as caught:
        locate_toolchain(tmp_path)
    assert caught.value.code == "toolchain-unfinished"


def test_a_python_without_the_libraries_is_a_broken_toolchain(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError) as caught:
        probe_toolchain(locate_toolchain(tmp_path, python=sys.executable), tmp_path)
    assert caught.value.code == "toolchain-broken"
    assert "No module named" in str(caught.value)
    assert not (tmp_path / "toolchains" / "optimum.probe.json").exists()


def test_a_toolchain_of_another_list_works_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probed = ToolchainProbe("3.11.7", {"torch": "2.13.0"}, {"llama": ("text-generation-with-past",)})
    monkeypatch.setattr(toolchains, "probe_toolchain", lambda *words, **named: probed)
    marker = toolchain_folder(tmp_path, "optimum") / COMPLETE_MARKER
    marker.parent.mkdir(parents=True)
    marker.write_text(f"{list_digest('optimum')} cpu\n")
    assert not toolchain_status(tmp_path, "optimum", None).outdated
    marker.write_text(f"{'0' * 64} cpu\n")
    status = toolchain_status(tmp_path, "optimum", None)
    assert status.usable
    assert status.notice
    assert status.notice.code == "toolchain-outdated"
    assert "workbench toolchain install optimum" in str(status)
    assert status.to_json()["outdated"] is True
    # One that the user named is the user's to keep.
    assert not toolchain_status(tmp_path, "optimum", Path(sys.executable)).outdated


@pytest.mark.toolchain
def test_a_probe_is_kept_until_something_changes(toolchain_python: Path, tmp_path: Path) -> None:
    toolchain = locate_toolchain(tmp_path, python=toolchain_python)
    probe = probe_toolchain(toolchain, tmp_path)
    assert probe.versions["optimum-onnx"] == "0.1.0"
    assert "feature-extraction" in probe.tasks["bert"]
    assert "automatic-speech-recognition-with-past" in probe.tasks["whisper"]
    kept = tmp_path / "toolchains" / "optimum.probe.json"
    text = kept.read_text()
    assert probe_toolchain(toolchain, tmp_path) == probe
    kept.write_text(text.replace("bert", "trob"))
    assert "trob" in probe_toolchain(toolchain, tmp_path).tasks
    kept.write_text("{")
    assert probe_toolchain(toolchain, tmp_path) == probe
    assert not (toolchain_folder(tmp_path, "optimum") / COMPLETE_MARKER).exists()
