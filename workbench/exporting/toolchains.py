"""The environments that export: finding one, asking what it is, removing it. Making one: ``toolchain_install``."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.cancellation import Cancellation
from workbench.children import ChildGone
from workbench.errors import ExportError, Notice, ToolchainError, UsageError
from workbench.exporting.spec import DEFAULT_TOOLCHAIN
from workbench.exporting.worker import start_worker
from workbench.exporting.worker_copy import ensure_worker_copy
from workbench.files import write_atomically
from workbench.resources import exporters_dir

__all__ = [
    "COMPLETE_MARKER",
    "Toolchain",
    "ToolchainProbe",
    "ToolchainStatus",
    "available_toolchains",
    "list_digest",
    "locate_toolchain",
    "probe_toolchain",
    "remove_toolchain",
    "requirements_file",
    "toolchain_folder",
    "toolchain_status",
    "venv_python",
    "was_made_from",
]

# Written last: a virtual environment cannot be moved into place when it is finished, so this file says that it is.
COMPLETE_MARKER = ".complete"


@dataclass(frozen=True)
class Toolchain:
    """A Python that can export. ``managed`` ones were installed by the workbench; others the user pointed at."""

    name: str
    python: Path
    managed: bool


@dataclass(frozen=True)
class ToolchainProbe:
    """What a toolchain is made of: versions by package, and Optimum's tasks by ``model_type``.

    ``built`` are the architectures of language models that get a fast graph; none in a toolchain without the builder.
    """

    python_version: str
    versions: Mapping[str, str]
    tasks: Mapping[str, tuple[str, ...]]
    built: tuple[str, ...] = ()


@dataclass(frozen=True)
class ToolchainStatus:
    """One export toolchain. ``python`` is None where it is not there; ``problem`` says what is wrong with it.

    ``outdated``: it works, but was installed from another list of versions than this app's.
    """

    name: str
    python: Path | None
    managed: bool
    probe: ToolchainProbe | None
    problem: ToolchainError | None
    outdated: bool = False

    @property
    def usable(self) -> bool:
        return self.probe is not None

    def __str__(self) -> str:
        if self.probe is None:
            return f"{self.name}: {self.problem}"
        versions = ", ".join(f"{name} {version}" for name, version in self.probe.versions.items())
        said = f"{self.name}: Python {self.probe.python_version}, {versions} ({self.python})"
        return f"{said}; {self.notice}" if self.notice else said

    @property
    def notice(self) -> Notice | None:
        """What the user should know of one that works."""
        return Notice.of("toolchain-outdated", name=self.name) if self.outdated else None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "usable": self.usable,
            "python": str(self.python) if self.python else None,
            "managed": self.managed,
            "python_version": self.probe.python_version if self.probe else None,
            "versions": dict(self.probe.versions) if self.probe else {},
            "tasks": {name: list(tasks) for name, tasks in self.probe.tasks.items()} if self.probe else {},
            "built": list(self.probe.built) if self.probe else [],
            "problem": str(self.problem) if self.problem else None,
            "outdated": self.outdated,
        }


def available_toolchains() -> tuple[str, ...]:
    """Names that can be installed: those with a tested list of requirements."""
    return tuple(sorted(path.stem for path in _lists().glob("*.txt")))


def requirements_file(name: str) -> Path:
    """The tested list of a toolchain. Raises UsageError for a name that has none."""
    path = _lists() / f"{name}.txt"
    if name not in available_toolchains():
        raise UsageError("toolchain-unknown", name=name, known=", ".join(available_toolchains()))
    return path


def toolchain_folder(data_dir: Path, name: str) -> Path:
    return data_dir / "toolchains" / name


def venv_python(folder: Path) -> Path:
    """The Python of a virtual environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def locate_toolchain(data_dir: Path, name: str = DEFAULT_TOOLCHAIN, python: str | Path | None = None) -> Toolchain:
    """The Python named by a setting, else the installed toolchain. Raises ToolchainError when there is none."""
    if python:
        path = Path(python).expanduser()
        if not path.is_file():
            raise ToolchainError("toolchain-python-missing", python=path)
        return Toolchain(name, path, managed=False)
    folder = toolchain_folder(data_dir, name)
    if not (folder / COMPLETE_MARKER).exists():
        code = "toolchain-unfinished" if folder.exists() else "toolchain-missing"
        raise ToolchainError(code, name=name)
    return Toolchain(name, venv_python(folder), managed=True)


