"""``preprocessor_config.json`` → what is done to a picture before a model sees it.

Each class of image processor is an entry of :data:`CLASSES`: its defaults and how it reads ``size``. What it does is
what transformers 4.57 does in the class of that name that works with Pillow (the "slow" one). A file that names the
"fast" class, which scales tensors by torchvision and differs by rounding, is read as the slow one of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ModelError
from workbench.runtime import image_rules
from workbench.runtime.image_settings import Values
from workbench.runtime.image_sizes import Target
from workbench.tasks.base import ModelFiles

__all__ = ["CLASSES", "ImageSteps", "read_image_steps"]

PREPROCESSOR_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"


@dataclass(frozen=True)
class ImageSteps:
    """What is done to a picture, in this order; None and False leave a step out.

    ``kind`` is the class of the processor, without "ImageProcessor". ``resample`` is Pillow's number of the filter.
    ``crop`` is (height, width), cut from the middle, with zeros around a smaller picture. Values v are then
    v * ``factor`` (less 1 with ``offset``), with the channels in reverse order with ``flip_channels``, then
    (v - ``mean``) / ``std`` by channel, and divided by ``std`` once more with ``divide_again``. At last zeros are put
    below and right up to ``pad_to`` (height, width), or around up to multiples of ``pad_to_multiple``.

    With ``smooth`` they are scaled as :mod:`workbench.runtime.square_images` does, behind ``factor``, and made square
    before if ``square``; ``resample`` does not count then. ``pad_mirrored`` puts the mirrored picture below and
    right of it, up to the next multiple of that; a whole one more where it is one already.
    """

    kind: str
    resize: Target | None
    resample: int
    crop: tuple[int, int] | None
    factor: float | None
    offset: bool
    flip_channels: bool
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    divide_again: bool
    pad_to: tuple[int, int] | None
    pad_to_multiple: int | None
    smooth: bool = False
    square: bool = False
    pad_mirrored: int | None = None


@dataclass(frozen=True)
class ProcessorClass:
    """One class of image processor. ``defaults`` holds every key it understands, and the value where a file has none.

    A key that is null in a file counts as absent, but for those in ``nullable``. ``do_pad`` puts zeros below and right
    up to ``pad_size``, or around up to multiples of ``size_divisor`` with ``pads_around``, makes a square with
    ``smooth``, or mirrors the picture with ``mirrors``.
    """

    sizing: image_rules.Sizing
    defaults: Mapping[str, Any]
    nullable: tuple[str, ...] = ()
    pads_around: bool = False
    smooth: bool = False
    mirrors: bool = False


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


def _detr_defaults(**more: Any) -> dict[str, Any]:
    """Of the classes that take ``max_size`` beside ``size`` as one number."""
    size = {"shortest_edge": 800, "longest_edge": 1333}
    values = _defaults(size, BILINEAR, IMAGENET, max_size=1333, do_pad=True, pad_size=None)
    return values | {"pad_and_return_pixel_mask": None} | more


def _square(px: int) -> dict[str, int]:
    return {"height": px, "width": px}


def _shortest(px: int) -> dict[str, int]:
    return {"shortest_edge": px}


CLASSES: dict[str, ProcessorClass] = {
    "BeitImageProcessor": ProcessorClass(image_rules.exact, _defaults(_square(256), BICUBIC, crop=(224, True))),
    "BitImageProcessor": ProcessorClass(
        image_rules.edge_or_exact, _defaults(_shortest(224), BICUBIC, CLIP, (224, True))
    ),
    "BlipImageProcessor": ProcessorClass(image_rules.exact, _defaults(_square(384), BICUBIC, CLIP)),
    # It takes no shortest edge, which is its own default.
    "ChineseCLIPImageProcessor": ProcessorClass(image_rules.exact, _defaults(_square(224), BICUBIC, CLIP, (224, True))),
    "CLIPImageProcessor": ProcessorClass(
        image_rules.clip, _defaults(_shortest(224), BICUBIC, CLIP, (224, True), use_square_size=False)
    ),
    "ConditionalDetrImageProcessor": ProcessorClass(image_rules.detr, _detr_defaults()),
    "ConvNextImageProcessor": ProcessorClass(
        image_rules.convnext, _defaults(_shortest(384), BILINEAR, crop_pct=224 / 256)
    ),
    "DeformableDetrImageProcessor": ProcessorClass(image_rules.detr, _detr_defaults()),
    "DeiTImageProcessor": ProcessorClass(image_rules.exact, _defaults(_square(256), BICUBIC, crop=(224, True))),
    "DetrImageProcessor": ProcessorClass(image_rules.detr, _detr_defaults()),
    "DPTImageProcessor": ProcessorClass(
        image_rules.dpt,
        _defaults(_square(384), BICUBIC, do_pad=False, size_divisor=None)
        | {"keep_aspect_ratio": False, "ensure_multiple_of": 1},
        pads_around=True,
    ),
    "EfficientNetImageProcessor": ProcessorClass(
        image_rules.exact, _defaults(_square(346), NEAREST, crop=(289, False), rescale_offset=False, include_top=True)
    ),
    "GLPNImageProcessor": ProcessorClass(image_rules.glpn, _defaults({}, BILINEAR, None, size_divisor=32)),
    "LevitImageProcessor": ProcessorClass(image_rules.levit, _defaults(_shortest(224), BICUBIC, IMAGENET, (224, True))),
    "MaskFormerImageProcessor": ProcessorClass(
        image_rules.maskformer, _detr_defaults(size_divisor=32, size_divisibility=None)
    ),
    "MobileNetV1ImageProcessor": ProcessorClass(
        image_rules.edge_or_exact, _defaults(_shortest(256), BILINEAR, crop=(224, True))
    ),
    "MobileNetV2ImageProcessor": ProcessorClass(
        image_rules.edge_or_exact, _defaults(_shortest(256), BILINEAR, crop=(224, True))
    ),
    "MobileViTImageProcessor": ProcessorClass(
        image_rules.edge_or_exact, _defaults(_shortest(224), BILINEAR, None, (256, True), do_flip_channel_order=True)
    ),
    "OwlViTImageProcessor": ProcessorClass(
        image_rules.exact, _defaults(_square(768), BICUBIC, CLIP, (768, False), rescale=None)
    ),
    "Owlv2ImageProcessor": ProcessorClass(
        image_rules.exact, _defaults(_square(960), BILINEAR, CLIP, do_pad=True), smooth=True
    ),
    "PoolFormerImageProcessor": ProcessorClass(
        image_rules.poolformer,
        _defaults(_shortest(224), BICUBIC, IMAGENET, (224, True), crop_pct=0.9),
        nullable=("crop_pct",),
    ),
    "PvtImageProcessor": ProcessorClass(image_rules.exact, _defaults(_square(224), BILINEAR, IMAGENET)),
    "RTDetrImageProcessor": ProcessorClass(
        image_rules.detr,
        _defaults(_square(640), BILINEAR, IMAGENET, do_pad=False, pad_size=None) | {"do_normalize": False},
    ),
    "SegformerImageProcessor": ProcessorClass(image_rules.exact, _defaults(_square(512), BILINEAR, IMAGENET)),
    "SiglipImageProcessor": ProcessorClass(image_rules.exact_in_words, _defaults(_square(224), BICUBIC)),
    "Swin2SRImageProcessor": ProcessorClass(
        image_rules.exact,
        # ``pad_size`` is an older name of ``size_divisor``, which the class passes over.
        {"do_resize": False, "do_rescale": True, "rescale_factor": 1 / 255, "do_pad": True}
        | {"size_divisor": 8, "pad_size": None},
        mirrors=True,
    ),
    "ViTImageProcessor": ProcessorClass(image_rules.exact, _defaults(_square(224), BILINEAR)),
    "YolosImageProcessor": ProcessorClass(image_rules.yolos, _detr_defaults()),
}

# The class of a model whose preprocessor file names none, by ``model_type`` of config.json.
CLASS_OF_MODEL: dict[str, str] = {
    "beit": "BeitImageProcessor",
    "bit": "BitImageProcessor",
    "blip": "BlipImageProcessor",
    "chinese_clip": "ChineseCLIPImageProcessor",
    "clip": "CLIPImageProcessor",
    "clip_vision_model": "CLIPImageProcessor",
    "conditional_detr": "ConditionalDetrImageProcessor",
    "convnext": "ConvNextImageProcessor",
    "convnextv2": "ConvNextImageProcessor",
    "cvt": "ConvNextImageProcessor",
    "d_fine": "RTDetrImageProcessor",
    "data2vec-vision": "BeitImageProcessor",
    "deformable_detr": "DeformableDetrImageProcessor",
    "deit": "DeiTImageProcessor",
    "depth_anything": "DPTImageProcessor",
    "detr": "DetrImageProcessor",
    "dinov2": "BitImageProcessor",
    "dinov2_with_registers": "BitImageProcessor",
    "dpt": "DPTImageProcessor",
    "efficientnet": "EfficientNetImageProcessor",
    "focalnet": "BitImageProcessor",
    "glpn": "GLPNImageProcessor",
    "hiera": "BitImageProcessor",
    "levit": "LevitImageProcessor",
    "maskformer": "MaskFormerImageProcessor",
    "metaclip_2": "CLIPImageProcessor",
    "mobilenet_v1": "MobileNetV1ImageProcessor",
    "mobilenet_v2": "MobileNetV2ImageProcessor",
    "mobilevit": "MobileViTImageProcessor",
    "mobilevitv2": "MobileViTImageProcessor",
    "owlv2": "Owlv2ImageProcessor",
    "owlvit": "OwlViTImageProcessor",
    "poolformer": "PoolFormerImageProcessor",
    "pvt": "PvtImageProcessor",
    "pvt_v2": "PvtImageProcessor",
    "regnet": "ConvNextImageProcessor",
    "resnet": "ConvNextImageProcessor",
    "rt_detr": "RTDetrImageProcessor",
    "rt_detr_v2": "RTDetrImageProcessor",
    "segformer": "SegformerImageProcessor",
    "siglip": "SiglipImageProcessor",
    "siglip_vision_model": "SiglipImageProcessor",
    "swiftformer": "ViTImageProcessor",
    "swin": "ViTImageProcessor",
    "swin2sr": "Swin2SRImageProcessor",
    "swinv2": "ViTImageProcessor",
    "table-transformer": "DetrImageProcessor",
    "upernet": "SegformerImageProcessor",
    "van": "ConvNextImageProcessor",
    "vit": "ViTImageProcessor",
    "vit_mae": "ViTImageProcessor",
    "vit_msn": "ViTImageProcessor",
    "yolos": "YolosImageProcessor",
}

# Keys that any file may have and that change no pixel: names, switches of the library, what is done to label maps.
HARMLESS = frozenset(
    {
        *("auto_map", "feature_extractor_type", "image_processor_type", "processor_class", "_processor_class"),
        *("_valid_processor_keys", "model_input_names", "name_or_path", "_name_or_path", "transformers_version"),
        *("default_to_square", "device", "disable_grouping", "input_data_format", "return_tensors"),
        *("do_convert_rgb", "do_reduce_labels", "reduce_labels", "ignore_index", "num_labels"),
        *("format", "do_convert_annotations", "mask_size", "mask_pad_size"),
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
    if merged.get("pad_and_return_pixel_mask") is not None:
        merged["do_pad"] = merged["pad_and_return_pixel_mask"]
    if merged.get("rescale") is not None:  # early files of OWL-ViT
        merged["do_rescale"] = merged["rescale"]
    return _steps(name.removesuffix("ImageProcessor"), kind, Values(file, merged))


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


def _steps(name: str, kind: ProcessorClass, values: Values) -> ImageSteps:
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
    pad_to: tuple[int, int] | None = None
    if values.flag("do_pad") and values.values.get("pad_size") is not None and not kind.mirrors:
        padded = values.exact("pad_size")
        pad_to = (padded.height, padded.width)
    return ImageSteps(
        kind=name,
        resize=resize,
        resample=resample,
        crop=crop,
        factor=values.number("rescale_factor") if values.flag("do_rescale") else None,
        offset=values.flag("rescale_offset"),
        flip_channels=values.flag("do_flip_channel_order"),
        mean=values.channels("image_mean") if normalize else None,
        std=std,
        divide_again=again,
        pad_to=pad_to,
        pad_to_multiple=values.pixels("size_divisor") if kind.pads_around and values.flag("do_pad") else None,
        smooth=kind.smooth,
        square=kind.smooth and values.flag("do_pad"),
        pad_mirrored=values.pixels("size_divisor") if kind.mirrors and values.flag("do_pad") else None,
    )
