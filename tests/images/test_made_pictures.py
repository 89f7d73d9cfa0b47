"""Pictures made of pictures by a session that only repeats pixels: whole, in tiles, in tiles of a fixed size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.images.fakes import Answering, Enlarging
from tests.images.files import model_files
from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, InputError, ModelError
from workbench.runtime.image_processing import ImageProcessor
from workbench.runtime.tiles import Tiling, through_tiles
from workbench.tasks.agreement import agreement
from workbench.tasks.base import Run
from workbench.tasks.image_to_image import PIPELINE, ImageToImage

SETTINGS = {"image_processor_type": "Swin2SRImageProcessor", "pad_size": 8}
TWO_INPUTS = {"pixel_values": np.float32, "head_mask": np.float32}


def pipeline_of(folder: Path, session: Any, **config: Any) -> ImageToImage:
    return PIPELINE(
        model_files(folder / "model", SETTINGS, {"upscale": 2, "window_size": 8} | config), {"model": session}
    )


def picture(folder: Path, width: int, height: int) -> tuple[str, Any]:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "picture.png")
    return str(folder / "picture.png"), pixels


@pytest.mark.parametrize(
    ("size", "fixed", "tiles"),
    [
        ((20, 13), None, 1),
        ((16, 8), None, 1),
        ((300, 40), None, 2),
        ((700, 530), None, 12),
        ((20, 13), (64, 64), 1),
        ((130, 70), (64, 64), 8),
    ],
)
def test_every_pixel_is_where_it_was(
    tmp_path: Path, size: tuple[int, int], fixed: tuple[int, int] | None, tiles: int
) -> None:
    path, pixels = picture(tmp_path, *size)
    session = Enlarging(2, fixed)
    got = pipeline_of(tmp_path, session)(path, {}, Run())
    assert (got.width_px, got.height_px) == (2 * size[0], 2 * size[1])
    assert (got.pixels == pixels.repeat(2, 0).repeat(2, 1)).all()
    assert len(session.sizes) == tiles
    assert all(fixed in (None, side) for side in session.sizes)
    assert all(side % 8 == 0 and side <= 256 for sides in session.sizes for side in sides)


def test_the_picture_is_mirrored_below_and_right(tmp_path: Path) -> None:
    processor = ImageProcessor(model_files(tmp_path, SETTINGS))
    values = processor(Image.fromarray(np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)), "x.png")
    assert values.shape == (1, 3, 16, 8)
    assert (values[..., 8:, :] == values[..., 7::-1, :]).all()
    assert (values[..., 6:] == values[..., 5:3:-1]).all()


def test_where_tiles_begin() -> None:
    tiling = Tiling(64, 64, 8, 16)
    assert tiling.starts(64, 64) == [0]
    assert tiling.starts(72, 64) == [0, 8]
    assert tiling.starts(160, 64) == [0, 48, 96]


def test_two_tiles_flow_into_each_other() -> None:
    """The first tile is black, the second white: what they share goes from one to the other, its edges left out."""
    made = iter((0.0, 1.0))
    got = through_tiles(
        np.zeros((1, 3, 8, 24), np.float32),
        Tiling(8, 16, 8, 8),
        lambda tile: np.full_like(tile, next(made)),
        lambda done, total: None,
    )[0, :, 0].astype(int)
    assert (got[:10] == 0).all()
    assert (got[14:] == 255).all()
    assert (np.diff(got[9:15]) > 0).all()


def test_what_would_be_too_large_is_refused(tmp_path: Path) -> None:
    path, _ = picture(tmp_path, 3000, 1400)
    with pytest.raises(InputError) as caught:
        pipeline_of(tmp_path, Enlarging(4), upscale=4)(path, {}, Run())
    assert caught.value.code == "image-made-too-large"
    assert "12000 x 5600" in str(caught.value)


def test_it_can_be_cancelled_between_tiles(tmp_path: Path) -> None:
    path, _ = picture(tmp_path, 600, 40)
    cancellation, session = Cancellation(), Enlarging(2)
    run = Run(cancellation=cancellation, on_progress=lambda *told: cancellation.cancel())
    with pytest.raises(Cancelled):
        pipeline_of(tmp_path, session)(path, {}, run)
    assert len(session.sizes) == 1


@pytest.mark.parametrize(
    ("session", "config", "code"),
    [
        (Answering({"logits": [1.0]}), {}, "graph-no-output"),
        (
            Answering({"reconstruction": [1.0]}, {"pixel_values": np.float32, "x": np.float32}),
            {},
            "model-unknown-input",
        ),
        (Enlarging(2), {"upscale": "much"}, "model-bad-setting"),
        (Enlarging(2), {"upscale": 0}, "model-bad-setting"),
    ],
)
def test_other_models_are_refused(tmp_path: Path, session: Any, config: dict[str, Any], code: str) -> None:
    with pytest.raises(ModelError) as caught:
        pipeline_of(tmp_path, session, **config)
    assert caught.value.code == code


def test_a_graph_that_enlarges_otherwise_than_its_config_says_is_refused(tmp_path: Path) -> None:
    path, _ = picture(tmp_path, 20, 20)
    with pytest.raises(ModelError, match="upscale"):
        pipeline_of(tmp_path, Enlarging(3))(path, {}, Run())


def test_how_far_two_pictures_agree(tmp_path: Path) -> None:
    path, _ = picture(tmp_path, 20, 20)
    got = pipeline_of(tmp_path, Enlarging(2))(path, {}, Run())
    assert agreement(got, got).value == 1
    assert agreement(got, type(got)(got.pixels ^ 1)).value == pytest.approx(1 - 1 / 51)
    assert agreement(got, type(got)(255 - got.pixels)).value == 0
    assert agreement(got, type(got)(got.pixels[1:])).value == 0