def probe_toolchain(
    toolchain: Toolchain, data_dir: Path, *, fresh: bool = False, cancellation: Cancellation | None = None
) -> ToolchainProbe:
    """Ask the toolchain what it is; the answer is kept until its Python, its packages or the exporter change.

    Takes some 4 s when asked. Raises ToolchainError when it does not work, and Cancelled.
    """
    try:
        copy = ensure_worker_copy(data_dir)
    except OSError as error:
        reason = error.strerror or error
        raise ToolchainError("toolchain-no-copy", file=error.filename or data_dir, reason=reason) from error
    kept = data_dir / "toolchains" / f"{toolchain.name}.probe.json"
    key = _state_of(toolchain.python, copy)
    if not fresh and (answer := _read_kept(kept, key)):
        return answer
    with tempfile.TemporaryDirectory(prefix="oaw-probe-") as home:
        child = start_worker(toolchain.python, copy, Path(home), cancellation=cancellation)
        try:
            body = child.request({"method": "probe"}).wait(cancellation)
        except ChildGone as gone:
            raise ToolchainError("toolchain-broken", python=toolchain.python, reason=gone.how) from gone
        except ExportError as error:
            reason = error.arguments.get("reason", error)
            raise ToolchainError("toolchain-broken", python=toolchain.python, reason=reason) from error
        finally:
            child.close()
    answer = ToolchainProbe(
        python_version=str(child.hello_body.get("python")),
        versions=dict(body["versions"]),
        tasks={name: tuple(tasks) for name, tasks in body["tasks"].items()},
        built=tuple(body["built"]),
    )
    with suppress(OSError):  # it is only asked again the next time
        write_atomically(kept, json.dumps({"key": key, "probe": asdict(answer)}))
    return answer


def toolchain_status(
    data_dir: Path, name: str, python: Path | None, cancellation: Cancellation | None = None
) -> ToolchainStatus:
    """What is known of a toolchain; a missing or a broken one raises nothing: that is its ``problem``.

    ``python`` is what a setting names. Raises Cancelled.
    """
    try:
        toolchain = locate_toolchain(data_dir, name, python)
    except ToolchainError as error:
        return ToolchainStatus(name, python, managed=python is None, probe=None, problem=error)
    try:
        probe = probe_toolchain(toolchain, data_dir, cancellation=cancellation)
    except ToolchainError as error:
        return ToolchainStatus(name, toolchain.python, toolchain.managed, probe=None, problem=error)
    outdated = toolchain.managed and not was_made_from(toolchain_folder(data_dir, name), list_digest(name))
    return ToolchainStatus(name, toolchain.python, toolchain.managed, probe, problem=None, outdated=outdated)


def list_digest(name: str) -> str:
    """Stands for the tested list of a toolchain: it changes when a version does. Raises UsageError."""
    return hashlib.sha256(requirements_file(name).read_bytes()).hexdigest()


def was_made_from(folder: Path, digest: str) -> bool:
    """Whether an installed toolchain came out of the list with this digest."""
    try:
        return (folder / COMPLETE_MARKER).read_text("utf-8").split()[:1] == [digest]
    except OSError:
        return False


def remove_toolchain(data_dir: Path, name: str) -> bool:
    """Remove an installed toolchain; False when there was none. The marker goes first: half of one is none."""
    requirements_file(name)  # refuses names that could be paths
    folder = toolchain_folder(data_dir, name)
    for path in (folder.parent / f"{name}.probe.json", folder.parent / f"{name}.log"):
        path.unlink(missing_ok=True)
    if not folder.exists():
        return False
    (folder / COMPLETE_MARKER).unlink(missing_ok=True)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ToolchainError("toolchain-not-removed", folder=folder, reason=error.strerror or error) from error
    return True


def _lists() -> Path:
    return exporters_dir() / "toolchains"


def _state_of(python: Path, copy: Path) -> str:
    """A key that changes with the interpreter, what is installed in it, and the exporter."""
    digest = hashlib.sha256(f"{python}\0{copy.name}".encode())
    root = python.parent.parent
    for path in (python, *sorted(root.glob("lib/python*/site-packages")), root / "Lib" / "site-packages"):
        try:
            digest.update(f"{path}\0{path.stat().st_mtime_ns}".encode())
        except OSError:
            continue  # a layout without this folder
    return digest.hexdigest()


def _read_kept(path: Path, key: str) -> ToolchainProbe | None:
    try:
        value = json.loads(path.read_text("utf-8"))
        if value["key"] != key:
            return None
        probe = value["probe"]
        tasks = {name: tuple(tasks) for name, tasks in probe["tasks"].items()}
        return ToolchainProbe(str(probe["python_version"]), dict(probe["versions"]), tasks, tuple(probe["built"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # a cache that cannot be read is asked for again
