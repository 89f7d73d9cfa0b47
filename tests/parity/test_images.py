"""Pictures and their classification against transformers: the same numbers go in, the same labels come out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporters.protocol import REFERENCE_SCHEMA
from tests.parity.records import record
from workbench.cancellation import Cancellation
from workbench.engine.verification import verify
from workbench.runtime.image_processing import ImageProcessor
from workbench.runtime.images import load_image
from workbench.runtime.session import Session
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.image_classification import PIPELINE

pytestmark = pytest.mark.toolchain

MODELS = (
    *("beit", "convnextv2", "deit", "dinov2", "efficientnet", "levit", "mobilenet_v1", "mobilenet_v2", "mobilevit"),
    *("multi", "poolformer", "pvt", "regnet", "resnet", "segformer", "siglip", "single", "swin", "vit"),
)
PROCESSORS = (
    *("blip", "chinese-clip", "clip", "clip-square", "deformable-detr", "detr", "detr-padded", "detr-within", "dpt"),
    *("dpt-padded", "efficientnet-offset", "efficientnet-top", "fast-vit", "glpn", "levit-exact", "maskformer"),
    *("not-rescaled", "odd-crop", "old-beit", "old-convnext", "old-deit", "old-detr", "old-maskformer"),
    *("old-mobilevit", "old-vit", "owlvit", "poolformer-exact", "poolformer-square", "poolformer-whole", "raw"),
    *("rt-detr", "unnamed", "yolos", "yolos-bounded"),
)


@pytest.fixture(scope="module")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("images")


@pytest.fixture(scope="module")
def answers(made: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((made / "answers.json").read_text("utf-8"))
    return value


@pytest.fixture(scope="module")
def pixels(made: Path) -> Any:
    with np.load(made / "pixels.npz") as archive:
        return dict(archive)


def files_of(folder: Path) -> ModelFiles:
    return ModelFiles(folder, {"model": folder / "onnx" / "model.onnx"})


def test_every_model_and_processor_is_compared(made: Path) -> None:
    assert sorted(path.name for path in (made / "models").iterdir()) == sorted(MODELS)
    assert sorted(path.name for path in (made / "processors").iterdir()) == sorted(PROCESSORS)


# The same numbers go in, within 1e-5; both runtimes then add them up in orders of their own, which are others on every
# kind of processor. 1.3e-4 was seen, for mobilenet_v2 without AVX-512.
SCORES = 3e-4


@pytest.mark.parametrize("name", [*(f"models/{m}" for m in MODELS), *(f"processors/{p}" for p in PROCESSORS)])
def test_the_same_numbers_go_in(made: Path, pixels: dict[str, Any], name: str) -> None:
    processor = ImageProcessor(files_of(made / name))
    pictures = sorted((made / "pictures").iterdir())
    assert len(pictures) > 15
    for path in pictures:
        got, wanted = processor(load_image(path), path), pixels[f"{name}/{path.name}"]
        assert got.dtype == np.float32
        assert got.shape == wanted.shape, path.name
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5, err_msg=path.name)


@pytest.mark.parametrize("name", MODELS)
def test_the_same_labels_come_out(made: Path, answers: dict[str, Any], name: str) -> None:
    files = files_of(made / "models" / name)
    pipeline = PIPELINE(files, {"model": Session(files.graphs["model"])})
    tops = set()
    for path in sorted((made / "pictures").iterdir()):
        got: Any = pipeline(str(path), {}, Run()).to_json()
        wanted = answers[name][path.name]
        assert [item["label"] for item in got] == [item["label"] for item in wanted], path.name
        scores, expected = ([item["score"] for item in items] for items in (got, wanted))
        np.testing.assert_allclose(scores, expected, rtol=0, atol=SCORES, err_msg=path.name)
        tops.add(got[0]["label"])
    assert len(wanted) == (1 if name == "single" else 5)
    assert len(tops) == 1 if name == "single" else len(tops) > 1  # the networks do look at their pictures
    shown = {"multi": "vit, several labels", "single": "vit, one label"}.get(name, name)
    cases = len(list((made / "pictures").iterdir()))
    record("image-classification", shown, cases, f"labels identical, scores within {SCORES}")


@pytest.mark.parametrize("name", ["vit", "convnextv2", "efficientnet"])
def test_verification_finds_agreement(made: Path, tmp_path: Path, name: str) -> None:
    """Recorded answers in the form that an export has them."""
    pictures = sorted((made / "pictures").iterdir())
    (tmp_path / "media").symlink_to(made / "pictures")
    rows = [{"input": f"media/{path.name}", "outputs": {"logits": f"{name}/{path.name}"}} for path in pictures]
    (tmp_path / "samples.json").write_text(json.dumps({"schema": REFERENCE_SCHEMA, "samples": rows}), "utf-8")
    (tmp_path / "answers.npz").symlink_to(made / "logits.npz")
    files = files_of(made / "models" / name)
    steps = verify(
        PIPELINE(files, {"model": Session(files.graphs["model"])}), str(tmp_path), {}, Cancellation(), lambda *_: None
    )
    done = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            measured = end.value
            break
        done += 1
    assert measured["samples"] == done == len(pictures)
    assert measured["outputs"]["logits"]["max_abs_diff"] < 1e-4
    assert measured["agreement"] == {"metric": "same label", "mean": 1.0, "worst": 1.0, "worst_sample": 0}
