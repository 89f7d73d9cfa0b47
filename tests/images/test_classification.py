"""Image classification with a session that is none: its answers are given, its questions are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from tests.images.files import model_files
from workbench.errors import EngineError, InputError, ModelError
from workbench.resources import assets_dir
from workbench.results import Labels
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import Array, Outputs, Run
from workbench.tasks.image_classification import PIPELINE

SETTINGS = {"image_processor_type": "ViTImageProcessor", "size": 2}
CONFIG = {"id2label": {"0": "cat", "1": "dog", "2": "owl"}}
LOGITS = [0.0, 2.0, 1.0]
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum()


class Answering:
    """A session that always gives the same logits."""

    input_names: tuple[str, ...] = ("pixel_values",)
    output_names: tuple[str, ...] = ("hidden", "logits")
    input_shapes: Mapping[str, tuple[int | str | None, ...]] = {}

    def __init__(self, logits: list[float] = LOGITS, dtype: type[Any] = np.float32) -> None:
        self.input_dtypes = {"pixel_values": np.dtype(dtype)}
        self.logits = np.array([logits], dtype)
        self.fed: Array | None = None

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        (self.fed,) = feeds.values()
        return dict.fromkeys(outputs or self.output_names, self.logits)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "picture.png"
    Image.new("RGB", (5, 4), (255, 0, 255)).save(path)
    return str(path)


def answer(
    folder: Path, picture: str, session: Any, config: dict[str, Any] = CONFIG, **params: Any
) -> list[tuple[str, float]]:
    pipeline = PIPELINE(model_files(folder / "model", SETTINGS, config), {"model": session})
    result = pipeline(picture, params, Run())
    assert isinstance(result, Labels)
    return [(item.label, item.score) for item in result.labels]


def test_the_likeliest_first(tmp_path: Path, picture: str) -> None:
    got = answer(tmp_path, picture, Answering())
    assert [label for label, _ in got] == ["dog", "owl", "cat"]
    np.testing.assert_allclose([score for _, score in got], sorted(SOFTMAX, reverse=True), rtol=1e-6)


def test_how_many(tmp_path: Path, picture: str) -> None:
    seven = Answering([0.0, 1, 2, 3, 4, 5, 6])
    config = {"num_labels": 7}
    names = [label for label, _ in answer(tmp_path, picture, seven, config)]
    assert names == [f"LABEL_{n}" for n in (6, 5, 4, 3, 2)]
    assert len(answer(tmp_path, picture, seven, config, top_k=None)) == 5
    assert len(answer(tmp_path, picture, seven, config, top_k=1)) == 1
    assert len(answer(tmp_path, picture, seven, config, top_k=100)) == 7


def test_functions(tmp_path: Path, picture: str) -> None:
    sigmoid = 1 / (1 + np.exp(-np.array([2.0, 1.0, 0.0])))
    for params, config, wanted in (
        ({"function_to_apply": "none"}, CONFIG, [2, 1, 0]),
        ({"function_to_apply": "sigmoid"}, CONFIG, sigmoid),
        ({}, CONFIG | {"problem_type": "multi_label_classification"}, sigmoid),
        ({}, CONFIG | {"problem_type": "regression"}, sorted(SOFTMAX, reverse=True)),
        ({"function_to_apply": "softmax"}, CONFIG | {"problem_type": "multi_label_classification"}, None),
    ):
        got = [score for _, score in answer(tmp_path, picture, Answering(), config, **params)]
        np.testing.assert_allclose(got, sorted(SOFTMAX, reverse=True) if wanted is None else wanted, rtol=1e-6)
    ((label, score),) = answer(tmp_path, picture, Answering([-1.0]), {"id2label": {"0": "cat"}})
    assert label == "cat"
    assert score == pytest.approx(1 / (1 + np.e), rel=1e-6)


def test_large_scores_overflow_nothing(tmp_path: Path, picture: str) -> None:
    session = Answering([-1e4, 1e4, 0.0])
    for function, wanted in (("softmax", [1, 0, 0]), ("sigmoid", [1, 0.5, 0])):
        got = [score for _, score in answer(tmp_path, picture, session, function_to_apply=function)]
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-9)


def test_equal_scores_keep_the_order_of_the_labels(tmp_path: Path, picture: str) -> None:
    assert [label for label, _ in answer(tmp_path, picture, Answering([1.0, 1.0, 1.0]))] == ["cat", "dog", "owl"]


def test_a_graph_in_half_precision(tmp_path: Path, picture: str) -> None:
    session = Answering(dtype=np.float16)
    got = answer(tmp_path, picture, session)
    assert session.fed is not None
    assert session.fed.dtype == np.float16
    assert session.fed.shape == (1, 3, 2, 2)
    assert session.fed[0, :, 0, 0].tolist() == [1, -1, 1]
    np.testing.assert_allclose([score for _, score in got], sorted(SOFTMAX, reverse=True), rtol=1e-6)


def test_scores_that_are_no_numbers(tmp_path: Path, picture: str) -> None:
    with pytest.raises(EngineError) as caught:
        answer(tmp_path, picture, Answering([0.0, float("nan"), 1.0]))
    assert caught.value.code == "graph-not-finite"


def test_graphs_of_other_tasks_are_refused(tmp_path: Path, picture: str) -> None:
    session = Answering()
    session.output_names = ("last_hidden_state",)
    with pytest.raises(ModelError) as caught:
        answer(tmp_path, picture, session)
    assert caught.value.code == "graph-no-output"
    assert "last_hidden_state" in str(caught.value)
    session = Answering()
    session.input_names = ("pixel_values", "input_ids")
    with pytest.raises(ModelError) as caught:
        answer(tmp_path, picture, session)
    assert caught.value.arguments["name"] == "input_ids"


def test_a_model_with_other_labels_is_refused(tmp_path: Path, picture: str) -> None:
    with pytest.raises(ModelError) as caught:
        answer(tmp_path, picture, Answering([1.0, 2.0]))
    assert caught.value.code == "model-files-disagree"


def test_an_input_that_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        PIPELINE(model_files(tmp_path / "model", SETTINGS, CONFIG), {"model": Answering()})({"image": 1}, {}, Run())
    assert caught.value.code == "image-bad-input"


def test_a_bad_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        answer(tmp_path, str(tmp_path / "nothing.png"), Answering())
    assert "nothing.png" in str(caught.value)


def test_a_warning_reaches_the_run(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 4000, np.uint16)).save(path)
    run = Run()
    PIPELINE(model_files(tmp_path / "model", SETTINGS, CONFIG), {"model": Answering()})(str(path), {}, run)
    assert [notice.code for notice in run.notices] == ["image-clipped"]


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT, TensorProto.FLOAT16])
def test_a_real_graph(tmp_path: Path, picture: str, dtype: int) -> None:
    """Logits are the means of the channels: 1, -1, 1 for a picture of this colour."""
    files = model_files(tmp_path / "model", SETTINGS, CONFIG)
    mean = helper.make_node("ReduceMean", ["pixel_values"], ["logits"], axes=[2, 3], keepdims=0)
    graph = helper.make_graph(
        [mean],
        "means",
        [helper.make_tensor_value_info("pixel_values", dtype, ["batch", 3, "height", "width"])],
        [helper.make_tensor_value_info("logits", dtype, ["batch", 3])],
    )
    files.graphs["model"].parent.mkdir()
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), files.graphs["model"]
    )
    pipeline = PIPELINE(files, {"model": Session(files.graphs["model"], SessionOptions("cpu"))})
    run = Run()
    got = pipeline(picture, {"function_to_apply": "none"}, run)
    assert isinstance(got, Labels)
    assert [(item.label, item.score) for item in got.labels] == [("cat", 1.0), ("owl", 1.0), ("dog", -1.0)]
    assert set(run.times_s) == {"preprocess", "session", "postprocess"}


def test_the_sample_pictures_can_be_worked_on(tmp_path: Path) -> None:
    pictures = [p for p in sorted((assets_dir() / "samples" / "pictures").iterdir()) if p.suffix in (".jpg", ".png")]
    assert len(pictures) == 8
    session = Answering()
    pipeline = PIPELINE(model_files(tmp_path / "model", SETTINGS | {"size": 64}, CONFIG), {"model": session})
    seen = []
    for path in pictures:
        assert path.stat().st_size <= 20_000
        pipeline(str(path), {}, Run())
        assert session.fed is not None
        seen.append(session.fed)
        assert session.fed.std() > 0.1
    for n, one in enumerate(seen):
        assert all(np.abs(one - other).mean() > 0.1 for other in seen[:n])
