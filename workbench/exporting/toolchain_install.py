"""Making a toolchain: a virtual environment in the user's data folder, filled from a tested list of versions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal

from filelock import FileLock, Timeout

from workbench.cancellation import Cancellation
from workbench.children import end_process_group
from workbench.errors import Cancelled, ToolchainError
from workbench.exporting.spec import DEFAULT_TOOLCHAIN
from workbench.exporting.toolchains import (
    COMPLETE_MARKER,
    Toolchain,
    list_digest,
    probe_toolchain,
    requirements_file,
    toolchain_folder,
    venv_python,
)

__all__ = ["Torch", "find_base_python", "install_toolchain", "pip_commands"]

Torch = Literal["cpu", "cuda", "as-configured"]
# PyTorch's own indexes, used only when the user asks for that build by name.
TORCH_INDEX: dict[str, str] = {
    "cpu": "https://download.pytorch.org/whl/cpu",
    "cuda": "https://download.pytorch.org/whl/cu130",
}
BASE_VERSIONS = ("3.13", "3.12", "3.11")
CHECK_PYTHON = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


def install_toolchain(
    data_dir: Path,
    name: str = DEFAULT_TOOLCHAIN,
    *,
    torch: Torch = "as-configured",
    wheelhouse: Path | None = None,
    on_progress: Callable[[str, str], None] | None = None,
    cancellation: Cancellation | None = None,
) -> Toolchain:
    """Install or finish installing a toolchain; does nothing when it is there and its list has not changed.

    ``on_progress`` gets (step, line). A cancelled or failed installation is resumed by the next call. Raises
    UsageError, ToolchainError with pip's last line and the log's place, and Cancelled.
    """
    requirements = requirements_file(name)
    if wheelhouse is not None and not wheelhouse.is_dir():
        raise ToolchainError("toolchain-no-wheelhouse", folder=wheelhouse)
    folder = toolchain_folder(data_dir, name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    tell = on_progress or (lambda step, line: None)
    cancel = cancellation or Cancellation()
    wanted = f"{list_digest(name)} {torch}\n"
    try:
        with FileLock(folder.parent / f".{name}.lock", timeout=0):
            toolchain = Toolchain(name, venv_python(folder), managed=True)
            if _marker(folder) == wanted and toolchain.python.exists():
                return toolchain
            (folder / COMPLETE_MARKER).unlink(missing_ok=True)
            with (folder.parent / f"{name}.log").open("w", encoding="utf-8") as log:
                _make_environment(folder, log, tell, cancel)
                for step, command in pip_commands(toolchain.python, requirements, torch, wheelhouse):
                    _run(step, command, log, tell, cancel)
            tell("probe", "")
            probe_toolchain(toolchain, data_dir, fresh=True, cancellation=cancel)
            cancel.check()
            (folder / COMPLETE_MARKER).write_text(wanted, "utf-8")
            return toolchain
    except Timeout:
        raise ToolchainError("toolchain-being-installed", name=name) from None


def pip_commands(
    python: Path, requirements: Path, torch: Torch, wheelhouse: Path | None
) -> list[tuple[str, list[str]]]:
    """The steps and their commands. torch comes first and alone, so that the build asked for is the one taken."""
    pip = [
        str(python),
        "-I",
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
    ]
    places = ["--no-index", "--find-links", str(wheelhouse)] if wheelhouse else []
    first = next(line for line in requirements.read_text("utf-8").splitlines() if line.startswith("torch=="))
    # A build with a local version (2.13.0+cpu) counts as newer than the plain one, so adding the index is enough.
    build = ["--extra-index-url", TORCH_INDEX[torch]] if torch in TORCH_INDEX and not wheelhouse else []
    return [
        ("torch", [*pip, *places, *build, first]),
        ("packages", [*pip, *places, "-r", str(requirements)]),
    ]


def find_base_python() -> Path:
    """A Python 3.11 to 3.13 that can make virtual environments. Raises ToolchainError with what was tried."""
    tried = []
    for command in _candidates():
        found = _version_of(command)
        tried.append(f"{' '.join(command)}: {found or 'does not run, or lacks venv'}")
        if found in BASE_VERSIONS:
            code = [*command, "-I", "-c", "import sys; print(sys.executable)"]
            return Path(subprocess.run(code, capture_output=True, text=True, check=True).stdout.strip())
    raise ToolchainError("toolchain-no-python", tried="; ".join(tried) or "nothing found")


def _candidates() -> list[list[str]]:
    # In a packaged app sys.executable is the app.
    candidates = [] if getattr(sys, "frozen", False) else [[sys.executable]]
    if sys.platform == "win32" and shutil.which("py"):
        candidates += [["py", f"-{version}"] for version in BASE_VERSIONS]
    names = [*(f"python{version}" for version in BASE_VERSIONS), "python3", "python"]
    return candidates + [[path] for name in names if (path := shutil.which(name))]


def _version_of(command: list[str]) -> str | None:
    try:
        done = subprocess.run(
            [*command, "-I", "-c", CHECK_PYTHON], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _make_environment(folder: Path, log: IO[str], tell: Callable[[str, str], None], cancel: Cancellation) -> None:
    if _version_of([str(venv_python(folder))]) in BASE_VERSIONS and (folder / "pyvenv.cfg").exists():
        return  # what an earlier, broken-off installation left is good to go on with
    shutil.rmtree(folder, ignore_errors=True)
    _run("environment", [str(find_base_python()), "-I", "-m", "venv", str(folder)], log, tell, cancel)


def _run(step: str, command: list[str], log: IO[str], tell: Callable[[str, str], None], cancel: Cancellation) -> None:
    """Run a command in a process group of its own, its output going to the log and to ``tell``."""
    tell(step, "")
    log.write(f"$ {subprocess.list2cmdline(command)}\n")
    log.flush()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    last = error = ""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=environment,
        **group,
    ) as process:
        assert process.stdout
        try:
            with cancel.calling(lambda: end_process_group(process)):
                for line in process.stdout:
                    log.write(line)
                    if text := line.strip():
                        tell(step, text)
                        last = text
                        error = text if text.upper().startswith("ERROR") else error
        except BaseException:  # Ctrl-C reaches this process alone, and leaving the block waits for the other
            end_process_group(process)
            raise
    if cancel.requested:
        raise Cancelled
    if process.returncode != 0:
        log.flush()
        reason = error or last or f"exit status {process.returncode}"
        raise ToolchainError("toolchain-install-failed", step=step, reason=reason, log=log.name)


def _marker(folder: Path) -> str | None:
    try:
        return (folder / COMPLETE_MARKER).read_text("utf-8")
    except OSError:
        return None
