"""The doctor's part about execution providers: which work, which libraries and drivers they lack, what to install."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.doctor.checks import Check, State
from workbench.doctor.libraries import missing_libraries
from workbench.errors import Notice
from workbench.providers import CUDA_VERSIONS, PROVIDERS, short_provider

__all__ = ["Gpu", "cuda_checks", "driver_of", "gpus_of", "provider_checks"]

DRIVER_FILE = Path("/proc/driver/nvidia/version")
SMI_TIMEOUT_S = 5.0
CUDA_WHEEL = "onnxruntime-gpu"


@dataclass(frozen=True)
class Gpu:
    """A graphics processor as ``nvidia-smi`` tells of it."""

    name: str
    driver: str
    capability: tuple[int, int]


def provider_checks(answer: Mapping[str, Any], wheels: Mapping[str, str]) -> list[Check]:
    """One check a provider, and one a device that onnxruntime offers. ``answer`` is the engine's, see
    :func:`workbench.runtime.providers.probe_providers`; ``wheels`` are the installed ones with their versions."""
    checks = []
    for row in answer["providers"]:
        if row["works"]:
            checks.append(Check.of("provider", row["name"], "ok", Notice.of("provider-works")))
        else:
            state: State = "broken" if row["name"] == "cpu" else "missing"
            notice = Notice.from_json(row["notice"])
            checks.append(Check.of("provider", row["name"], state, notice, _cure(row["name"], notice, wheels)))
    for device in answer["devices"]:
        name = " ".join(dict.fromkeys(word for word in (device["vendor"], device["name"]) if word)) or "?"
        notice = Notice.of("device-found", kind=device["kind"].upper(), name=name)
        checks.append(Check.of("device", short_provider(device["provider"]), "ok", notice))
    if CUDA_WHEEL in wheels:
        checks += cuda_checks(missing_libraries(PROVIDERS["cuda"]), *_nvidia(), wheels[CUDA_WHEEL])
    return checks


def cuda_checks(missing: tuple[str, ...], driver: str | None, gpus: tuple[Gpu, ...], wheel_version: str) -> list[Check]:
    """What CUDA lacks here: libraries by name, driver, and a graphics processor that is new enough."""
    wanted = CUDA_VERSIONS
    needed = ".".join(map(str, wanted.driver))
    cure = Notice.of("cure-driver", needed=needed)
    if driver is None:
        checks = [Check.of("cuda", "driver", "missing", Notice.of("driver-missing"), cure)]
    elif _numbers(driver) < wanted.driver:
        old = Notice.of("driver-old", version=driver, cuda=wanted.cuda, needed=needed)
        checks = [Check.of("cuda", "driver", "missing", old, cure)]
    else:
        checks = [Check.of("cuda", "driver", "ok", Notice.of("driver-found", version=driver))]
    for gpu in gpus:
        capability = ".".join(map(str, gpu.capability))
        if gpu.capability < wanted.capability:
            least = ".".join(map(str, wanted.capability))
            old = Notice.of("gpu-old", name=gpu.name, capability=capability, cuda=wanted.cuda, needed=least)
            checks.append(Check.of("cuda", "GPU", "missing", old))
        else:
            checks.append(Check.of("cuda", "GPU", "ok", Notice.of("gpu-found", name=gpu.name, capability=capability)))
    driver_library = tuple(name for name in missing if name.startswith(("libcuda.so", "nvcuda")))
    of_cuda = tuple(name for name in missing if name not in driver_library)  # the driver's own comes with the driver
    versions = {"cuda": wanted.cuda, "cudnn": wanted.cudnn}
    if of_cuda:
        notice = Notice.of("provider-libraries-missing", libraries=", ".join(of_cuda))
        cure = _cuda_libraries(wheel_version)
        checks.append(Check.of("cuda", "libraries", "missing", notice, cure))
    else:
        checks.append(Check.of("cuda", "libraries", "ok", Notice.of("libraries-found", **versions)))
    return checks


def driver_of(text: str) -> str | None:
    """The version in what ``/proc/driver/nvidia/version`` says, of the module with closed or open source."""
    found = re.search(r"Kernel Module\D*?(?:for \S+ +)?(\d+(?:\.\d+)+)", text)
    return found.group(1) if found else None


def gpus_of(text: str) -> tuple[Gpu, ...]:
    """The rows of ``nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader``; others are passed
    over, since it tells of its own troubles in the same place."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 2)]
        if len(parts) == 3 and re.fullmatch(r"\d+\.\d+", parts[2]):
            major, minor = parts[2].split(".")
            found.append(Gpu(parts[0], parts[1], (int(major), int(minor))))
    return tuple(found)


def _nvidia() -> tuple[str | None, tuple[Gpu, ...]]:
    """The driver's version, None where none is loaded, and the graphics processors, as far as they can be had."""
    try:
        driver = driver_of(DRIVER_FILE.read_text("utf-8", "replace")) if sys.platform == "linux" else None
    except OSError:
        driver = None
    command = shutil.which("nvidia-smi")
    if command is None:
        return driver, ()
    words = [command, "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(words, capture_output=True, timeout=SMI_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return driver, ()
    gpus = gpus_of(done.stdout.decode("utf-8", "replace"))
    return driver or (gpus[0].driver if gpus else None), gpus


def _cure(name: str, notice: Notice, wheels: Mapping[str, str]) -> Notice | None:
    """What to do about a provider that does not work."""
    provider = PROVIDERS[name]
    if notice.code == "provider-not-built-in":
        return Notice.of("cure-extra", extra=provider.extra)
    if notice.code == "provider-plug-in-missing":
        return Notice.of("cure-plug-in", package=notice.arguments["package"])
    if notice.code == "provider-libraries-missing" and CUDA_WHEEL in wheels:
        return _cuda_libraries(wheels[CUDA_WHEEL])
    return None


def _cuda_libraries(version: str) -> Notice:
    package = f"'{CUDA_WHEEL}[cuda,cudnn]=={version}'"  # with the marks that a shell wants around brackets
    wanted = CUDA_VERSIONS
    return Notice.of("cure-cuda-libraries", package=package, cuda=wanted.cuda, cudnn=wanted.cudnn)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
