"""Masks and depth against transformers' pipelines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.records import record
from workbench.runtime.session import Session
from workbench.tasks import depth_estimation, image_segmentation
from workbench.tasks.agreement import cosine
from workbench.tasks.base import ModelFiles, Run

pytestmark = pytest.mark.toolchain

SEMANTIC = ("dpt-classes", "mobilevit", "segformer")
QUERIES = ("detr-panoptic", "maskformer", "maskformer-swin")
DEPTH = ("dpt", "glpn")
OVERLAP, SCORE, COSINE = 0.99, 1e-3, 0.9999


@pytest.fixture(scope="module")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("vision_maps")


@pytest.fixture(scope="module")
def answers(made: Path) -> dict[str, list[dict[str, Any]]]:
    value: dict[str, list[dict[str, Any]]] = json.loads((made / "answers.json").read_text("utf-8"))
    assert set(value) == {*SEMANTIC, *QUERIES, *DEPTH}
    return value


@pytest.fixture(scope="module")
def maps(made: Path) -> dict[str, Any]:
    with np.load(made / "maps.npz") as archive:
        return dict(archive)


def pipeline_of(made: Path, name: str, kind: Any) -> Any:
    folder = made / "models" / name
    files = ModelFiles(folder, {"model": folder / "onnx" / "model.onnx"})
    return kind.PIPELINE(files, {"model": Session(files.graphs["model"])})


def overlap(got: Any, wanted: Any) -> float:
    both = int(((got > 0) | (wanted > 0)).sum())
    return int(((got > 0) & (wanted > 0)).sum()) / both if both else 1.0


@pytest.mark.parametrize("name", [*SEMANTIC, *QUERIES])
def test_the_same_masks(made: Path, answers: dict[str, Any], maps: dict[str, Any], name: str) -> None:
    pipeline = pipeline_of(made, name, image_segmentation)
    least, scores, masks = 1.0, 0.0, 0
    for number, case in enumerate(answers[name]):
        got = pipeline(str(made / "pictures" / case["picture"]), case["params"], Run())
        wanted = maps[f"{name}/{number}"]
        assert [mask.label for mask in got.masks] == [row["label"] for row in case["masks"]], case
        for mask, pixels, row in zip(got.masks, wanted, case["masks"], strict=True):
            assert mask.pixels.dtype == np.uint8
            assert mask.pixels.shape == pixels.shape == (got.height_px, got.width_px)
            least = min(least, overlap(mask.pixels, pixels))
            assert (mask.score is None) == (row["score"] is None)
            if mask.score is not None:
                scores = max(scores, abs(mask.score - row["score"]))
        masks += len(got.masks)
    assert masks > len(answers[name]) / 2  # something is there to compare
    assert least >= OVERLAP
    assert scores < SCORE
    record("image-segmentation", name, masks, f"masks IoU ≥ {least:.4f}, labels identical, scores {scores:.0e}")


@pytest.mark.parametrize("name", DEPTH)
def test_the_same_depth(made: Path, answers: dict[str, Any], maps: dict[str, Any], name: str) -> None:
    pipeline = pipeline_of(made, name, depth_estimation)
    least, farthest = 1.0, 0.0
    for number, case in enumerate(answers[name]):
        got = pipeline(str(made / "pictures" / case["picture"]), {}, Run())
        wanted = maps[f"{name}/{number}"]
        assert got.values.dtype == np.float32
        assert got.values.shape == wanted.shape
        assert wanted.std() > 0
        # The mean would hide what differs.
        least = min(least, cosine(got.values - wanted.mean(), wanted - wanted.mean()))
        farthest = max(farthest, float(np.abs(got.values - wanted).max() / np.abs(wanted).max()))
    assert least >= COSINE
    record("depth-estimation", name, len(answers[name]), f"cosine ≥ {least:.6f}, relative difference {farthest:.0e}")
