"""What is drawn over a picture: the engine's side."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from workbench.engine.media import overlay
from workbench.errors import EngineError, InputError
from workbench.marks import MARKS
from workbench.packing import pack
from workbench.results import Box, Boxes, Depth, Label, Labels, Mask, Masks, Result
from workbench.runtime.overlay import draw_over, overlay_png

GREY = (128, 128, 128)


def picture(width: int = 80, height: int = 60) -> Image.Image:
    return Image.new("RGB", (width, height), GREY)


def color(number: int) -> tuple[int, ...]:
    return ImageColor.getrgb(MARKS[number])


def test_a_box_has_its_colour_where_it_is_and_nothing_elsewhere() -> None:
    drawn = draw_over(picture(400, 300), Boxes(400, 300, (Box("cat", 0.9, 100, 100, 300, 250),)))
    assert drawn.size == (400, 300)
    assert drawn.getpixel((200, 250)) == color(0)
    assert drawn.getpixel((300, 200)) == color(0)
    assert drawn.getpixel((200, 180)) == GREY
    assert drawn.getpixel((50, 50)) == GREY


def test_boxes_of_one_label_have_one_colour() -> None:
    boxes = (Box("cat", 0.9, 10, 20, 100, 90), Box("dog", 0.8, 120, 20, 200, 90), Box("cat", 0.7, 220, 20, 300, 90))
    drawn = draw_over(picture(320, 100), Boxes(320, 100, boxes))
    assert [drawn.getpixel((x, 90)) for x in (50, 160, 260)] == [color(0), color(1), color(0)]


@pytest.mark.parametrize(
    "box",
    [
        Box("x", float("nan"), 0, 0, float("inf"), 5),
        Box("x", 0.5, -1e30, -1e30, 1e30, 1e30),
        Box("x" * 500, 0.5, 70, 50, 60, 40),
        Box("标签\n🎈 \x00", 0.5, 79, 59, 80, 60),
    ],
)
def test_odd_boxes_are_no_error(box: Box) -> None:
    assert draw_over(picture(), Boxes(80, 60, (box,))).size == (80, 60)


def test_a_mask_tints_its_inside_and_has_an_edge() -> None:
    pixels = np.zeros((60, 80), np.uint8)
    pixels[10:50, 20:60] = 255
    drawn = draw_over(picture(), Masks(80, 60, (Mask("sky", None, pixels),)))
    assert drawn.getpixel((5, 5)) == GREY
    assert drawn.getpixel((20, 10)) == color(0)
    half = tuple(round((part + 128) / 2) for part in color(0))
    inside = drawn.getpixel((40, 30))
    assert isinstance(inside, tuple)
    assert np.abs(np.subtract(inside, half)).max() <= 1


def test_a_mask_of_another_size_is_fitted() -> None:
    pixels = np.array([[255, 0]], np.uint8)
    drawn = draw_over(picture(), Masks(2, 1, (Mask("sky", None, pixels),)))
    assert drawn.getpixel((70, 30)) == GREY
    assert drawn.getpixel((10, 30)) != GREY


def test_near_is_light_whatever_way_the_numbers_go() -> None:
    numbers = np.tile(np.linspace(0, 1, 80, dtype=np.float32), (60, 1))
    metres, relative = (np.array(draw_over(picture(), Depth(numbers, unit)).convert("L")) for unit in ("m", "relative"))
    assert metres[30, 2] > metres[30, 77] + 80
    assert relative[30, 77] > relative[30, 2] + 80
    unknown = draw_over(picture(), Depth(np.full((60, 80), np.nan, np.float32), "m"))
    assert unknown.getpixel((40, 30)) == GREY


def test_another_result_is_refused() -> None:
    with pytest.raises(EngineError, match="cannot be drawn"):
        draw_over(picture(), Labels((Label("a", 1.0),)))


def test_the_request_gives_a_png_of_the_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right
    picture(80, 60).save(tmp_path / "a.jpg", exif=exif)
    result: Result = Boxes(60, 80, (Box("cat", 0.9, 10, 30, 50, 70),))
    answer = overlay({"path": str(tmp_path / "a.jpg"), "result": pack(result)})
    with Image.open(io.BytesIO(bytes(answer["png"].data))) as drawn:
        assert drawn.format == "PNG"
        assert drawn.size == (60, 80)
        assert drawn.convert("RGB").getpixel((30, 70)) == color(0)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError):
        overlay_png(tmp_path / "a.png", Boxes(1, 1, ()))
