"""Text out of pictures against transformers' pipeline, greedy and with beams: tiny models of three kinds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.parity.records import record
from tests.parity.verifying import verified
from workbench.errors import InputError, ModelError
from workbench.results import Text
from workbench.runtime.document_images import DonutImages
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.image_to_text import PIPELINE, ImageToText

pytestmark = pytest.mark.toolchain

MODELS = ("vit-gpt2", "trocr", "donut")


def load(folder: Path, beside: Path | None = None) -> ImageToText:
    graphs = ("encoder_model", "decoder_model_merged")
    options = SessionOptions("cpu", threads=1)
    opened = {name: Session(folder / "onnx" / f"{name}.onnx", options) for name in graphs}
    return PIPELINE(ModelFiles(beside or folder, {}), opened)


@pytest.fixture(scope="session")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("image_to_text")


@pytest.mark.parametrize("name", MODELS)
def test_tiny_models_write_what_the_pipeline_writes(made: Path, tmp_path: Path, name: str) -> None:
    found = [case for case in json.loads((made / "cases.json").read_text("utf-8")) if case["model"] == name]
    pipelines: dict[str, ImageToText] = {}
    for case in found:
        kind = case["kind"]
        if kind not in pipelines:
            ignored = shutil.ignore_patterns("onnx", "reference", "*.safetensors")
            shutil.copytree(made / name, tmp_path / kind, ignore=ignored)
            (tmp_path / kind / "generation_config.json").write_text(json.dumps(case["settings"]), "utf-8")
            pipelines[kind] = load(made / name, tmp_path / kind)
        seen: list[Any] = []
        got = pipelines[kind](made / "pictures" / case["picture"], {}, Run(on_partial=seen.append))
        assert isinstance(got, Text)
        assert got.text == case["answer"], (kind, case["picture"])
        assert seen
    assert len(found) >= 10, "too few cases win by a margin"
    assert len({case["answer"] for case in found}) >= 4
    record("image-to-text", name, len(found), "text identical, greedy and with beams", "tiny, seeded")


@pytest.mark.parametrize("name", MODELS)
def test_reference_outputs_are_those_of_torch(made: Path, name: str) -> None:
    params = {"max_new_tokens": 48}
    measured = verified(load(made / name), made / name, params)
    assert set(measured["outputs"]) == {"encoder.last_hidden_state", "decoder.logits"}
    assert all(output["cosine"] > 0.9999 for output in measured["outputs"].values())
    assert measured["agreement"]["worst"] == 1


def test_what_is_no_picture_is_refused(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"no picture at all")
    with pytest.raises(InputError) as caught:
        load(made / "vit-gpt2")(path, {}, Run())
    assert caught.value.code == "image-unknown-format"
    with pytest.raises(InputError):
        load(made / "vit-gpt2")(7, {}, Run())


def test_a_page_that_leaves_its_frame_is_refused(tmp_path: Path) -> None:
    settings = {"image_processor_type": "DonutImageProcessor", "size": [96, 64], "do_thumbnail": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings), "utf-8")
    with pytest.raises(InputError) as caught:
        DonutImages(ModelFiles(tmp_path, {}))(Image.fromarray(np.zeros((70, 3000, 3), np.uint8)), "x.png")
    assert caught.value.code == "image-too-narrow"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("size", {"shortest_edge": 3}, "model-bad-setting"),
        ("do_crop_margin", True, "model-unknown-setting"),
        ("image_std", [0.5, 0, 1], "model-bad-setting"),
        ("resample", 9, "model-bad-setting"),
    ],
)
def test_settings_of_pages_that_are_not_known_are_named(tmp_path: Path, name: str, value: Any, code: str) -> None:
    settings = {"image_processor_type": "DonutImageProcessor", name: value}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings), "utf-8")
    with pytest.raises(ModelError) as caught:
        DonutImages(ModelFiles(tmp_path, {}))
    assert caught.value.code == code
    assert caught.value.arguments["name"] == name
