"""Large JPEGs that are decoded at a part of their size: nearly the same numbers, at the same places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.images.files import ORIENTATION, model_files
from workbench.runtime.image_processing import EXACT_VARIABLE, ImageProcessor
from workbench.runtime.images import UPRIGHT, LoadedImage, open_image

VIT: dict[str, Any] = {"image_processor_type": "ViTImageProcessor", "size": 30}
CROPPED: dict[str, Any] = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 35}, "crop_size": 30}
DETR: dict[str, Any] = {
    "image_processor_type": "DetrImageProcessor",
    "size": {"shortest_edge": 30, "longest_edge": 38},
}
WIDTH, HEIGHT = 2003, 1501  # no multiples of 8


def slope(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Red rises to the right, green downwards, with soft waves in blue: what lies a pixel off can be seen."""
    x, y = np.linspace(20, 230, width), np.linspace(20, 230, height)[:, None]
    waves = 127 + 90 * np.sin(x / 150) * np.cos(y / 11)
    planes = [np.broadcast_to(plane, (height, width)) for plane in (x, y, waves)]
    return Image.fromarray(np.stack(planes, -1).round().astype(np.uint8))


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder, picture = tmp_path_factory.mktemp("turned"), slope()
    paths = {}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        paths[orientation] = folder / f"{orientation}.jpg"
        picture.save(paths[orientation], quality=95, subsampling=0, exif=exif)
    return paths


def both(folder: Path, settings: dict[str, Any], path: Path) -> tuple[LoadedImage, Any, Any]:
    files = model_files(folder, settings)
    draft, whole = ImageProcessor(files, draft=True), ImageProcessor(files, draft=False)
    loaded = draft.load(path)
    return loaded, draft(loaded, path), whole(whole.load(path), path)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("settings", [VIT, CROPPED, DETR], ids=["vit", "cropped", "detr"])
def test_the_same_numbers_at_the_same_places(
    turned: dict[int, Path], tmp_path: Path, settings: dict[str, Any], orientation: int
) -> None:
    loaded, got, wanted = both(tmp_path, settings, turned[orientation])
    assert max(loaded.picture.size) < WIDTH / 3
    upright = (HEIGHT, WIDTH) if orientation > 4 else (WIDTH, HEIGHT)
    assert (loaded.width_px, loaded.height_px) == upright
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).mean() < 0.01
    # Two steps of 8 bits at most. If the pixel that is only partly covered were taken for a whole one, green would be
    # off by 0.0016 and more in the mean.
    assert np.abs(got - wanted)[:, :2].max() < 0.04
    assert abs((got - wanted)[:, 1].mean()) < 0.0012


def test_every_orientation_is_known() -> None:
    assert set(UPRIGHT) == set(range(2, 9))


def test_what_is_small_or_no_jpeg_is_decoded_whole(tmp_path: Path) -> None:
    small, png, shrunk = tmp_path / "small.jpg", tmp_path / "large.png", tmp_path / "shrunk.jpg"
    slope(1400, 1000).save(small)
    slope().save(png)
    slope().save(shrunk)
    for path, settings in (
        (small, VIT),
        (png, VIT),
        (shrunk, VIT | {"size": 600}),
        (shrunk, VIT | {"do_resize": False}),
    ):
        loaded, got, wanted = both(tmp_path / "model", settings, path)
        assert loaded.box == (0, 0, loaded.width_px, loaded.height_px)
        assert (got == wanted).all()


def test_the_draft_has_four_times_the_pixels_that_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    slope(2400, 1600).save(path)
    for side, share in ((45, 8), (55, 4), (95, 4), (105, 2), (195, 2), (205, 1)):
        loaded = open_image(path, target=lambda height, width, side=side: (side, side))  # type: ignore[misc]
        assert loaded.picture.size == (2400 // share, 1600 // share)


def test_a_variable_leaves_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = model_files(tmp_path, VIT)
    for value, draft in (("1", False), ("0", True), ("", True)):
        monkeypatch.setenv(EXACT_VARIABLE, value)
        assert ImageProcessor(files).draft is draft
    monkeypatch.delenv(EXACT_VARIABLE)
    assert ImageProcessor(files).draft


def test_gray_and_cmyk_too(tmp_path: Path) -> None:
    for mode in ("L", "CMYK"):
        path = tmp_path / f"{mode}.jpg"
        slope().convert(mode).save(path, quality=95)
        loaded, got, wanted = both(tmp_path / "model", VIT, path)
        assert loaded.picture.width < WIDTH / 3
        assert np.abs(got - wanted).mean() < 0.01


def test_an_orientation_that_comes_behind_the_pixels(tmp_path: Path) -> None:
    """A PNG may tell it at its end, so that it is known only when the picture is decoded."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = tmp_path / "late.png"
    slope(40, 20).save(path, exif=exif)
    body = path.read_bytes()
    start = body.index(b"eXIf") - 4
    length = int.from_bytes(body[start : start + 4], "big") + 12
    path.write_bytes(body[:start] + body[start + length : -12] + body[start : start + length] + body[-12:])
    loaded = open_image(path)
    assert (loaded.width_px, loaded.height_px) == loaded.picture.size == (20, 40)
    assert loaded.box == (0, 0, 20, 40)
