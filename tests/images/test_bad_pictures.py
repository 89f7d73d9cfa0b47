"""Pictures of odd shapes and files that are none, through every task that looks at pictures: an answer or an error."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.images.fakes import Answering, Enlarging
from tests.images.files import model_files, png
from tests.images.test_vectors import clip_files
from workbench.errors import InputError, WorkbenchError
from workbench.results import RESULT_TYPES
from workbench.tasks.base import Run
from workbench.tasks.catalog import TASKS

QUERIES = {"logits": np.zeros((1, 3, 3)), "pred_boxes": np.full((1, 3, 4), 0.5)}
CLASSES = {"logits": np.arange(24).reshape(1, 2, 3, 4)}
MASKS = {"class_queries_logits": [[[4.0, 0, 0], [0, 4, 0]]], "masks_queries_logits": np.eye(4).reshape(1, 2, 2, 4)}
DEPTH = {"predicted_depth": np.arange(12).reshape(1, 3, 4)}
HIDDEN = {"last_hidden_state": np.ones((1, 5, 3))}
SCORES = {"logits_per_image": [[1.0]]}
LABELS = {"id2label": {"0": "cat", "1": "dog"}}
PARAMS: dict[str, Any] = {"candidate_labels": ("cat",), "threshold": 0.1}

# Task, processor and what its graph gives.
MODELS: list[tuple[str, str, dict[str, Any]]] = [
    ("image-classification", "ViT", {"logits": [[1.0, 2.0]]}),
    ("image-classification", "CLIP", {"logits": [[1.0, 2.0]]}),
    ("object-detection", "Detr", QUERIES),
    ("object-detection", "Yolos", QUERIES),
    ("object-detection", "RTDetr", {"logits": np.zeros((1, 3, 2)), "pred_boxes": np.full((1, 3, 4), 0.5)}),
    ("image-segmentation", "Segformer", CLASSES),
    ("image-segmentation", "MaskFormer", MASKS),
    ("depth-estimation", "DPT", DEPTH),
    ("depth-estimation", "GLPN", DEPTH),
    ("zero-shot-image-classification", "Siglip", SCORES),
    ("zero-shot-object-detection", "OwlViT", {"logits": np.zeros((1, 3, 1)), "pred_boxes": np.full((1, 3, 4), 0.5)}),
    ("image-to-image", "Swin2SR", {}),
    ("image-feature-extraction", "Bit", HIDDEN),
]
# Where the rule of the processor leaves nothing of a picture, or makes it grow beyond bounds.
REFUSED = {("GLPN", "one"): "image-too-small"} | {
    (name, "strip"): "image-too-narrow" for name in ("Bit", "CLIP", "Detr", "GLPN", "MaskFormer", "Yolos")
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pictures")
    sizes = {"one": (1, 1), "strip": (30_000, 10), "plain": (64, 48)}
    for name, size in sizes.items():
        Image.new("RGB", size, (90, 120, 150)).save(folder / f"{name}.png")
    body = (folder / "plain.png").read_bytes()
    (folder / "cut.png").write_bytes(body[: len(body) // 2])
    (folder / "words.png").write_text("no picture")
    (folder / "bomb.png").write_bytes(png(100_000, 1000, rows=b""))
    return {path.stem: path for path in folder.iterdir()}


def pipeline_of(folder: Path, task: str, processor: str, outputs: dict[str, Any]) -> Any:
    kind = importlib.import_module(f"workbench.tasks.{TASKS[task].module}").PIPELINE
    settings = {"image_processor_type": f"{processor}ImageProcessor"}
    if task == "image-to-image":
        return kind(model_files(folder / "model", settings, {"upscale": 2}), {"model": Enlarging(2)})
    if task.startswith("zero-shot"):
        files = clip_files(folder)
        inputs = {"pixel_values": np.float32, "input_ids": np.int64}
        return kind(files, {"model": Answering(outputs, inputs)})
    return kind(model_files(folder / "model", settings, LABELS), {"model": Answering(outputs)})


@pytest.mark.parametrize(("task", "processor", "outputs"), MODELS, ids=[f"{m[0]}-{m[1]}" for m in MODELS])
@pytest.mark.parametrize("shape", ["one", "strip", "plain"])
def test_odd_shapes(
    tmp_path: Path, pictures: dict[str, Path], task: str, processor: str, outputs: dict[str, Any], shape: str
) -> None:
    pipeline = pipeline_of(tmp_path, task, processor, outputs)
    params = {param.name: PARAMS.get(param.name, param.default) for param in TASKS[task].params}
    code = REFUSED.get((processor, shape))
    if code:
        with pytest.raises(InputError) as caught:
            pipeline(str(pictures[shape]), params, Run())
        assert caught.value.code == code
        assert str(pictures[shape]) in str(caught.value)
        return
    result = pipeline(str(pictures[shape]), params, Run())
    assert type(result) is RESULT_TYPES[TASKS[task].result]
    if hasattr(result, "width_px"):
        times = 2 if task == "image-to-image" else 1
        with Image.open(pictures[shape]) as picture:
            assert (result.width_px, result.height_px) == (times * picture.width, times * picture.height)


@pytest.mark.parametrize(("task", "processor", "outputs"), MODELS, ids=[f"{m[0]}-{m[1]}" for m in MODELS])
def test_what_is_no_picture(
    tmp_path: Path, pictures: dict[str, Path], task: str, processor: str, outputs: dict[str, Any]
) -> None:
    pipeline = pipeline_of(tmp_path, task, processor, outputs)
    params = {param.name: PARAMS.get(param.name, param.default) for param in TASKS[task].params}
    refused = {
        "cut": "image-unreadable",
        "words": "image-unknown-format",
        "bomb": "image-too-large",
    }
    for name, code in refused.items():
        with pytest.raises(WorkbenchError) as caught:
            pipeline(str(pictures[name]), params, Run())
        assert caught.value.code == code, name
    for item in (7, None, {"image": "x"}, ["x"]):
        with pytest.raises(InputError) as refusal:
            pipeline(item, params, Run())
        assert refusal.value.code == "image-bad-input"
