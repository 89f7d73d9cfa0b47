"""A result over its picture, asked of a real engine."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from workbench.api import Workbench
from workbench.errors import InputError
from workbench.marks import MARKS
from workbench.results import Box, Boxes, Depth, Mask, Masks
from workbench.saving.formats import FORMATS, OutFolder


def test_every_overlay_comes_through_the_engine(tmp_path: Path) -> None:
    Image.new("RGB", (60, 40), (128, 128, 128)).save(tmp_path / "cat.png")
    pixels = np.full((40, 60), 255, np.uint8)
    results = (
        Boxes(60, 40, (Box("cat", 0.9, 10, 10, 50, 30),)),
        Masks(60, 40, (Mask("cat", None, pixels),)),
        Depth(np.zeros((40, 60), np.float32), "m"),
    )
    with Workbench() as workbench:
        for result in results:
            data = workbench.overlay(tmp_path / "cat.png", result)
            with Image.open(io.BytesIO(data)) as drawn:
                assert drawn.size == (60, 40)
                assert drawn.convert("RGB").getpixel((30, 30)) != (128, 128, 128)
        out = OutFolder(tmp_path / "out")
        formats = [FORMATS["overlay"], FORMATS["coco"]]
        (path,) = out.save(str(tmp_path / "cat.png"), "image", results[0], formats, workbench.overlay)
        with Image.open(path) as drawn:
            assert drawn.convert("RGB").getpixel((30, 30)) == ImageColor.getrgb(MARKS[0])
        (tmp_path / "no picture.png").write_bytes(b"x")
        with pytest.raises(InputError):
            workbench.overlay(tmp_path / "no picture.png", results[0])
