"""``preprocessor_config.json`` → what is done to a picture before a model sees it.

Each class of image processor is an entry of :data:`CLASSES`: its defaults and how it reads ``size``. What it does is
what transformers 4.57 does in the class of that name that works with Pillow (the "slow" one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from workbench.errors import ModelError
from workbench.tasks.base import ModelFiles

__all__ = ["CLASSES", "Exact", "ImageSteps", "ShortestEdge", "read_image_steps"]

PREPROCESSOR_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"
# No model takes more, and a file that asks for more would fill the memory.
MAX_SIDE_PX = 8192


@dataclass(frozen=True)
class Exact:
    """Scale to this size, whatever the proportions."""

    height: int
    width: int


@dataclass(frozen=True)
class ShortestEdge:
    """Scale so that the shorter side has this length, keeping the proportions."""

    px: int


@dataclass(frozen=True)
class ImageSteps:
    """What is done to a picture, in this order; None and False leave a step out.

    ``resample`` is Pillow's number of the filter. ``crop`` is (height, width), cut from the middle, with zeros around
    a smaller picture. Values v are then v * ``factor`` (less 1 with ``offset``), with the channels in reverse order
    with ``flip_channels``, then (v - ``mean``) / ``std`` by channel, and divided by ``std`` once more with
    ``divide_again``.
    """

    resize: Exact | ShortestEdge | None
    resample: int
    crop: tuple[int, int] | None
    factor: float | None
    offset: bool
    flip_channels: bool
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    divide_again: bool


@dataclass(frozen=True)
class Values:
    """The settings of one file over the defaults of its class."""

    file: Path
    values: Mapping[str, Any]

    def bad(self, name: str) -> ModelError:
        return ModelError("model-bad-setting", file=self.file, name=name, value=self.values.get(name))

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        if value not in (None, False, True):
            raise self.bad(name)
        return bool(value)

    def number(self, name: str) -> float:
        value = self.values.get(name)
        if not _is_number(value):
            raise self.bad(name)
        return float(value)

    def channels(self, name: str) -> tuple[float, ...]:
        """Three numbers, or one for all three channels."""
        value = self.values.get(name)
        rows: list[Any] = value if isinstance(value, list) else [value] * 3
        if len(rows) != 3 or not all(map(_is_number, rows)):
            raise self.bad(name)
        return tuple(float(item) for item in rows)

    def exact(self, name: str) -> Exact:
        """``[height, width]``, ``{"height", "width"}``, or one number for a square."""
        target = self.edge_or_exact(name, number_is=("height", "width"))
        if isinstance(target, ShortestEdge):
            raise self.bad(name)
        return target

    def edge_or_exact(self, name: str, number_is: tuple[str, ...] = ("shortest_edge",)) -> Exact | ShortestEdge:
        """As :meth:`exact`, or ``{"shortest_edge"}``, which is also what one number means.

        ``longest_edge`` is refused: the classes of transformers with and without torchvision do not agree on it.
        """
        value = self.values.get(name)
        if isinstance(value, int):
            value = dict.fromkeys(number_is, value)
        elif isinstance(value, list) and len(value) == 2:
            value = {"height": value[0], "width": value[1]}
        if not isinstance(value, dict) or not all(map(_is_length, value.values())):
            raise self.bad(name)
        if set(value) == {"height", "width"}:
            return Exact(value["height"], value["width"])
        if set(value) == {"shortest_edge"}:
            return ShortestEdge(value["shortest_edge"])
        raise self.bad(name)


def _is_length(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_SIDE_PX


def _is_number(value: Any) -> TypeGuard[int | float]:
    return type(value) in (int, float)


# From the settings to the target of the resize step, and a crop that belongs to it.
Target = Exact | ShortestEdge
Sizing = Callable[[Values], tuple[Target, tuple[int, int] | None]]


def _exact(values: Values) -> tuple[Target, None]:
    return values.exact("size"), None


def _exact_in_words(values: Values) -> tuple[Target, None]:
    if isinstance(values.values["size"], int):
        raise values.bad("size")
    return values.exact("size"), None


def _edge_or_exact(values: Values) -> tuple[Target, None]:
    return values.edge_or_exact("size"), None


def _clip(values: Values) -> tuple[Target, None]:
    target = values.edge_or_exact("size")
    if values.flag("use_square_size"):
        if not isinstance(target, ShortestEdge):
            raise values.bad("use_square_size")
        return Exact(target.px, target.px), None
    return target, None


def _levit(values: Values) -> tuple[Target, None]:
    target = values.edge_or_exact("size")
    return (ShortestEdge(int(256 / 224 * target.px)) if isinstance(target, ShortestEdge) else target), None


def _convnext(values: Values) -> tuple[Target, tuple[int, int] | None]:
    """Small inputs are cut from a larger picture, inputs from 384 px on are the squeezed picture."""
    target = values.edge_or_exact("size")
    if not isinstance(target, ShortestEdge):
        raise values.bad("size")
    if target.px >= 384:
        return Exact(target.px, target.px), None
    return ShortestEdge(int(target.px / _crop_share(values))), (target.px, target.px)


def _poolformer(values: Values) -> tuple[Target, None]:
    target = values.edge_or_exact("size")
    if values.values["crop_pct"] is None:
        return target, None
    share = _crop_share(values)
    if isinstance(target, ShortestEdge):
        return ShortestEdge(int(target.px / share)), None
    if target.height == target.width:
        return ShortestEdge(int(target.height / share)), None
    return Exact(int(target.height / share), int(target.width / share)), None


def _crop_share(values: Values) -> float:
    share = values.number("crop_pct")
    if not 0.01 <= share <= 1:
        raise values.bad("crop_pct")
    return share


@dataclass(frozen=True)
class ProcessorClass:
    """One class of image processor. ``defaults`` holds every key it understands, and the value where a file has none.

    A key that is null in a file counts as absent, but for those in ``nullable``.
    """

    sizing: Sizing
    defaults: Mapping[str, Any]
    nullable: tuple[str, ...] = ()


HALF = (0.5, 0.5, 0.5)
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
STANDARD = (list(HALF), list(HALF))
CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
NEAREST, BILINEAR, BICUBIC = 0, 2, 3


def _defaults(
    size: dict[str, int],
    resample: int,
    statistics: tuple[list[float], list[float]] | None = STANDARD,
    crop: tuple[int, bool] | None = None,
    **more: Any,
) -> dict[str, Any]:
    values: dict[str, Any] = {"do_resize": True, "size": size, "resample": resample}
    values |= {"do_rescale": True, "rescale_factor": 1 / 255}
    if statistics:
        values |= {"do_normalize": True, "image_mean": statistics[0], "image_std": statistics[1]}
    if crop:
        values |= {"do_center_crop": crop[1], "crop_size": {"height": crop[0], "width": crop[0]}}
    return values | more


def _square(px: int) -> dict[str, int]:
    return {"height": px, "width": px}


def _shortest(px: int) -> dict[str, int]:
    return {"shortest_edge": px}


CLASSES: dict[str, ProcessorClass] = {
    "BeitImageProcessor": ProcessorClass(_exact, _defaults(_square(256), BICUBIC, crop=(224, True))),
    "BitImageProcessor": ProcessorClass(_edge_or_exact, _defaults(_shortest(224), BICUBIC, CLIP, (224, True))),
    "CLIPImageProcessor": ProcessorClass(
        _clip, _defaults(_shortest(224), BICUBIC, CLIP, (224, True), use_square_size=False)
    ),
    "ConvNextImageProcessor": ProcessorClass(_convnext, _defaults(_shortest(384), BILINEAR, crop_pct=224 / 256)),
    "DeiTImageProcessor": ProcessorClass(_exact, _defaults(_square(256), BICUBIC, crop=(224, True))),
    "EfficientNetImageProcessor": ProcessorClass(
        _exact, _defaults(_square(346), NEAREST, crop=(289, False), rescale_offset=False, include_top=True)
    ),
    "LevitImageProcessor": ProcessorClass(_levit, _defaults(_shortest(224), BICUBIC, IMAGENET, (224, True))),
    "MobileNetV1ImageProcessor": ProcessorClass(_edge_or_exact, _defaults(_shortest(256), BILINEAR, crop=(224, True))),
    "MobileNetV2ImageProcessor": ProcessorClass(_edge_or_exact, _defaults(_shortest(256), BILINEAR, crop=(224, True))),
    "MobileViTImageProcessor": ProcessorClass(
        _edge_or_exact, _defaults(_shortest(224), BILINEAR, None, (256, True), do_flip_channel_order=True)
    ),
    "PoolFormerImageProcessor": ProcessorClass(
        _poolformer, _defaults(_shortest(224), BICUBIC, IMAGENET, (224, True), crop_pct=0.9), nullable=("crop_pct",)
    ),
    "PvtImageProcessor": ProcessorClass(_exact, _defaults(_square(224), BILINEAR, IMAGENET)),
    "SegformerImageProcessor": ProcessorClass(_exact, _defaults(_square(512), BILINEAR, IMAGENET)),
    "SiglipImageProcessor": ProcessorClass(_exact_in_words, _defaults(_square(224), BICUBIC)),
    "ViTImageProcessor": ProcessorClass(_exact, _defaults(_square(224), BILINEAR)),
}

# The class of a model whose preprocessor file names none, by ``model_type`` of config.json.
CLASS_OF_MODEL: dict[str, str] = {
    "beit": "BeitImageProcessor",
    "bit": "BitImageProcessor",
    "clip": "CLIPImageProcessor",
    "convnext": "ConvNextImageProcessor",
    "convnextv2": "ConvNextImageProcessor",
    "cvt": "ConvNextImageProcessor",
    "data2vec-vision": "BeitImageProcessor",
    "deit": "DeiTImageProcessor",
    "dinov2": "BitImageProcessor",
    "dinov2_with_registers": "BitImageProcessor",
    "efficientnet": "EfficientNetImageProcessor",
    "focalnet": "BitImageProcessor",
    "hiera": "BitImageProcessor",
    "levit": "LevitImageProcessor",
    "mobilenet_v1": "MobileNetV1ImageProcessor",
    "mobilenet_v2": "MobileNetV2ImageProcessor",
    "mobilevit": "MobileViTImageProcessor",
    "mobilevitv2": "MobileViTImageProcessor",
    "poolformer": "PoolFormerImageProcessor",
    "pvt": "PvtImageProcessor",
    "pvt_v2": "PvtImageProcessor",
    "regnet": "ConvNextImageProcessor",
    "resnet": "ConvNextImageProcessor",
    "segformer": "SegformerImageProcessor",
    "siglip": "SiglipImageProcessor",
    "swiftformer": "ViTImageProcessor",
    "swin": "ViTImageProcessor",
    "swinv2": "ViTImageProcessor",
    "van": "ConvNextImageProcessor",
    "vit": "ViTImageProcessor",
    "vit_msn": "ViTImageProcessor",
}

# Keys that any file may have and that change no pixel: names, switches of the library, what is done to label maps.
HARMLESS = frozenset(
    {
        *("auto_map", "feature_extractor_type", "image_processor_type", "processor_class", "_processor_class"),
        *("_valid_processor_keys", "model_input_names", "name_or_path", "_name_or_path", "transformers_version"),
        *("default_to_square", "device", "disable_grouping", "input_data_format", "return_tensors"),
        *("do_convert_rgb", "do_reduce_labels", "reduce_labels"),
    }
)
# Keys that only matter together with a switch.
SWITCHED_BY = {
    **{"crop_size": "do_center_crop", "pad_size": "do_pad", "size_divisor": "do_pad"},
    **{"image_mean": "do_normalize", "image_std": "do_normalize"},
}


def read_image_steps(files: ModelFiles) -> ImageSteps:
    """The steps that the files of a model ask for.

    Raises ModelError: a file is missing or broken, a class or a value that is not supported, or a key that the class
    does not understand and that could alter the pixels.
    """
    file, given = _settings(files)
    name = _class_name(files, given)
    if name not in CLASSES:
        known = ", ".join(item.removesuffix("ImageProcessor") for item in CLASSES)
        raise ModelError("image-unknown-processor", file=file, name=name or "none", known=known)
    kind = CLASSES[name]
    _refuse_unknown_keys(file, given, kind)
    merged = dict(kind.defaults)
    merged |= {
        key: value for key, value in given.items() if value is not None or key in kind.nullable or key.startswith("do_")
    }
    return _steps(kind, Values(file, merged))


def _settings(files: ModelFiles) -> tuple[Path, Mapping[str, Any]]:
    for name in (PREPROCESSOR_FILE, PROCESSOR_FILE):
        values = files.read_json(name)
        if values is not None:
            inner = values.get("image_processor", values)
            return files.folder / name, inner if isinstance(inner, dict) else values
    raise ModelError("model-file-missing", file=files.folder / PREPROCESSOR_FILE)


def _class_name(files: ModelFiles, given: Mapping[str, Any]) -> str:
    """``image_processor_type``, else the older ``feature_extractor_type``, else what the kind of model has."""
    named = given.get("image_processor_type") or given.get("feature_extractor_type")
    named = named or files.config.get("image_processor_type")
    name = str(named or CLASS_OF_MODEL.get(str(files.config.get("model_type")), ""))
    return name.replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast")


def _refuse_unknown_keys(file: Path, given: Mapping[str, Any], kind: ProcessorClass) -> None:
    for key, value in given.items():
        switch = SWITCHED_BY.get(key)
        idle = value is None or value is False or (switch and not given.get(switch))
        usual = key == "data_format" and value == "channels_first"
        if not (key in kind.defaults or key in HARMLESS or idle or usual):
            raise ModelError("model-unknown-setting", file=file, name=key)


def _steps(kind: ProcessorClass, values: Values) -> ImageSteps:
    resize: Target | None = None
    crop: tuple[int, int] | None = None
    resample = BILINEAR
    if values.flag("do_resize"):
        resize, crop = kind.sizing(values)
        resample = values.values["resample"]
        if type(resample) is not int or not 0 <= resample <= 5:
            raise values.bad("resample")
    if values.flag("do_center_crop"):
        size = values.exact("crop_size")
        crop = (size.height, size.width)
    normalize, again = values.flag("do_normalize"), values.flag("include_top")
    std = values.channels("image_std") if normalize or again else None
    if std and 0 in std:
        raise values.bad("image_std")
    return ImageSteps(
        resize=resize,
        resample=resample,
        crop=crop,
        factor=values.number("rescale_factor") if values.flag("do_rescale") else None,
        offset=values.flag("rescale_offset"),
        flip_channels=values.flag("do_flip_channel_order"),
        mean=values.channels("image_mean") if normalize else None,
        std=std,
        divide_again=again,
    )
