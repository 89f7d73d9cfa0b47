"""Which wheels of onnxruntime are installed, by what their installation noted: nothing of them is imported."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec

from workbench.errors import Notice

__all__ = ["runtime_problem", "runtime_wheels", "several_wheels"]


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


def runtime_problem() -> Notice | None:
    """What is wrong with the installation of onnxruntime, as far as can be told from outside; None for nothing."""
    wheels = runtime_wheels()
    if len(wheels) > 1:
        return several_wheels(wheels)
    if not wheels and find_spec("onnxruntime") is None:  # a packaged app has the module and no notes about it
        return Notice.of("doctor-no-wheel")
    return None


def several_wheels(wheels: Mapping[str, str]) -> Notice:
    """That several wheels are installed."""
    return Notice.of("doctor-wheels", wheels=", ".join(f"{name} {version}" for name, version in wheels.items()))
