"""Vision models all the way: exported, verified against torch on the samples, and run, by the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.parity.records import record

pytestmark = [pytest.mark.toolchain, pytest.mark.slow]

# Script that makes the checkpoint, its name there, task, agreement of fp32 at least.
MODELS: tuple[tuple[str, str, str, float], ...] = (
    ("vision_detection", "detr", "object-detection", 1.0),
    ("vision_detection", "yolos", "object-detection", 1.0),
    ("vision_detection", "rt_detr", "object-detection", 1.0),
    ("zero_shot_detection", "owlvit", "zero-shot-object-detection", 1.0),
    ("zero_shot_detection", "owlv2", "zero-shot-object-detection", 1.0),
    ("super_resolution", "swin2sr-x2", "image-to-image", 0.999),
    ("vision_maps", "segformer", "image-segmentation", 0.99),
    ("vision_maps", "maskformer", "image-segmentation", 0.99),
    ("vision_maps", "detr-panoptic", "image-segmentation", 0.99),
    ("vision_maps", "dpt", "depth-estimation", 0.9999),
    ("vision_maps", "glpn", "depth-estimation", 0.9999),
    ("vision_vectors", "clip", "zero-shot-image-classification", 1.0),
    ("vision_vectors", "siglip", "zero-shot-image-classification", 1.0),
    ("vision_vectors", "dinov2", "image-feature-extraction", 0.9999),
    ("vision_vectors", "vit", "image-feature-extraction", 0.9999),
)
LIMIT_S = 300


@pytest.mark.parametrize(("script", "name", "task", "least"), MODELS, ids=[f"{m[2]}-{m[1]}" for m in MODELS])
def test_exported_verified_and_run(
    run_toolchain_script: Callable[..., Path],
    warm_toolchain: Path,
    tmp_path: Path,
    script: str,
    name: str,
    task: str,
    least: float,
) -> None:
    made = run_toolchain_script(script)
    source = tmp_path / name
    shutil.copytree(made / "models" / name, source, ignore=shutil.ignore_patterns("onnx"))
    environment = os.environ | {
        "WORKBENCH_DATA_DIR": str(tmp_path / "data"),
        "WORKBENCH_TOOLCHAIN_PYTHON": str(warm_toolchain),
    }

    def workbench(*words: str) -> Any:
        command = [sys.executable, "-m", "workbench", *words, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    exported = workbench("export", str(source), "--precision", "fp32")
    assert exported["artifact"].endswith(f"-{task}")  # out of the model's own files
    checked = exported["variants"][0]["verification"]
    assert checked["samples"] > 5
    assert checked["agreement"]["worst"] >= least
    asked = ["--param", 'candidate_labels=["a town", "the sea"]'] if task.startswith("zero-shot") else []
    answer = workbench("run", str(source), str(made / "pictures" / "gray.jpg"), *asked)
    assert answer["task"] == task
    assert answer["results"][0]["result"] is not None
    shown = f"{checked['agreement']['metric']} {checked['agreement']['worst']:.5f}"
    record(task, f"{name}, exported by the app", checked["samples"], shown)
