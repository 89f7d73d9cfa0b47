"""Files of every kind become upright RGB pictures, and what cannot says why and which file it was."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.images.files import COLORS, ORIENTATION, blocks, png
from workbench.errors import InputError
from workbench.runtime.images import FORMATS, MAX_MEGAPIXELS, load_image
from workbench.tasks.base import Run

# Where each orientation of EXIF puts the upper left corner of the upright picture, as [row, column] functions of it.
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


def save(picture: Image.Image, path: Path, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_image(path)
    assert str(path) in str(caught.value)
    return caught.value


def pixels(path: Path | str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = load_image(path)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def test_all_formats_are_known_to_pillow() -> None:
    Image.init()
    assert set(FORMATS) <= set(Image.OPEN)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm", "qoi", "tga", "pcx", "sgi"])
def test_formats_that_lose_nothing(tmp_path: Path, suffix: str) -> None:
    path = save(Image.fromarray(blocks()), tmp_path / f"picture.{suffix}")
    assert (pixels(path) == blocks()).all()
    assert (pixels(str(path)) == blocks()).all()


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "jp2"])
def test_formats_that_lose_something(tmp_path: Path, suffix: str) -> None:
    path = save(Image.fromarray(blocks()), tmp_path / f"picture.{suffix}", quality=95)
    middles = pixels(path)[8::16, 8::16].astype(int)
    assert np.abs(middles - COLORS).max() < 12


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", ["png", "tiff", "jpg", "webp"])
def test_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = save(Image.fromarray(blocks()), tmp_path / f"turned.{suffix}", exif=exif, quality=95)
    wanted = TURNS[orientation](COLORS).astype(int)
    got = pixels(path)
    assert got.shape == (16 * wanted.shape[0], 16 * wanted.shape[1], 3)
    assert np.abs(got[8::16, 8::16] - wanted).max() < 12


def test_palette(tmp_path: Path) -> None:
    picture = Image.fromarray(blocks()).quantize(6)
    assert (pixels(save(picture, tmp_path / "plain.png")) == blocks()).all()
    assert (pixels(save(picture, tmp_path / "one-clear.png", transparency=2)) == blocks()).all()
    # Pillow warns when such a palette goes straight to RGB; warnings are errors here.
    path = save(picture, tmp_path / "half-clear.png", transparency=bytes([0, 50, 100, 150, 200, 250]))
    assert (pixels(path) == blocks()).all()


def test_transparency_is_dropped_as_the_reference_does(tmp_path: Path) -> None:
    picture = Image.fromarray(blocks()).convert("RGBA")
    picture.putalpha(0)
    assert (pixels(save(picture, tmp_path / "clear.png")) == blocks()).all()
    gray = Image.fromarray(blocks()[..., 0]).convert("LA")
    assert (pixels(save(gray, tmp_path / "gray-clear.png")) == blocks()[..., :1]).all()


def test_gray_one_bit_and_cmyk(tmp_path: Path) -> None:
    gray = Image.fromarray(blocks()[..., 1])
    assert (pixels(save(gray, tmp_path / "gray.png")) == blocks()[..., 1:2]).all()
    bits = Image.fromarray(blocks()[..., 1] > 100)
    assert (pixels(save(bits, tmp_path / "bits.png")) == 255 * (blocks()[..., 1:2] > 100)).all()
    cmyk = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    assert pixels(save(cmyk, tmp_path / "cyan.tiff"))[0, 0].tolist() == [0, 255, 255]


def test_sixteen_bits_are_cut_off_and_that_is_said(tmp_path: Path) -> None:
    values = np.array([[0, 7, 255, 256, 65535]], np.uint16)
    run = Run()
    picture = load_image(save(Image.fromarray(values), tmp_path / "deep.png"), run)
    assert np.asarray(picture)[0, :, 0].tolist() == [0, 7, 255, 255, 255]
    assert [notice.code for notice in run.notices] == ["image-clipped"]
    shallow = Run()
    load_image(save(Image.fromarray(values[:, :3]), tmp_path / "not-so-deep.png"), shallow)
    assert shallow.notices == []


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), color) for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    for name in ("moving.gif", "moving.png", "moving.webp"):
        path = save(frames[0], tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        assert (pixels(path) == [255, 0, 0]).all()


def test_the_same_pixels_as_the_reference(tmp_path: Path) -> None:
    """``transformers.image_utils.load_image`` is these two calls."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = save(Image.fromarray(blocks(5)), tmp_path / "photo.jpg", exif=exif)
    with Image.open(path) as picture:
        wanted = ImageOps.exif_transpose(picture).convert("RGB")
    assert (pixels(path) == np.asarray(wanted)).all()


def test_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.png").code == "input-not-found"


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path).code == "image-unreadable"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    assert refusal(path).code == "image-empty"


@pytest.mark.parametrize(
    "body",
    [
        b"just some words, and no picture",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",
        b"\xff" * 5000,
        b"P6 0 0 255\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    ],
    ids=["text", "postscript", "bytes", "no-pixels", "svg"],
)
def test_what_is_no_picture(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(body)
    assert refusal(path).code == "image-unknown-format"


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tiff", "bmp"])
def test_a_picture_that_breaks_off(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(1)
    body = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (90, 120, 3), np.uint8)).save(body, "jpeg" if suffix == "jpg" else suffix)
    path = tmp_path / f"half.{suffix}"
    path.write_bytes(body.getvalue()[: len(body.getvalue()) // 2])
    assert refusal(path).code in ("image-unreadable", "image-unknown-format")


def test_damaged_in_the_middle(tmp_path: Path) -> None:
    body = bytearray(png(20, 10, depth=8, color=2, rows=bytes(10 * 61)))
    body[48] ^= 0xFF
    path = tmp_path / "damaged.png"
    path.write_bytes(body)
    assert refusal(path).code == "image-unreadable"


def test_no_width(tmp_path: Path) -> None:
    path = tmp_path / "thin.png"
    path.write_bytes(png(0, 5))
    assert refusal(path).code in ("image-unreadable", "image-unknown-format")


@pytest.mark.parametrize("width", [MAX_MEGAPIXELS * 1000 + 1, 2 * MAX_MEGAPIXELS * 1000 + 2])
def test_a_small_file_with_a_huge_picture_is_refused(tmp_path: Path, width: int) -> None:
    """Just over the limit, where Pillow only warns, and over twice as much, where it raises."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png(width, 1000, rows=b""))
    error = refusal(path)
    assert error.code == "image-too-large"
    assert str(MAX_MEGAPIXELS) in str(error)


def test_a_large_photograph_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(8200, 6150))
    assert load_image(path).size == (8200, 6150)


def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "loop.png"
    path.symlink_to(path)
    error = refusal(path)
    assert error.code == "image-unreadable"
    assert "symbolic links" in str(error)
