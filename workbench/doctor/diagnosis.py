"""Whether this machine and this installation can do the work: each check with its finding and, if need be, the cure."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from workbench import __version__
from workbench.cancellation import Cancellation
from workbench.children import module_command
from workbench.doctor.checks import Check, Diagnosis, State
from workbench.doctor.providers import provider_checks
from workbench.doctor.wheels import runtime_wheels, several_wheels
from workbench.engine.host import EngineHost
from workbench.errors import Notice, WorkbenchError, error_from_wire
from workbench.exporting.toolchains import ToolchainStatus
from workbench.settings import DATA_DIR_VARIABLE, Settings, data_dir, settings_path
from workbench.thread_choice import ThreadChoices, candidates, threads_file
from workbench.thread_limit import most_threads

__all__ = ["Check", "Diagnosis", "diagnose"]

PACKAGES = ("numpy", "tokenizers", "pillow", "soundfile", "huggingface_hub", "PySide6-Essentials", "sounddevice")
PROBE_TIMEOUT_S = 10.0


def diagnose(
    settings: Settings,
    host: EngineHost,
    toolchains: Iterable[ToolchainStatus],
    cancellation: Cancellation | None = None,
) -> Diagnosis:
    """Look at everything; takes a second or two, because each provider is made to run a graph. Raises Cancelled."""
    wheels = runtime_wheels()
    checks = [
        *_versions(),
        *_wheels(wheels),
        *_providers(host, wheels, cancellation),
        _portaudio(),
        *map(_toolchain, toolchains),
        _threads(settings),
    ]
    return Diagnosis((*checks, *_folders(settings)))


def _versions() -> list[Check]:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    python = Notice.of("doctor-python", version=platform.python_version(), system=system, count=os.cpu_count() or 1)
    checks = [
        Check("version", "workbench", "ok", __version__),
        Check.of("version", "python", "ok", python),
    ]
    for name in PACKAGES:
        try:
            checks.append(Check("version", name, "ok", metadata.version(name)))
        except metadata.PackageNotFoundError:
            gui = name in ("PySide6-Essentials", "sounddevice")
            cure = Notice.of("cure-add-extra", extra="gui") if gui else Notice.of("cure-install")
            state: State = "missing" if gui else "broken"
            checks.append(Check.of("version", name, state, Notice.of("doctor-not-installed"), cure))
    return checks


def _wheels(wheels: Mapping[str, str]) -> list[Check]:
    if not wheels:
        none = Notice.of("doctor-no-wheel")
        return [Check.of("onnxruntime", "wheel", "broken", none, Notice.of("cure-one-extra"))]
    if len(wheels) == 1:
        ((name, version),) = wheels.items()
        return [Check("onnxruntime", "wheel", "ok", f"{name} {version}")]
    keep = next((name for name in ("onnxruntime-gpu", "onnxruntime-directml") if name in wheels), next(iter(wheels)))
    cure = Notice.of("cure-wheels", wheels=" ".join(wheels), keep=f"{keep}=={wheels[keep]}")
    return [Check.of("onnxruntime", "wheel", "broken", several_wheels(wheels), cure)]


def _providers(host: EngineHost, wheels: Mapping[str, str], cancellation: Cancellation | None) -> list[Check]:
    try:
        answer = host.call("providers", {}, doing=Notice.of("doing-providers"), cancellation=cancellation)
    except WorkbenchError as error:
        return [Check.of("engine", "engine", "broken", _notice(error), Notice.of("cure-one-extra"))]
    engine = Check.of("engine", "engine", "ok", Notice.of("doctor-engine", version=answer["onnxruntime"]))
    return [engine, *provider_checks(answer, wheels)]


def _threads(settings: Settings) -> Check:
    """With how many threads models run on the processor."""
    if settings.usable_threads != settings.threads:
        told = Notice.of("doctor-threads-too-many", threads=settings.threads, most=most_threads())
    elif settings.threads:
        told = Notice.of("doctor-threads-set", threads=settings.threads)
    else:
        known = ThreadChoices(threads_file(data_dir())).count()
        told = Notice.of("doctor-threads-measured", counts="/".join(map(str, candidates())), graphs=known)
    return Check.of("engine", "threads", "ok", told)


def _portaudio() -> Check:
    # PortAudio may hang, so it is asked in a process that can be ended.
    try:
        done = subprocess.run(
            module_command("workbench.audio.probe"), capture_output=True, timeout=PROBE_TIMEOUT_S, check=True
        )
        found = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        return Check.of("audio", "PortAudio", "missing", Notice.of("doctor-audio-unasked", reason=error))
    if found["error"]:
        return Check.of("audio", "PortAudio", "missing", _notice(error_from_wire(found["error"])))
    devices = {"inputs": len(found["inputs"]), "outputs": len(found["outputs"])}
    notice = Notice.of("doctor-audio", version=found["portaudio"].split(",")[0], **devices)
    return Check.of("audio", "PortAudio", "ok", notice)


def _toolchain(status: ToolchainStatus) -> Check:
    if status.probe is not None:
        versions = ", ".join(f"{name} {version}" for name, version in status.probe.versions.items())
        made_of: dict[str, Any] = {"python": status.probe.python_version, "versions": versions}
        noted = Notice.of("doctor-toolchain-noted", **made_of, notice=status.notice)
        return Check.of(
            "toolchain", status.name, "ok", noted if status.notice else Notice.of("doctor-toolchain", **made_of)
        )
    there = status.python is not None and os.path.exists(status.python)  # noqa: PTH110, it may be no path at all
    assert status.problem  # what is no use says why
    return Check.of("toolchain", status.name, "broken" if there else "missing", _notice(status.problem))


def _folders(settings: Settings) -> list[Check]:
    folders = {
        "settings": settings_path(),
        "data": data_dir(),
        "artifacts": settings.artifacts_folder,
        "hub cache": settings.hub_cache_folder,
    }
    return [_folder(name, path) for name, path in folders.items()]


def _folder(name: str, path: Path) -> Check:
    fixed = name in ("settings", "data")
    cure = Notice.of("cure-data-folder", variable=DATA_DIR_VARIABLE) if fixed else Notice.of("cure-folder")
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        found = {"path": path, "free_gb": f"{shutil.disk_usage(existing).free / 1e9:.1f}"}
    except OSError as error:
        hidden = Notice.of("doctor-folder-hidden", path=path, reason=error.strerror or error)
        return Check.of("folder", name, "broken", hidden, cure)
    if not existing.is_dir() and (existing != path or name != "settings"):
        none = Notice.of("doctor-folder-none", path=path, file=existing)
        return Check.of("folder", name, "broken", none, cure)
    if name != "hub cache" and not os.access(existing, os.W_OK):
        return Check.of("folder", name, "broken", Notice.of("doctor-folder-fixed", **found), cure)
    code = "doctor-folder" if path.exists() else "doctor-folder-to-come"
    return Check.of("folder", name, "ok", Notice.of(code, **found))


def _notice(error: WorkbenchError) -> Notice:
    return Notice(error.code, error.arguments)
