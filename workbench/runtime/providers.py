"""Which execution providers really work here: each is asked to run a graph, and must be the one that ran it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import WorkbenchError
from workbench.resources import assets_dir
from workbench.runtime.session import PROVIDERS, Session, SessionOptions, available_providers, runtime_version
from workbench.tasks.base import Run

__all__ = ["probe_providers"]


def probe_providers() -> dict[str, Any]:
    """``{"onnxruntime": version, "providers": [{"name", "built_in", "works", "reason"}]}``, one row per known provider.

    ``built_in`` is what the wheel says it has; ``works`` is the outcome of a run, since a wheel built for CUDA lists
    CUDA on a machine that has none. ``reason`` is None where it works.
    """
    rows = [_probe(name) for name in PROVIDERS]
    return {"onnxruntime": runtime_version(), "providers": rows}


def _probe(name: str) -> dict[str, Any]:
    row = {"name": name, "built_in": name in available_providers(), "works": False, "reason": None}
    if not row["built_in"]:
        return row | {"reason": _missing(name)}
    graph = assets_dir() / "probe.onnx"
    try:
        session = Session(graph, SessionOptions(provider=name))
        outputs = session.run({"x": np.ones((1, 4), np.float32)}, Run())
    except WorkbenchError as error:
        return row | {"reason": f"{error}{_hint(name)}"}
    if not np.array_equal(outputs["y"], np.full((1, 4), 4, np.float32)):
        return row | {"reason": "it computed a wrong result"}
    return row | {"works": True}


def _missing(name: str) -> str:
    if name == "dml" and sys.platform != "win32":
        return "DirectML exists on Windows only"
    extra = {"cuda": "cuda", "dml": "directml", "cpu": "cpu"}[name]
    return f"the installed onnxruntime was built without it; install the app with the extra [{extra}] instead"


def _hint(name: str) -> str:
    if name != "cuda":
        return ""
    if sys.platform.startswith("linux") and not Path("/proc/driver/nvidia/version").exists():
        return "; no NVIDIA driver is loaded on this machine"
    return "; it needs CUDA 13 and cuDNN 9 (the extra [cuda] brings both)"
