"""The files of a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from tests.realmodels.readers import Weights


def save(weights: Weights, out: Path) -> None:
    """``model.safetensors``, readable as other files are."""
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    save_file(arrays, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), "utf-8")


def write_card(out: Path, licence: str, task: str, text: str) -> None:
    front = f"---\nlicense: {licence}\npipeline_tag: {task}\nlanguage: en\n---\n"
    (out / "README.md").write_text(f"{front}\n{text}\n", "utf-8")
