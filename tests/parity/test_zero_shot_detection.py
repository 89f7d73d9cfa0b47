"""Things that are named against transformers' pipeline: the same are found, at the same places."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.records import record
from workbench.runtime.image_processing import ImageProcessor
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.zero_shot_object_detection import PIPELINE

pytestmark = pytest.mark.toolchain

MODELS = ("owlvit", "owlvit-fine", "owlv2")
PIXELS, SCORE, INPUT = 0.5, 1e-3, 1e-5


@pytest.fixture(scope="module")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("zero_shot_detection")


@pytest.mark.parametrize("name", MODELS)
def test_the_same_boxes_are_found(made: Path, name: str) -> None:
    answers: dict[str, Any] = json.loads((made / "answers.json").read_text("utf-8"))[name]
    folder = made / "models" / name
    session = Session(folder / "onnx" / "model.onnx", SessionOptions("cpu", threads=1))
    pipeline = PIPELINE(ModelFiles(folder, {}), {"model": session})
    boxes, cases, farthest, scores = 0, 0, 0.0, 0.0
    for path, rows in answers.items():
        for row in rows:
            params = {"candidate_labels": tuple(row["candidates"]), "threshold": row["threshold"]}
            got = pipeline(str(made / "pictures" / path), params, Run()).boxes
            wanted = row["boxes"]
            assert [box.score for box in got] == sorted((box.score for box in got), reverse=True)
            assert len(got) == len(wanted) > 0, path
            for label in row["candidates"]:
                farthest, scores = compared(
                    [box for box in got if box.label == label],
                    [box for box in wanted if box["label"] == label],
                    farthest,
                    scores,
                )
            cases += 1
            boxes += len(wanted)
    assert cases > 50
    assert farthest < PIXELS
    assert scores < SCORE
    agreed = f"{boxes} boxes within {farthest:.1g} px, labels identical, scores {scores:.0e}"
    record("zero-shot-object-detection", name, cases, agreed)


def compared(got: list[Any], wanted: list[Any], farthest: float, scores: float) -> tuple[float, float]:
    """The greatest distances in pixels and scores, matched one to one by the nearest box."""
    assert len(got) == len(wanted)
    if not got:
        return farthest, scores
    ours = np.array([(box.xmin, box.ymin, box.xmax, box.ymax) for box in got])
    theirs = np.array([box["box"] for box in wanted])
    distances = np.abs(ours[:, None] - theirs[None]).max(-1)
    partners = distances.argmin(1)
    assert len(set(partners.tolist())) == len(got)
    apart = np.abs(np.array([box.score for box in got]) - np.array([wanted[n]["score"] for n in partners]))
    return max(farthest, float(distances.min(1).max())), max(scores, float(apart.max()))


@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_given_the_same_numbers(made: Path, name: str) -> None:
    processor = ImageProcessor(ModelFiles(made / "models" / name, {}))
    with np.load(made / "pixels.npz") as archive:
        for path in sorted((made / "pictures").iterdir()):
            got = processor(processor.load(path), path)
            assert np.abs(got - archive[f"{name}/{path.name}"]).max() < INPUT, path.name


def test_the_threshold_of_the_pipeline(made: Path) -> None:
    folder = made / "models" / "owlvit"
    pipeline = PIPELINE(ModelFiles(folder, {}), {"model": Session(folder / "onnx" / "model.onnx")})
    asked = {"candidate_labels": ("a cat", "one")}
    path = str(made / "pictures" / "photo.jpg")
    assert pipeline(path, asked, Run()) == pipeline(path, asked | {"threshold": 0.1}, Run())
    assert len(pipeline(path, asked, Run()).boxes) > len(pipeline(path, asked | {"threshold": 0.5}, Run()).boxes) > 0
