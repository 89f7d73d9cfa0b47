"""The odd and damaged pictures that Pillow is tested with, through an engine that answers or refuses each."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import PIL
import pytest
from onnx import TensorProto, helper

from tests.images.files import model_files
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import Notice
from workbench.wire import Message

ASKING = Notice.of("doing-providers")  # what a host is told that it is asked for

pytestmark = pytest.mark.slow

LIMIT_S = 300
BATCH = 100


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All files of ``Tests/images`` of Pillow's source distribution, of the version that is installed."""
    folder = tmp_path_factory.mktemp("pillow")
    name = f"pillow=={PIL.__version__}"
    command = [sys.executable, "-m", "pip", "download", name, "--no-binary", "pillow", "--no-deps", "--dest", folder]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"no source distribution of Pillow can be had: {error}")
    (archive,) = folder.glob("pillow-*.tar.gz")
    with tarfile.open(archive) as packed:
        members = [item for item in packed.getmembers() if "/Tests/images/" in item.name and item.isfile()]
        packed.extractall(folder, members, filter="data")
    return [str(path) for path in sorted(folder.rglob("Tests/images/**/*")) if path.is_file()]


@pytest.fixture
def host() -> Iterator[EngineHost]:
    host = EngineHost()
    try:
        yield host
    finally:
        host.close()


def mean_color(folder: Path) -> ModelChoice:
    """A classifier whose logits are the mean red, green and blue."""
    config = {"model_type": "vit", "id2label": {"0": "red", "1": "green", "2": "blue"}}
    files = model_files(folder, {"image_processor_type": "ViTImageProcessor", "size": 32}, config)
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["pixel_values"], ["logits"], axes=[2, 3], keepdims=0)],
        "mean",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3])],
    )
    files.graphs["model"].parent.mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, files.graphs["model"])
    return ModelChoice("mean", str(folder), {"model": str(files.graphs["model"])}, "image-classification", "cpu")


def test_an_engine_survives_them_all(tmp_path: Path, host: EngineHost, pictures: list[str]) -> None:
    assert len(pictures) > 800
    model = mean_color(tmp_path / "model")
    answers: list[dict[str, Any]] = []

    def receive(message: Message) -> None:
        if message.kind == "partial" and "index" in message.body:
            answers.append(dict(message.body))

    host.start()
    pid = host.pid
    for start in range(0, len(pictures), BATCH):
        body = {"model": model.to_body(), "inputs": pictures[start : start + BATCH], "params": {}}
        host.call("run", body, doing=ASKING, on_event=receive)
    assert host.pid == pid
    assert len(answers) == len(pictures)
    answered = [answer for answer in answers if "result" in answer]
    codes = {answer["error"]["code"] for answer in answers if "error" in answer}
    assert len(answered) > 500
    assert codes <= {"image-unreadable", "image-unknown-format", "image-too-large", "image-too-narrow", "image-empty"}
