"""Previews: small, upright, never enlarged, fast for JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.images.files import COLORS, ORIENTATION, blocks
from workbench.errors import InputError
from workbench.runtime.images import preview


def test_no_side_is_longer_than_asked(tmp_path: Path) -> None:
    for name in ("wide.png", "wide.jpg"):
        path = tmp_path / name
        Image.fromarray(blocks(100)).save(path, quality=95)
        pixels = preview(path, 96)
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
        assert pixels.shape == (64, 96, 3)
        assert np.abs(pixels[16::32, 16::32].astype(int) - COLORS).max() < 12


def test_a_small_picture_keeps_its_size(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    Image.fromarray(blocks(4)).save(path)
    assert (preview(path, 500) == blocks(4)).all()


def test_it_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = tmp_path / "turned.jpg"
    Image.fromarray(blocks(200)).save(path, exif=exif, quality=95)
    pixels = preview(path, 60)
    assert pixels.shape == (60, 40, 3)
    assert np.abs(pixels[10::20, 10::20].astype(int) - np.rot90(COLORS, -1)).max() < 12


def test_a_strip_keeps_a_pixel_of_height(tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    Image.new("RGB", (3000, 2), (9, 8, 7)).save(path)
    assert (preview(path, 100) == np.broadcast_to([9, 8, 7], (1, 100, 3))).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_picture(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.tiff" if mode == "CMYK" else "picture.png")
    Image.new(mode, (30, 20)).save(path)
    assert preview(path, 15).shape == (10, 15, 3)


def test_a_large_jpeg_is_not_decoded_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.jpg"
    Image.new("RGB", (1600, 1200)).save(path)
    decoded: list[tuple[int, int]] = []
    load = Image.Image.load

    def noted(picture: Image.Image) -> object:
        decoded.append(picture.size)
        return load(picture)

    monkeypatch.setattr(Image.Image, "load", noted)
    assert preview(path, 200).shape == (150, 200, 3)
    assert decoded
    assert max(decoded) == (200, 150)


def test_what_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("words")
    with pytest.raises(InputError) as caught:
        preview(path, 10)
    assert caught.value.code == "image-unknown-format"
