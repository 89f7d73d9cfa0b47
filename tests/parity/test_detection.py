"""Boxes against transformers: the same things are found, at the same places."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.records import record
from workbench.runtime.session import Session
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.object_detection import PIPELINE

pytestmark = pytest.mark.toolchain

MODELS = ("detr", "rt_detr", "rt_detr_v2", "table-transformer", "yolos")
PIXELS, SCORE = 0.5, 1e-3


@pytest.fixture(scope="module")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("vision_detection")


@pytest.mark.parametrize("name", MODELS)
def test_the_same_boxes_are_found(made: Path, name: str) -> None:
    answers: dict[str, Any] = json.loads((made / "answers.json").read_text("utf-8"))[name]
    folder = made / "models" / name
    files = ModelFiles(folder, {"model": folder / "onnx" / "model.onnx"})
    pipeline = PIPELINE(files, {"model": Session(files.graphs["model"])})
    boxes, farthest, scores = 0, 0.0, 0.0
    for path, wanted in answers.items():
        got = pipeline(str(made / "pictures" / path), {"threshold": wanted["threshold"]}, Run())
        rows = sorted(wanted["boxes"], key=lambda row: -row["score"])
        assert [box.score for box in got.boxes] == sorted((box.score for box in got.boxes), reverse=True)
        assert len(got.boxes) == len(rows) > 0, path
        free = list(got.boxes)
        for row in rows:
            nearest = min(free, key=lambda box: distance(box, row))
            free.remove(nearest)
            assert nearest.label == row["label"], path
            farthest = max(farthest, distance(nearest, row))
            scores = max(scores, abs(nearest.score - row["score"]))
        boxes += len(rows)
    assert farthest < PIXELS
    assert scores < SCORE
    record("object-detection", name, boxes, f"boxes within {farthest:.1g} px, labels identical, scores {scores:.0e}")


def distance(box: Any, row: dict[str, Any]) -> float:
    return float(np.abs(np.subtract((box.xmin, box.ymin, box.xmax, box.ymax), row["box"])).max())


def test_the_threshold_of_the_pipeline(made: Path) -> None:
    folder = made / "models" / "detr"
    files = ModelFiles(folder, {"model": folder / "onnx" / "model.onnx"})
    pipeline = PIPELINE(files, {"model": Session(files.graphs["model"])})
    got = pipeline(str(made / "pictures" / "photo.jpg"), {}, Run())
    assert (got.width_px, got.height_px) == (211, 143)
    assert all(box.score > 0.5 for box in got.boxes)
