"""What a ``preprocessor_config.json`` asks for, on pictures so small that the answer is worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.images.files import model_files
from workbench.errors import InputError, ModelError
from workbench.runtime.image_config import CLASSES
from workbench.runtime.image_processing import ImageProcessor

PLAIN = {"do_resize": False, "do_rescale": False, "do_normalize": False}


def numbers(height: int, width: int) -> Image.Image:
    """Red counts the pixels from 1 on, green is 100 more, blue 200."""
    red = np.arange(1, height * width + 1, dtype=np.uint8).reshape(height, width)
    return Image.fromarray(np.stack([red, red + 100, red + 200], -1))


def run(folder: Path, settings: dict[str, Any], picture: Image.Image, config: dict[str, Any] | None = None) -> Any:
    return ImageProcessor(model_files(folder, settings, config))(picture, "picture.png")


def settings_of(name: str, **settings: Any) -> dict[str, Any]:
    return {"image_processor_type": f"{name}ImageProcessor", **settings}


def refusal(folder: Path, settings: Any, config: dict[str, Any] | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ImageProcessor(model_files(folder, settings, config))
    assert str(folder) in str(caught.value)
    return caught.value


def test_channels_first_and_one_picture_a_batch(tmp_path: Path) -> None:
    got = run(tmp_path, settings_of("ViT", **PLAIN), numbers(2, 3))
    assert got.dtype == np.float32
    red = np.array([[1, 2, 3], [4, 5, 6]])
    assert (got == np.stack([red, red + 100, red + 200])[None]).all()


def test_rescaled_and_normalized(tmp_path: Path) -> None:
    picture = Image.new("RGB", (1, 1), (0, 51, 255))
    values = settings_of("ViT", do_resize=False, image_mean=[0.5, 0.2, 0.1], image_std=[0.5, 0.1, 0.3])
    np.testing.assert_allclose(run(tmp_path, values, picture)[0, :, 0, 0], [-1, 0, 3], atol=1e-6)
    values = settings_of("ViT", do_resize=False, image_mean=0.2, image_std=0.4)
    np.testing.assert_allclose(run(tmp_path, values, picture)[0, :, 0, 0], [-0.5, 0, 2], atol=1e-6)


def test_efficientnet_shifts_and_divides_twice(tmp_path: Path) -> None:
    picture = Image.new("RGB", (1, 1), (0, 51, 255))
    values = settings_of("EfficientNet", do_resize=False, rescale_factor=2 / 255, rescale_offset=True)
    once = run(tmp_path, values | {"do_normalize": False, "include_top": False}, picture)
    np.testing.assert_allclose(once[0, :, 0, 0], [-1, -0.6, 1], atol=1e-6)
    twice = run(tmp_path, values | {"image_mean": 0, "image_std": 0.5}, picture)
    np.testing.assert_allclose(twice[0, :, 0, 0], [-4, -2.4, 4], atol=1e-6)


def test_mobilevit_turns_the_channels_round(tmp_path: Path) -> None:
    picture = Image.new("RGB", (1, 1), (10, 20, 30))
    values = settings_of("MobileViT", do_resize=False, do_center_crop=False, do_rescale=False)
    assert run(tmp_path, values, picture)[0, :, 0, 0].tolist() == [30, 20, 10]


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((2, 2), [[6, 7], [10, 11]]),
        ((1, 3), [[5, 6, 7]]),
        ((3, 1), [[2], [6], [10]]),
        ((6, 2), [[0, 0], [2, 3], [6, 7], [10, 11], [14, 15], [0, 0]]),
        ((2, 7), [[0, 0, 5, 6, 7, 8, 0], [0, 0, 9, 10, 11, 12, 0]]),
    ],
)
def test_the_middle_is_cut_out(tmp_path: Path, size: tuple[int, int], wanted: list[list[int]]) -> None:
    crop = {"height": size[0], "width": size[1]}
    got = run(tmp_path, settings_of("DeiT", **PLAIN, crop_size=crop), numbers(4, 4))
    assert got[0, 0].astype(int).tolist() == wanted


SIZES: list[tuple[str, dict[str, Any], tuple[int, int], tuple[int, int]]] = [
    # class, settings, (width, height) of the picture, (height, width) wanted
    ("ViT", {"size": 6}, (20, 10), (6, 6)),
    ("ViT", {"size": [6, 8]}, (20, 10), (6, 8)),
    ("ViT", {"size": {"height": 6, "width": 8}}, (20, 10), (6, 8)),
    ("CLIP", {"size": 6, "do_center_crop": False}, (21, 10), (6, 12)),
    ("CLIP", {"size": {"shortest_edge": 6}, "do_center_crop": False}, (10, 29), (17, 6)),
    ("CLIP", {"size": {"shortest_edge": 6}, "do_center_crop": False}, (10, 10), (6, 6)),
    ("CLIP", {"size": {"shortest_edge": 6}, "use_square_size": True, "do_center_crop": False}, (20, 10), (6, 6)),
    ("CLIP", {"size": {"shortest_edge": 6}, "crop_size": 5}, (20, 10), (5, 5)),
    ("CLIP", {"size": {"shortest_edge": 6}, "crop_size": [9, 40]}, (20, 10), (9, 40)),
    ("Levit", {"size": {"shortest_edge": 7}, "do_center_crop": False}, (20, 10), (8, 16)),
    ("Levit", {"size": {"height": 7, "width": 9}, "do_center_crop": False}, (20, 10), (7, 9)),
    ("ConvNext", {"size": {"shortest_edge": 70}, "crop_pct": 0.875}, (200, 100), (70, 70)),
    ("ConvNext", {"size": 384}, (20, 10), (384, 384)),
    ("PoolFormer", {"size": 9, "do_center_crop": False}, (20, 10), (10, 20)),
    ("PoolFormer", {"size": 9, "crop_pct": None, "do_center_crop": False}, (20, 10), (9, 18)),
    ("PoolFormer", {"size": {"height": 9, "width": 9}, "do_center_crop": False}, (20, 10), (10, 20)),
    ("PoolFormer", {"size": {"height": 9, "width": 18}, "do_center_crop": False}, (20, 10), (10, 20)),
    ("PoolFormer", {"size": {"height": 9, "width": 18}, "crop_pct": None, "do_center_crop": False}, (9, 9), (9, 18)),
    ("Siglip", {"size": {"height": 6, "width": 8}}, (20, 10), (6, 8)),
    ("Detr", {"size": {"shortest_edge": 6, "longest_edge": 9}}, (20, 10), (4, 9)),  # 4.5 is rounded to even
    ("Detr", {"size": 6, "max_size": 30}, (10, 20), (12, 6)),
    ("Detr", {"size": {"max_height": 6, "max_width": 30}}, (20, 10), (6, 12)),
    ("Detr", {"size": {"height": 6, "width": 7}, "pad_size": {"height": 9, "width": 8}}, (20, 10), (9, 8)),
    ("Detr", {"size": {"height": 6, "width": 7}, "pad_size": 9, "pad_and_return_pixel_mask": False}, (20, 10), (6, 7)),
    ("Yolos", {"size": {"shortest_edge": 40, "longest_edge": 90}}, (20, 10), (32, 80)),
    ("MaskFormer", {"size": 40, "max_size": 70}, (20, 10), (64, 96)),
    ("MaskFormer", {"size": {"height": 40, "width": 30}, "size_divisor": 8}, (20, 10), (40, 32)),
    ("DPT", {"size": 40, "keep_aspect_ratio": True, "ensure_multiple_of": 32}, (20, 10), (32, 32)),
    ("DPT", {"size": 40, "do_pad": True, "size_divisor": 16}, (20, 10), (48, 48)),
    ("GLPN", {"size_divisor": 8}, (20, 10), (8, 16)),
    ("OwlViT", {"size": [6, 8], "rescale": True}, (20, 10), (6, 8)),
]


@pytest.mark.parametrize(("name", "settings", "picture", "wanted"), SIZES)
def test_sizes(
    tmp_path: Path, name: str, settings: dict[str, Any], picture: tuple[int, int], wanted: tuple[int, int]
) -> None:
    got = run(tmp_path, settings_of(name, **settings), Image.new("RGB", picture))
    assert got.shape == (1, 3, *wanted)


def test_convnext_cuts_the_share_out_of_a_larger_picture(tmp_path: Path) -> None:
    """8 px of 16: a picture of 16 x 16 is not scaled, and its middle stays."""
    values = settings_of("ConvNext", size=8, crop_pct=0.5, do_rescale=False, do_normalize=False)
    picture = numbers(16, 16).crop((0, 0, 16, 16))
    wanted = np.asarray(picture)[4:12, 4:12, 0]
    assert (run(tmp_path, values, picture)[0, 0] == wanted).all()


@pytest.mark.parametrize("resample", range(6))
def test_the_filter_is_the_one_of_that_number(tmp_path: Path, resample: int) -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (9, 13, 3), np.uint8))
    wanted = np.asarray(picture.resize((5, 4), Image.Resampling(resample)))
    values = settings_of("ViT", size=[4, 5], resample=resample, do_rescale=False, do_normalize=False)
    assert (run(tmp_path, values, picture)[0] == wanted.transpose(2, 0, 1)).all()


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_defaults(tmp_path: Path, name: str) -> None:
    got = run(tmp_path, {"image_processor_type": name}, Image.new("RGB", (300, 230)))
    assert got.shape[:2] == (1, 3)
    assert min(got.shape[2:]) >= 224
    assert np.isfinite(got).all()


def test_the_class_is_found(tmp_path: Path) -> None:
    size = {"size": {"shortest_edge": 400}}
    for settings, config in (
        (size | {"image_processor_type": "ConvNextImageProcessorFast"}, {}),
        (size | {"feature_extractor_type": "ConvNextFeatureExtractor"}, {}),
        (size, {"image_processor_type": "ConvNextImageProcessor"}),
        (size, {"model_type": "resnet"}),
    ):
        assert run(tmp_path, settings, Image.new("RGB", (9, 5)), {"x": 1} | config).shape == (1, 3, 400, 400)


def test_the_file_of_a_whole_processor_is_read_too(tmp_path: Path) -> None:
    files = model_files(tmp_path, settings_of("ViT", size=6))
    text = (tmp_path / "preprocessor_config.json").read_text("utf-8")
    (tmp_path / "preprocessor_config.json").unlink()
    (tmp_path / "processor_config.json").write_text(f'{{"image_processor": {text}}}', "utf-8")
    assert ImageProcessor(files)(Image.new("RGB", (9, 5)), "picture").shape == (1, 3, 6, 6)


def test_keys_that_change_nothing_are_passed_over(tmp_path: Path) -> None:
    more = {
        **{"processor_class": "X", "do_convert_rgb": None, "data_format": "channels_first", "do_pad": False},
        **{"pad_size": {"height": 3, "width": 3}, "do_center_crop": None, "crop_size": 7, "do_reduce_labels": True},
        **{"device": None, "a_new_switch": False, "auto_map": {"AutoImageProcessor": "code.X"}},
    }
    plain = run(tmp_path, settings_of("ViT", size=6), numbers(5, 5))
    assert (run(tmp_path, settings_of("ViT", size=6) | more, numbers(5, 5)) == plain).all()


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("ViT", "do_center_crop", True),
        ("ViT", "a_new_switch", True),
        ("ViT", "data_format", "channels_last"),
        ("ViT", "crop_pct", 0.9),
        ("ViT", "rescale_offset", True),
        ("MobileViT", "do_normalize", True),
        ("CLIP", "do_pad", True),
        ("ConvNext", "size_divisor", 32),
        ("Segformer", "keep_aspect_ratio", True),
        ("RTDetr", "max_size", 1333),
    ],
)
def test_a_key_that_could_change_the_pixels_is_refused(tmp_path: Path, name: str, key: str, value: Any) -> None:
    settings = settings_of(name, **{key: value}) | ({"do_pad": True} if key == "size_divisor" else {})
    error = refusal(tmp_path, settings)
    assert error.code == "model-unknown-setting"
    assert error.arguments["name"] in (key, "do_pad")


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("ViT", "size", {"shortest_edge": 224}),
        ("ViT", "size", {"height": 0, "width": 224}),
        ("ViT", "size", {"height": 224}),
        ("ViT", "size", "224"),
        ("ViT", "size", -1),
        ("ViT", "size", True),
        ("ViT", "resample", 6),
        ("ViT", "resample", "bicubic"),
        ("ViT", "rescale_factor", "1/255"),
        ("ViT", "image_mean", [0.5, 0.5]),
        ("ViT", "image_mean", [0.5, 0.5, None]),
        ("ViT", "image_std", [0.5, 0, 0.5]),
        ("ViT", "do_resize", "yes"),
        ("CLIP", "size", {"shortest_edge": 224, "longest_edge": 500}),
        ("CLIP", "size", {"longest_edge": 500}),
        ("CLIP", "crop_size", {"shortest_edge": 224}),
        ("ConvNext", "size", {"height": 224, "width": 224}),
        ("PoolFormer", "crop_pct", 0),
        ("DeiT", "crop_size", {"height": 8193, "width": 8}),
        ("PoolFormer", "crop_pct", 1.5),
        ("Siglip", "size", 224),
        ("Detr", "size", {"shortest_edge": 800}),
        ("Detr", "size", {"longest_edge": 800}),
        ("MaskFormer", "size", {"shortest_edge": 800, "longest_edge": 800}),
        ("MaskFormer", "size_divisor", 0),
        ("MaskFormer", "size_divisibility", 64),
        ("DPT", "ensure_multiple_of", 0),
        ("GLPN", "size_divisor", "32"),
        ("ChineseCLIP", "size", {"shortest_edge": 224}),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(tmp_path: Path, name: str, key: str, value: Any) -> None:
    error = refusal(tmp_path, settings_of(name, **{key: value}))
    assert error.code == "model-bad-setting"
    assert error.arguments["name"] == key
    assert error.arguments["value"] == value


def test_a_square_of_a_size_without_shortest_edge_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, settings_of("CLIP", size={"height": 9, "width": 9}, use_square_size=True))
    assert error.arguments["name"] == "use_square_size"


def test_an_unknown_class_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, settings_of("Quantum"))
    assert error.code == "image-unknown-processor"
    assert "QuantumImageProcessor" in str(error)
    assert "ConvNext" in str(error)
    assert refusal(tmp_path, {"size": 3}, {"model_type": "quantum"}).arguments["name"] == "none"


def test_a_broken_or_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "{").code == "model-bad-file"
    files = model_files(tmp_path, {})
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError) as caught:
        ImageProcessor(files)
    assert caught.value.code == "model-file-missing"
    assert "preprocessor_config.json" in str(caught.value)


def test_a_picture_that_would_grow_beyond_bounds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        run(tmp_path, settings_of("CLIP"), Image.new("RGB", (5000, 2)))
    assert caught.value.code == "image-too-narrow"
    assert "560000 x 224" in str(caught.value)
    assert "picture.png" in str(caught.value)
