"""Masks and depth with sessions that are none: their answers are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.images.fakes import Answering
from tests.images.files import model_files
from workbench.errors import EngineError, ModelError, UsageError
from workbench.results import Depth, Mask, Masks
from workbench.tasks import depth_estimation, image_segmentation
from workbench.tasks.agreement import agreement
from workbench.tasks.base import Run

SETTINGS: dict[str, Any] = {"image_processor_type": "SegformerImageProcessor", "size": 8}
MASKFORMER: dict[str, Any] = {"image_processor_type": "MaskFormerImageProcessor", "size": {"height": 32, "width": 32}}
CONFIG = {"id2label": {"0": "sky", "1": "sea"}}
SKY, SEA, NOTHING = [4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]
IN, OUT, FAR = 5.0, -5.0, -15.0
# The upper half, the lower half, the lower right quarter; 2 x 2 places for a picture of 4 x 4.
UPPER, LOWER, QUARTER = [[IN, IN], [OUT, OUT]], [[OUT, OUT], [IN, IN]], [[FAR, FAR], [FAR, IN]]


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "picture.png"
    Image.new("RGB", (4, 4)).save(path)
    return str(path)


def segment(
    folder: Path, picture: str, outputs: dict[str, Any], settings: dict[str, Any] = SETTINGS, **params: Any
) -> Masks:
    files = model_files(folder / "model", settings, CONFIG)
    result = image_segmentation.PIPELINE(files, {"model": Answering(outputs)})(picture, params, Run())
    assert isinstance(result, Masks)
    return result


def queries(classes: list[Any], masks: list[Any], detr: bool = False) -> dict[str, Any]:
    names = ("logits", "pred_masks") if detr else ("class_queries_logits", "masks_queries_logits")
    return dict(zip(names, ([classes], [masks]), strict=True))


def inside(mask: Mask) -> list[list[int]]:
    assert set(np.unique(mask.pixels)) <= {0, 255}
    return (mask.pixels[::3, ::3] // 255).tolist()  # type: ignore[no-any-return]


def test_each_kind_of_thing_has_a_mask(tmp_path: Path, picture: str) -> None:
    got = segment(tmp_path, picture, {"logits": [[UPPER, LOWER]]})
    assert [(mask.label, mask.score, mask.is_thing) for mask in got.masks] == [
        ("sky", None, False),
        ("sea", None, False),
    ]
    assert [inside(mask) for mask in got.masks] == [[[1, 1], [0, 0]], [[0, 0], [1, 1]]]
    assert got.masks[0].pixels.shape == (4, 4)
    alone = segment(tmp_path, picture, {"logits": [[UPPER, np.full((2, 2), 9.0).tolist()]]}, subtask="semantic")
    assert [mask.label for mask in alone.masks] == ["sea"]


@pytest.mark.parametrize("detr", [True, False])
def test_each_query_that_is_sure_has_a_mask(tmp_path: Path, picture: str, detr: bool) -> None:
    outputs = queries([SKY, SEA, NOTHING, SEA], [UPPER, LOWER, LOWER, UPPER], detr)
    got = segment(tmp_path, picture, outputs)
    assert [mask.label for mask in got.masks] == ["sky", "sea"]  # the last one is hidden by the first, as sure as it
    assert [inside(mask) for mask in got.masks] == [[[1, 1], [0, 0]], [[0, 0], [1, 1]]]
    assert got.masks[0].score == pytest.approx(np.exp(4) / (np.exp(4) + 2), abs=1e-6)
    assert segment(tmp_path, picture, outputs, threshold=0.99).masks == ()


def test_a_part_that_others_cover_is_left_out(tmp_path: Path, picture: str) -> None:
    """The quarter is surer; of the lower half, half is left."""
    outputs = queries([SEA, [0.0, 9.0, 0.0]], [LOWER, QUARTER])
    got = segment(tmp_path, picture, outputs, overlap_mask_area_threshold=0.4)
    assert [inside(mask) for mask in got.masks] == [[[1, 1], [1, 0]], [[0, 0], [0, 1]]]
    got = segment(tmp_path, picture, outputs, mask_threshold=0.001, overlap_mask_area_threshold=0.9)
    assert got.masks == ()


def test_instances_may_overlap_and_are_things(tmp_path: Path, picture: str) -> None:
    outputs = queries([SEA, SEA, NOTHING], [LOWER, QUARTER, UPPER])
    got = segment(tmp_path, picture, outputs, MASKFORMER, subtask="instance")
    assert [(mask.label, mask.is_thing) for mask in got.masks] == [("sea", True), ("sea", True)]
    assert inside(got.masks[1]) == [[0, 0], [0, 1]]
    sure = 1 / (1 + np.exp(-IN))
    assert got.masks[0].score == pytest.approx(np.exp(4) / (np.exp(4) + 2) * sure, abs=1e-5)
    detr = queries([SEA, NOTHING], [LOWER, UPPER], detr=True)
    settings = {"image_processor_type": "DetrImageProcessor", "size": {"height": 8, "width": 8}}
    assert [mask.is_thing for mask in segment(tmp_path, picture, detr, settings, subtask="instance").masks] == [True]


def test_classes_of_queries_add_up(tmp_path: Path, picture: str) -> None:
    outputs = queries([SKY, SEA, SEA], [UPPER, LOWER, QUARTER])
    got = segment(tmp_path, picture, outputs, subtask="semantic")
    assert [(mask.label, mask.score) for mask in got.masks] == [("sky", None), ("sea", None)]


def test_what_a_model_cannot_do_is_refused(tmp_path: Path, picture: str) -> None:
    with pytest.raises(UsageError, match="semantic") as caught:
        segment(tmp_path, picture, {"logits": [[UPPER, LOWER]]}, subtask="panoptic")
    assert caught.value.code == "usage-bad-param"
    with pytest.raises(ModelError) as refused:
        segment(tmp_path, picture, {"logits": [[UPPER]]})
    assert refused.value.code == "model-files-disagree"
    with pytest.raises(ModelError) as refused:
        segment(tmp_path, picture, {"hidden": [[UPPER]]})
    assert refused.value.code == "graph-no-output"
    with pytest.raises(EngineError):
        segment(tmp_path, picture, {"logits": [[UPPER, np.full((2, 2), np.nan)]]})


def test_depth_has_the_size_of_the_picture_and_a_unit(tmp_path: Path, picture: str) -> None:
    settings = {"image_processor_type": "DPTImageProcessor", "size": 8}
    for shape in ((1, 3, 5), (1, 1, 3, 5)):
        for config, unit in (
            ({"model_type": "dpt"}, "relative"),
            ({"model_type": "glpn"}, "m"),
            ({"model_type": "depth_anything", "depth_estimation_type": "metric"}, "m"),
        ):
            files = model_files(tmp_path / "model", settings, config)
            session = Answering({"predicted_depth": np.full(shape, 2.5)})
            got = depth_estimation.PIPELINE(files, {"model": session})(picture, {}, Run())
            assert isinstance(got, Depth)
            assert got.unit == unit
            np.testing.assert_allclose(got.values, np.full((4, 4), 2.5), rtol=1e-6)
    several = Answering({"predicted_depth": np.zeros((2, 3, 5))})
    with pytest.raises(ModelError) as caught:
        depth_estimation.PIPELINE(files, {"model": several})(picture, {}, Run())
    assert caught.value.code == "graph-no-output"


def test_agreement_is_the_overlap_of_masks_of_one_label() -> None:
    whole, half = np.full((2, 2), 255, np.uint8), np.array([[255, 255], [0, 0]], np.uint8)

    def masks(*items: tuple[str, Any]) -> Masks:
        return Masks(2, 2, tuple(Mask(label, None, pixels) for label, pixels in items))

    assert agreement(masks(), masks()).value == 1
    assert agreement(masks(("a", whole), ("b", half)), masks(("b", half), ("a", whole))).value == 1
    assert agreement(masks(("a", half)), masks(("a", whole))).value == 0.5
    assert agreement(masks(("a", whole)), masks(("b", whole))).value == 0
    assert agreement(masks(("a", whole), ("a", half)), masks(("a", half))).value == 0.25
    empty = np.zeros((2, 2), np.uint8)
    assert agreement(masks(("a", empty)), masks(("a", empty))).value == 1
    depth = Depth(np.array([[1, 2]], np.float32), "m")
    assert agreement(depth, depth).value == pytest.approx(1)
