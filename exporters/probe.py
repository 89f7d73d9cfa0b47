"""What this toolchain is made of and what it can export."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from exporters.decoder_builder import has_builder
from exporters.protocol import BUILT_ARCHITECTURES

__all__ = ["PACKAGES", "probe", "tasks_by_model_type", "versions"]

PACKAGES = (
    "torch",
    "transformers",
    "optimum",
    "optimum-onnx",
    "onnx",
    "onnxruntime",
    "onnxruntime-genai",
    "tokenizers",
    "safetensors",
)


def versions() -> dict[str, str]:
    """The versions of the packages that shape an export; one that is not installed is left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def tasks_by_model_type() -> dict[str, list[str]]:
    """``model_type`` of a config.json → Optimum's names of the tasks it can export for it."""
    import optimum.exporters.onnx.model_configs  # noqa: F401  (fills the manager's table)
    from optimum.exporters.tasks import TasksManager

    return {
        model_type: sorted(exporters["onnx"])
        for model_type, exporters in sorted(TasksManager._SUPPORTED_MODEL_TYPE.items())
        if exporters.get("onnx")
    }


def probe() -> dict[str, Any]:
    """The answer to a ``probe`` request. Importing onnxruntime and torch proves that they load."""
    import onnxruntime
    import torch

    return {
        "versions": versions(),
        "tasks": tasks_by_model_type(),
        "built": sorted(BUILT_ARCHITECTURES) if has_builder() else [],
        "loaded": {"torch": torch.__version__, "onnxruntime": onnxruntime.__version__},
    }
