"""Which execution providers really work here: each is asked to run a graph, and must be the one that ran it."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.errors import Notice, WorkbenchError
from workbench.providers import PROVIDERS, Provider
from workbench.resources import assets_dir
from workbench.runtime.opening import devices, plug_in_problem
from workbench.runtime.session import Session, SessionOptions, available_providers, runtime_version
from workbench.tasks.base import Run

__all__ = ["probe_providers"]

SYSTEMS = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}


def probe_providers() -> dict[str, Any]:
    """``{"onnxruntime": version, "providers": [{"name", "built_in", "works", "reason", "notice"}], "devices": […]}``,
    one row per known provider.

    ``built_in`` is what the wheel says it has; ``works`` is the outcome of a run, since a wheel built for CUDA lists
    CUDA on a machine that has none. ``notice`` says why it does not work and ``reason`` is its text; None where it
    works. ``devices`` are what onnxruntime offers, those of plug-ins too.
    """
    rows = []
    for item in PROVIDERS.values():
        problem = _problem(item)
        rows.append(
            {
                "name": item.name,
                "built_in": item.name in available_providers(),
                "works": problem is None,
                "reason": str(problem) if problem else None,
                "notice": problem.to_json() if problem else None,
            }
        )
    return {"onnxruntime": runtime_version(), "providers": rows, "devices": devices()}


def _problem(provider: Provider) -> Notice | None:
    """Why a provider does not work, None where it does."""
    if not provider.exists_here:
        systems = ", ".join(SYSTEMS[name] for name in provider.systems)
        return Notice.of("provider-other-system", provider=provider.name, systems=systems)
    if provider.module:
        missing = plug_in_problem(provider)
        if missing:
            return missing
    elif provider.name not in available_providers():
        return Notice.of("provider-not-built-in", provider=provider.name)
    try:
        session = Session(assets_dir() / "probe.onnx", SessionOptions(provider.name, allow_fallback=True))
        if session.fallback_reason:
            return session.fallback_reason
        outputs = session.run({"x": np.ones((1, 4), np.float32)}, Run())
    except WorkbenchError as error:
        return Notice(error.code, error.arguments)
    if not np.array_equal(outputs["y"], np.full((1, 4), 4, np.float32)):
        return Notice.of("provider-wrong-result")
    return None
