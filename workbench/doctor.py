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

from workbench import __version__
from workbench.cancellation import Cancellation
from workbench.checks import Check, Diagnosis
from workbench.children import module_command
from workbench.engine.host import EngineHost
from workbench.errors import WorkbenchError
from workbench.exporting.toolchains import ToolchainStatus
from workbench.provider_doctor import provider_checks
from workbench.settings import Settings, data_dir, settings_path
from workbench.thread_choice import ThreadChoices, candidates, threads_file

__all__ = ["Check", "Diagnosis", "diagnose", "runtime_wheels"]

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


def runtime_wheels() -> dict[str, str]:
    """Every installed distribution that brings an ``onnxruntime`` module, with its version.

    All of them install into one folder, where the last one wins silently; so more than one is a defect.
    """
    found = {}
    for distribution in metadata.distributions():
        name = str(distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name == "onnxruntime" or (name.startswith("onnxruntime-") and not name.startswith("onnxruntime-genai")):
            found[name] = distribution.version
    return found


def _versions() -> list[Check]:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    checks = [
        Check("version", "workbench", "ok", __version__),
        Check("version", "python", "ok", f"{platform.python_version()} ({system}, {os.cpu_count()} processors)"),
    ]
    for name in PACKAGES:
        try:
            checks.append(Check("version", name, "ok", metadata.version(name)))
        except metadata.PackageNotFoundError:
            gui = name in ("PySide6-Essentials", "sounddevice")
            cure = "install the app with the extra [gui]" if gui else "install the app again"
            checks.append(Check("version", name, "missing" if gui else "broken", "not installed", cure))
    return checks


def _wheels(wheels: Mapping[str, str]) -> list[Check]:
    if not wheels:
        cure = "install the app with exactly one of the extras [cpu], [cuda], [directml]"
        return [Check("onnxruntime", "wheel", "broken", "no onnxruntime is installed", cure)]
    listed = ", ".join(f"{name} {version}" for name, version in wheels.items())
    if len(wheels) == 1:
        return [Check("onnxruntime", "wheel", "ok", listed)]
    keep = next((name for name in ("onnxruntime-gpu", "onnxruntime-directml") if name in wheels), next(iter(wheels)))
    cure = f"pip uninstall -y {' '.join(wheels)}; then: pip install {keep}=={wheels[keep]}"
    return [Check("onnxruntime", "wheel", "broken", f"{listed} overwrite each other's files", cure)]


def _providers(host: EngineHost, wheels: Mapping[str, str], cancellation: Cancellation | None) -> list[Check]:
    try:
        answer = host.call("providers", {}, doing="asking for the execution providers", cancellation=cancellation)
    except WorkbenchError as error:
        cure = "install the app with exactly one of the extras [cpu], [cuda], [directml]"
        return [Check("engine", "engine", "broken", str(error), cure)]
    engine = Check("engine", "engine", "ok", f"onnxruntime {answer['onnxruntime']}, telemetry off")
    return [engine, *provider_checks(answer, wheels)]


def _threads(settings: Settings) -> Check:
    """With how many threads models run on the processor."""
    tried = " or ".join(map(str, candidates()))
    known = ThreadChoices(threads_file(data_dir())).count()
    if settings.threads:
        return Check("engine", "threads", "ok", f"{settings.threads} for every model, by the setting")
    measured = f"{tried}: measured for {known} graph{'' if known == 1 else 's'}"
    return Check("engine", "threads", "ok", f"{measured}, for others with their first receipt")


def _portaudio() -> Check:
    # PortAudio may hang, so it is asked in a process that can be ended.
    try:
        done = subprocess.run(
            module_command("workbench.audio.probe"), capture_output=True, timeout=PROBE_TIMEOUT_S, check=True
        )
        found = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        return Check("audio", "PortAudio", "missing", f"it could not be asked: {error}")
    if found["reason"]:
        return Check("audio", "PortAudio", "missing", found["reason"])
    devices = f"{len(found['inputs'])} microphones, {len(found['outputs'])} outputs"
    return Check("audio", "PortAudio", "ok", f"{found['portaudio'].split(',')[0]}: {devices}")


def _toolchain(status: ToolchainStatus) -> Check:
    if status.probe is not None:
        versions = ", ".join(f"{name} {version}" for name, version in status.probe.versions.items())
        said = f"Python {status.probe.python_version}, {versions}"
        return Check("toolchain", status.name, "ok", f"{said}; {status.notice}" if status.notice else said)
    there = status.python is not None and os.path.exists(status.python)  # noqa: PTH110, it may be no path at all
    return Check("toolchain", status.name, "broken" if there else "missing", str(status.problem))


def _folders(settings: Settings) -> list[Check]:
    folders = {
        "settings": settings_path(),
        "data": data_dir(),
        "artifacts": settings.artifacts_folder,
        "hub cache": settings.hub_cache_folder,
    }
    return [_folder(name, path) for name, path in folders.items()]


def _folder(name: str, path: Path) -> Check:
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        free_gb = shutil.disk_usage(existing).free / 1e9
    except OSError as error:
        reason = error.strerror or error
        return Check("folder", name, "broken", f"{path} can't be looked at: {reason}", "choose another in the settings")
    there = "" if path.exists() else ", not there yet"
    detail = f"{path} ({free_gb:.1f} GB free{there})"
    if name != "hub cache" and not os.access(existing, os.W_OK):
        return Check("folder", name, "broken", f"{detail}, but it can't be written", "choose another in the settings")
    return Check("folder", name, "ok", detail)
