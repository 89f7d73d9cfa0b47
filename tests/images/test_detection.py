"""Object detection with a session that is none: its answers are given, its questions are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.images.fakes import Answering
from tests.images.files import ORIENTATION, model_files
from workbench.errors import EngineError, ModelError
from workbench.results import Box, Boxes
from workbench.tasks.agreement import agreement, box_overlap
from workbench.tasks.base import Run
from workbench.tasks.object_detection import PIPELINE

CONFIG = {"id2label": {"0": "cat", "1": "dog"}}
# Two classes and nothing; middle x, middle y, width, height.
LOGITS = [[[0.0, 3.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 5.0]]]
BOXES = [[[0.5, 0.5, 0.5, 0.25], [0.1, 0.2, 0.4, 0.4], [0.5, 0.5, 1.0, 1.0]]]
SETTINGS: dict[str, Any] = {"image_processor_type": "DetrImageProcessor", "size": {"height": 8, "width": 8}}
APART: dict[str, Any] = {"image_processor_type": "RTDetrImageProcessor", "size": {"height": 8, "width": 8}}


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "picture.png"
    Image.new("RGB", (40, 20)).save(path)
    return str(path)


def pipeline_of(
    folder: Path, session: Answering, settings: dict[str, Any] = SETTINGS, config: dict[str, Any] = CONFIG
) -> Any:
    return PIPELINE(model_files(folder / "model", settings, config), {"model": session})


def test_boxes_in_pixels_of_the_picture_the_surest_first(tmp_path: Path, picture: str) -> None:
    got = pipeline_of(tmp_path, Answering({"logits": LOGITS, "pred_boxes": BOXES}))(picture, {}, Run())
    assert (got.width_px, got.height_px) == (40, 20)
    assert [box.label for box in got.boxes] == ["cat", "dog"]
    assert got.boxes[0].score == pytest.approx(np.exp(9) / (np.exp(9) + 2), abs=1e-6)
    sides = [(box.xmin, box.ymin, box.xmax, box.ymax) for box in got.boxes]
    np.testing.assert_allclose(sides, [(-4, 0, 12, 8), (10, 7.5, 30, 12.5)], atol=1e-5)


def test_the_threshold(tmp_path: Path, picture: str) -> None:
    pipeline = pipeline_of(tmp_path, Answering({"logits": LOGITS, "pred_boxes": BOXES}))
    assert len(pipeline(picture, {"threshold": 0.0}, Run()).boxes) == 3
    assert [box.label for box in pipeline(picture, {"threshold": 0.95}, Run()).boxes] == ["cat"]
    assert pipeline(picture, {"threshold": 1.0}, Run()).boxes == ()


def test_each_class_for_itself(tmp_path: Path, picture: str) -> None:
    """As many pairs as there are queries; the same query can tell two classes."""
    session = Answering({"logits": [[[2.0, 1.0], [-1.0, -3.0]]], "pred_boxes": [BOXES[0][:2]]})
    got = pipeline_of(tmp_path, session, APART)(picture, {"threshold": 0.1}, Run())
    assert [box.label for box in got.boxes] == ["cat", "dog"]
    assert [box.score for box in got.boxes] == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-1))])
    assert got.boxes[0].xmin == got.boxes[1].xmin == pytest.approx(10)


def test_the_picture_is_upright_in_the_answer(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = tmp_path / "turned.jpg"
    Image.new("RGB", (40, 20)).save(path, exif=exif)
    got = pipeline_of(tmp_path, Answering({"logits": LOGITS, "pred_boxes": BOXES}))(str(path), {}, Run())
    assert (got.width_px, got.height_px) == (20, 40)


@pytest.mark.parametrize(
    ("shape", "wanted"), [((1, "height", "width"), (12, 16)), ((1, 6, 4), (6, 4)), ((1, 64, 64), (64, 64))]
)
def test_a_graph_that_asks_where_the_picture_is(
    tmp_path: Path, picture: str, shape: tuple[Any, ...], wanted: tuple[int, int]
) -> None:
    inputs = {"pixel_values": np.float32, "pixel_mask": np.int64}
    session = Answering({"logits": LOGITS, "pred_boxes": BOXES}, inputs, {"pixel_mask": shape})
    padded = SETTINGS | {"size": {"height": 6, "width": 12}, "pad_size": {"height": 12, "width": 16}}
    pipeline_of(tmp_path, session, padded)(picture, {}, Run())
    mask = session.fed["pixel_mask"]
    assert mask.dtype == np.int64
    assert mask.shape == (1, *wanted)
    rows, columns = wanted[0] // 2, wanted[1] * 3 // 4
    assert mask[0, :rows, :columns].all()
    assert mask.sum() == rows * columns
    assert session.fed["pixel_values"].shape == (1, 3, 12, 16)


def test_another_number_of_labels_is_refused(tmp_path: Path, picture: str) -> None:
    session = Answering({"logits": LOGITS, "pred_boxes": BOXES})
    for settings, config in ((SETTINGS, {"num_labels": 3}), (APART, CONFIG)):
        with pytest.raises(ModelError) as caught:
            pipeline_of(tmp_path, session, settings, config)(picture, {}, Run())
        assert caught.value.code == "model-files-disagree"


def test_numbers_that_are_none_are_refused(tmp_path: Path, picture: str) -> None:
    for outputs in (
        {"logits": np.full((1, 3, 3), np.nan), "pred_boxes": BOXES},
        {"logits": LOGITS, "pred_boxes": np.full((1, 3, 4), np.inf)},
    ):
        with pytest.raises(EngineError) as caught:
            pipeline_of(tmp_path, Answering(outputs))(picture, {}, Run())
        assert caught.value.code == "graph-not-finite"


def test_a_graph_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        pipeline_of(tmp_path, Answering({"logits": LOGITS}))
    assert caught.value.code == "graph-no-output"
    for inputs in ({"input_ids": np.int64}, {"pixel_values": np.float32, "input_ids": np.int64}):
        with pytest.raises(ModelError) as caught:
            pipeline_of(tmp_path, Answering({"logits": LOGITS, "pred_boxes": BOXES}, inputs))
        assert caught.value.code == "model-unknown-input"


def test_queries_are_compared_in_the_order_of_the_reference(tmp_path: Path) -> None:
    """A model that chooses its queries by a score has no order of its own; one whose queries are fixed has."""
    rng = np.random.default_rng(1)
    wanted = {"logits": rng.normal(size=(1, 9, 2)), "pred_boxes": rng.uniform(size=(1, 9, 4))}
    order = rng.permutation(9)
    got = {name: value[:, order] + 1e-4 for name, value in wanted.items()}
    session = Answering(wanted)
    aligned = pipeline_of(tmp_path, session, APART).aligned(got, wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(aligned[name], value, atol=2e-4)
    assert pipeline_of(tmp_path, session).aligned(got, wanted) is got


def boxes(*items: Box) -> Boxes:
    return Boxes(10, 10, items)


def test_agreement_counts_boxes_of_one_label_that_overlap() -> None:
    whole, half, other = Box("a", 0.9, 0, 0, 4, 4), Box("a", 0.8, 0, 0, 4, 2), Box("a", 0.7, 5, 5, 9, 9)
    assert box_overlap(whole, half) == 0.5
    assert box_overlap(whole, other) == 0
    assert box_overlap(Box("a", 1, 1, 1, 1, 1), Box("a", 1, 1, 1, 1, 1)) == 0
    assert agreement(boxes(), boxes()).value == 1
    assert agreement(boxes(whole, other), boxes(other, half)).value == 1
    assert agreement(boxes(whole), boxes()).value == 0
    assert agreement(boxes(whole, whole), boxes(whole)).value == pytest.approx(2 / 3)
    assert agreement(boxes(whole), boxes(Box("b", 0.9, 0, 0, 4, 4))).value == 0
