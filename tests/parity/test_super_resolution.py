"""Pictures made of pictures against transformers' pipeline, whole and in tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.records import record
from workbench.results import MadePicture
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.image_to_image import PIPELINE, ImageToImage

pytestmark = pytest.mark.toolchain

MODELS = ("swin2sr-x2", "swin2sr-x4")
# Of 255: the reference's values are rounded to whole ones too, and a hair may decide which way.
STEP = 1


@pytest.fixture(scope="module")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("super_resolution")


def load(made: Path, name: str) -> ImageToImage:
    folder = made / "models" / name
    session = Session(folder / "onnx" / "model.onnx", SessionOptions("cpu", threads=1))
    return PIPELINE(ModelFiles(folder, {}), {"model": session})


@pytest.mark.parametrize("name", MODELS)
def test_the_same_picture_is_made(made: Path, name: str) -> None:
    pipeline, farthest, same, cases = load(made, name), 0, 1.0, 0
    with np.load(made / "made.npz") as archive:
        for key in archive.files:
            model, picture = key.split("/")
            if model != name:
                continue
            got = pipeline(str(made / "pictures" / picture), {}, Run())
            assert isinstance(got, MadePicture)
            wanted = archive[key][: got.height_px, : got.width_px].astype(int)
            assert got.pixels.shape == wanted.shape
            assert wanted.std() > 20
            apart = np.abs(got.pixels - wanted)
            farthest, same = max(farthest, int(apart.max())), min(same, float((apart == 0).mean()))
            cases += 1
    assert cases == 4
    assert farthest <= STEP
    assert same > 0.999
    agreed = f"{100 * same:.3f}% of the values identical, the others off by {farthest} of 255"
    record("image-to-image", name, cases, agreed)


def test_tiles_show_no_seam(made: Path) -> None:
    pipeline = load(made, "swin2sr-x2")
    path = str(made / "pictures" / "exif-6.jpg")
    whole = pipeline(path, {}, Run()).pixels

    def seams(shared: int) -> float:
        """How much more, or less, neighbours differ along some line than where all was made at once, as a share of how
        much they differ everywhere."""
        pipeline._tiling = replace(pipeline._tiling, height=80, width=80, shared=shared)
        told: list[Any] = []
        got = pipeline(path, {}, Run(on_progress=lambda *what: told.append(what))).pixels
        assert told[-1] == ("enlarge", len(told), len(told), "parts")
        assert len(told) > 4
        return max(
            float(np.abs(steps(got, axis) - steps(whole, axis)).max() / steps(whole, axis).mean()) for axis in (0, 1)
        )

    assert seams(32) < 0.1
    assert seams(0) > 0.3


def steps(pixels: Any, axis: int) -> Any:
    """How far the values of each line are from those of the next."""
    return np.abs(np.diff(pixels.astype(int), axis=axis)).mean((1 - axis, 2))
