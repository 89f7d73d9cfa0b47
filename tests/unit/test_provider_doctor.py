"""What the doctor says of providers, out of what engine, driver and files tell."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.doctor.checks import Check, Diagnosis
from workbench.doctor.providers import Gpu, cuda_checks, driver_of, gpus_of, provider_checks
from workbench.errors import Notice

CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version:  gcc"
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder@U22)"


@pytest.mark.parametrize(("text", "version"), [(CLOSED, "535.183.01"), (OPEN, "580.65.06"), ("nothing", None)])
def test_the_driver_in_its_file(text: str, version: str | None) -> None:
    assert driver_of(text) == version


def test_rows_of_nvidia_smi() -> None:
    said = "NVIDIA H200, 580.65.06, 9.0\nName, with comma, 580.65.06, 8.6\nNVIDIA-SMI has failed\nX, [N/A], [N/A]\n"
    assert gpus_of(said) == (Gpu("NVIDIA H200", "580.65.06", (9, 0)), Gpu("Name, with comma", "580.65.06", (8, 6)))


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_machine_that_has_all() -> None:
    checks = by_name(cuda_checks((), "580.65.06", (Gpu("NVIDIA H200", "580.65.06", (9, 0)),), "1.31.1"))
    assert {name: check.state for name, check in checks.items()} == dict.fromkeys(("driver", "GPU", "libraries"), "ok")
    assert checks["GPU"].detail == "NVIDIA H200, compute capability 9.0"


def test_a_machine_that_has_nothing() -> None:
    checks = by_name(cuda_checks(("libcublas.so.13", "libcuda.so.1", "libcudnn.so.9"), None, (), "1.31.1"))
    assert checks["driver"].detail == "no NVIDIA driver is loaded"
    # The driver's own library comes with the driver, not with CUDA.
    assert checks["libraries"].detail == "these libraries were not found: libcublas.so.13, libcudnn.so.9"
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]==1.31.1'" in checks["libraries"].cure
    assert "CUDA 13 and cuDNN 9" in checks["libraries"].cure


def test_a_machine_that_is_too_old() -> None:
    checks = by_name(cuda_checks((), "535.183.01", (Gpu("GTX 1080", "535.183.01", (6, 1)),), "1.31.1"))
    assert checks["driver"].state == checks["GPU"].state == "missing"
    assert "needs 580 or newer" in checks["driver"].detail
    assert "6.1; CUDA 13 needs 7.5" in checks["GPU"].detail


def answer(**problems: Notice | None) -> dict[str, Any]:
    rows = [
        {"name": name, "works": problem is None, "notice": problem.to_json() if problem else None}
        for name, problem in problems.items()
    ]
    devices = [{"provider": "CPUExecutionProvider", "kind": "cpu", "vendor": "AMD", "name": "", "version": "1"}]
    return {"providers": rows, "devices": devices}


def test_providers_with_their_cures() -> None:
    said = answer(
        cpu=None,
        cuda=Notice.of("provider-not-built-in", provider="cuda"),
        openvino=Notice.of("provider-plug-in-missing", package="onnxruntime-ep-openvino"),
    )
    checks = by_name(provider_checks(said, {"onnxruntime": "1.32.0"}))
    assert checks["cuda"].state == "missing"
    assert "[cuda]" in checks["cuda"].cure
    assert checks["openvino"].cure == "pip install onnxruntime-ep-openvino"
    assert checks["cpu"].detail == "CPU AMD"  # the device comes last


def test_a_cpu_that_does_not_work_is_broken() -> None:
    checks = provider_checks(answer(cpu=Notice.of("provider-wrong-result")), {})
    assert checks[0].state == "broken"
    assert not Diagnosis(tuple(checks)).healthy


def test_codes_travel_as_json() -> None:
    (check, _) = provider_checks(answer(cpu=None), {})
    (told,) = Diagnosis((check,)).to_json()["checks"]
    assert told["notice"] == {"code": "provider-works", "arguments": {}}
    assert told["detail"] == str(Notice.of("provider-works"))
    assert told["cure_notice"] is None
