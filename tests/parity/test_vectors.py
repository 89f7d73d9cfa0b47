"""Pictures among texts, and their features, against transformers' pipelines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.records import record
from workbench.runtime.session import Session
from workbench.tasks import image_feature_extraction, zero_shot_image_classification
from workbench.tasks.agreement import cosine
from workbench.tasks.base import ModelFiles, Run

pytestmark = pytest.mark.toolchain

PAIRS = ("clip", "siglip")
SINGLES = ("dinov2", "resnet", "vit")
SCORE, COSINE = 1e-4, 0.99999


@pytest.fixture(scope="module")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("vision_vectors")


def pipeline_of(folder: Path, kind: Any, *graphs: str) -> Any:
    files = ModelFiles(folder, {name: folder / "onnx" / f"{name}.onnx" for name in graphs or ("model",)})
    return kind.PIPELINE(files, {name: Session(path) for name, path in files.graphs.items()})


def farthest_score(pipeline: Any, made: Path, answers: dict[str, Any], run: Run) -> tuple[int, float]:
    cases, farthest = 0, 0.0
    for picture, rows in answers.items():
        for row in rows:
            params = {"candidate_labels": tuple(row["candidates"]), "hypothesis_template": row["template"]}
            got = pipeline(str(made / "pictures" / picture), params, run).labels
            wanted = {item["label"]: item["score"] for item in row["answer"]}
            assert {item.label for item in got} == set(wanted)
            assert got[0].label == row["answer"][0]["label"], picture
            farthest = max(farthest, *(abs(item.score - wanted[item.label]) for item in got))
            cases += 1
    return cases, farthest


@pytest.mark.parametrize("name", PAIRS)
def test_the_same_text_fits(made: Path, name: str) -> None:
    answers = json.loads((made / "answers.json").read_text("utf-8"))[name]
    pipeline = pipeline_of(made / "models" / name, zero_shot_image_classification)
    run = Run()
    cases, farthest = farthest_score(pipeline, made, answers, run)
    assert cases > 40
    assert farthest < SCORE
    assert {notice.code for notice in run.notices} <= {"image-clipped"}  # one of the pictures has 16 bits
    record("zero-shot-image-classification", name, cases, f"best label identical, scores within {farthest:.0e}")


def test_two_graphs_answer_as_one(made: Path) -> None:
    """And say that they do not know the temperature; this model has the one that is taken then."""
    answers = json.loads((made / "answers.json").read_text("utf-8"))["clip"]
    pipeline = pipeline_of(made / "clip-split", zero_shot_image_classification, "vision_model", "text_model")
    run = Run()
    cases, farthest = farthest_score(pipeline, made, answers, run)
    assert farthest < SCORE
    assert "zero-shot-scale" in {notice.code for notice in run.notices}
    record("zero-shot-image-classification", "clip in two graphs", cases, f"scores within {farthest:.0e}")


@pytest.mark.parametrize("name", SINGLES)
def test_the_same_features(made: Path, name: str) -> None:
    pipeline = pipeline_of(made / "models" / name, image_feature_extraction)
    least, cases = 1.0, 0
    with np.load(made / "vectors.npz") as archive:
        for path in sorted((made / "pictures").iterdir()):
            wanted = archive[f"{name}/{path.name}"][0]
            if wanted.ndim == 3:  # a map: one vector a place
                wanted = wanted.reshape(len(wanted), -1).T
            got = pipeline(str(path), {}, Run())
            assert not got.pooled
            assert got.vectors.shape == wanted.shape
            least = min(least, *(cosine(a, b) for a, b in zip(got.vectors, wanted, strict=True)))
            mean = pipeline(str(path), {"pool": "mean"}, Run())
            assert mean.pooled
            assert cosine(mean.vectors, wanted.mean(0)) >= COSINE
            if name == "dinov2":
                pooled = archive[f"{name}/{path.name}/pooled"]
                for pool in ("model", "cls"):
                    got = pipeline(str(path), {"pool": pool}, Run())
                    assert got.vectors.shape == pooled.shape == (1, 32)
                    least = min(least, cosine(got.vectors, pooled))
            cases += 1
    assert least >= COSINE
    record("image-feature-extraction", name, cases, f"cosine ≥ {least:.6f}")
