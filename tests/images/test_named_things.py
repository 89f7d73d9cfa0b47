"""Things that are named, found by a session that is none; and pictures made square for OWLv2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.images.fakes import Answering
from tests.images.files import model_files
from tests.images.test_vectors import BOTH, clip_files
from workbench.errors import InputError, ModelError, UsageError
from workbench.runtime.image_processing import ImageProcessor
from workbench.runtime.square_images import make_square
from workbench.tasks.base import Run
from workbench.tasks.zero_shot_object_detection import PIPELINE

# Two places, two labels.
OUTPUTS = {"logits": [[[2.0, -1.0], [-3.0, 1.0]]], "pred_boxes": [[[0.5, 0.5, 0.5, 1.0], [0.25, 0.25, 0.5, 0.5]]]}
LABELS = {"candidate_labels": ("cat", "red dog")}
NUMBERS = np.arange(256, dtype=np.float32) / 255


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "picture.png"
    Image.new("RGB", (40, 20)).save(path)
    return str(path)


def test_every_label_is_looked_for_at_every_place(tmp_path: Path, picture: str) -> None:
    session = Answering(OUTPUTS, BOTH)
    pipeline = PIPELINE(clip_files(tmp_path), {"model": session})
    found = pipeline(picture, LABELS, Run()).boxes
    assert [(box.label, box.xmin, box.ymin, box.xmax, box.ymax) for box in found] == [
        ("cat", 10, 0, 30, 20),
        ("red dog", 0, 0, 20, 10),
        ("red dog", 10, 0, 30, 20),
    ]
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-2)))
    # Filled up with 0, whatever the tokenizer fills up with.
    assert session.fed["input_ids"].tolist() == [[2, 5, 3, 0], [2, 7, 6, 3]]
    assert session.fed["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert len(pipeline(picture, LABELS | {"threshold": 0.8}, Run()).boxes) == 1
    assert pipeline(picture, LABELS | {"threshold": 0.9}, Run()).boxes == ()


def test_boxes_of_a_square_are_shares_of_the_square(tmp_path: Path, picture: str) -> None:
    files = clip_files(tmp_path, model_type="owlv2")
    settings = {"image_processor_type": "Owlv2ImageProcessor", "size": {"height": 8, "width": 8}}
    (files.folder / "preprocessor_config.json").write_text(json.dumps(settings), "utf-8")
    got = PIPELINE(files, {"model": Answering(OUTPUTS, BOTH)})(picture, LABELS, Run())
    assert (got.width_px, got.height_px) == (40, 20)
    assert (got.boxes[0].xmax, got.boxes[0].ymax) == (30, 40)


def test_a_label_is_cut_to_what_the_model_has_positions_for(tmp_path: Path, picture: str) -> None:
    run, session = Run(), Answering(OUTPUTS, BOTH)
    PIPELINE(clip_files(tmp_path, positions=4), {"model": session})(
        picture, {"candidate_labels": ("cat", "a red red dog")}, run
    )
    assert session.fed["input_ids"].shape == (2, 4)
    assert [notice.code for notice in run.notices] == ["text-truncated"]


def test_nothing_to_look_for_is_refused(tmp_path: Path, picture: str) -> None:
    with pytest.raises(UsageError, match="candidate_labels"):
        PIPELINE(clip_files(tmp_path), {"model": Answering(OUTPUTS, BOTH)})(picture, {"candidate_labels": ()}, Run())


@pytest.mark.parametrize(
    ("outputs", "inputs", "code"),
    [
        (OUTPUTS, {"pixel_values": np.float32}, "model-unknown-input"),
        (OUTPUTS, BOTH | {"query_pixel_values": np.float32}, "model-unknown-input"),
        ({"logits": OUTPUTS["logits"]}, BOTH, "graph-no-output"),
    ],
)
def test_other_graphs_are_refused(tmp_path: Path, outputs: dict[str, Any], inputs: dict[str, Any], code: str) -> None:
    with pytest.raises(ModelError) as caught:
        PIPELINE(clip_files(tmp_path), {"model": Answering(outputs, inputs)})
    assert caught.value.code == code


def test_a_picture_becomes_square_with_grey() -> None:
    pixels = np.full((2, 4, 3), 255, np.uint8)
    got = make_square(pixels, NUMBERS, True, None)
    assert got.shape == (3, 4, 4)
    assert (got[:, :2] == 1).all()
    assert (got[:, 2:] == 0.5).all()
    assert make_square(pixels, NUMBERS, False, None).shape == (3, 2, 4)


@pytest.mark.parametrize("size", [(8, 8), (64, 48), (200, 333), (1, 1)])
def test_an_even_picture_stays_even(size: tuple[int, int]) -> None:
    got = make_square(np.full((100, 130, 3), 51, np.uint8), NUMBERS, False, size)
    assert got.shape == (3, *size)
    np.testing.assert_allclose(got, 0.2, atol=1e-6)


def test_a_single_pixel_can_be_enlarged() -> None:
    np.testing.assert_allclose(make_square(np.full((1, 1, 3), 51, np.uint8), NUMBERS, True, (7, 5)), 0.2, atol=1e-6)


def test_a_square_of_a_strip_that_is_left_in_its_size_is_refused(tmp_path: Path) -> None:
    settings = {"image_processor_type": "Owlv2ImageProcessor", "do_resize": False}
    processor = ImageProcessor(model_files(tmp_path, settings))
    assert not processor.draft
    with pytest.raises(InputError) as caught:
        processor(Image.new("RGB", (20_000, 10)), "x.png")
    assert caught.value.code == "image-too-narrow"
