"""Tiny detectors, odd pictures, and the boxes that transformers finds: ``vision_detection.py FOLDER``.

    FOLDER/pictures/…
    FOLDER/models/NAME/         checkpoint, preprocessor_config.json and onnx/model.onnx, by Optimum
    FOLDER/answers.json         {model: {picture: {"threshold", "boxes": [{"label", "score", "box": [x, y, x, y]}]}}}

The reference is ``post_process_object_detection``, which is what the pipeline cuts off to whole pixels. The threshold
lies in the widest gap between scores.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers as t
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).parent))  # the interpreter is isolated
from vision_tiny import RESNET, TRANSFORMER, export, make_pictures, pixels_of, reset, side, spread

NAMES = {n: f"kind {n}" for n in range(6)}
MARGIN = 3e-4
DETR = {
    **{"d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2},
    **{"decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "num_queries": 12},
    **{"use_timm_backbone": False, "use_pretrained_backbone": False, "backbone": None},
}
LABELS = {"id2label": NAMES, "label2id": {name: n for n, name in NAMES.items()}}


def rt_detr(config: Any, model: Any) -> Any:
    return model(
        config(
            **LABELS,
            backbone_config=t.RTDetrResNetConfig(**{**RESNET, "out_features": ["stage2", "stage3", "stage4"]}),
            encoder_hidden_dim=32,
            encoder_in_channels=[16, 16, 32],
            feat_strides=[8, 16, 32],
            encoder_ffn_dim=48,
            encoder_attention_heads=2,
            d_model=32,
            decoder_in_channels=[32, 32, 32],
            decoder_ffn_dim=48,
            decoder_layers=2,
            decoder_attention_heads=2,
            num_queries=14,
            num_denoising=0,
            anchor_image_size=None,
        )
    )


def kinds() -> dict[str, tuple[Any, Any]]:
    resnet = t.ResNetConfig(**RESNET, out_features=["stage4"])
    edges = {"shortest_edge": 64, "longest_edge": 240}
    return {
        "detr": (
            t.DetrForObjectDetection(t.DetrConfig(**DETR, **LABELS, backbone_config=resnet)),
            t.DetrImageProcessor(size=edges),
        ),
        "table-transformer": (
            t.TableTransformerForObjectDetection(t.TableTransformerConfig(**DETR, **LABELS, backbone_config=resnet)),
            t.DetrImageProcessor(size={"height": 64, "width": 96}),
        ),
        "yolos": (
            t.YolosForObjectDetection(
                t.YolosConfig(
                    **TRANSFORMER,
                    **LABELS,
                    image_size=[64, 96],
                    patch_size=16,
                    num_detection_tokens=12,
                    use_mid_position_embeddings=False,
                )
            ),
            t.YolosImageProcessor(size={"shortest_edge": 64, "longest_edge": 640}),
        ),
        "rt_detr": (rt_detr(t.RTDetrConfig, t.RTDetrForObjectDetection), t.RTDetrImageProcessor(size=side(96))),
        "rt_detr_v2": (
            rt_detr(t.RTDetrV2Config, t.RTDetrV2ForObjectDetection),
            t.RTDetrImageProcessor(size={"height": 64, "width": 96}, do_normalize=True),
        ),
    }


def settle(model: Any, inputs: list[Any]) -> Any:
    """The first seed whose answers do not hang on rounding: where the model chooses queries, by a margin."""
    for seed in range(60):
        reset(model, seed)

        def logits() -> torch.Tensor:
            with torch.inference_mode():
                return torch.cat([model(**item).logits for item in inputs]).clone()

        if hasattr(model, "class_labels_classifier"):
            head = model.class_labels_classifier
            spread(head.layers[-1] if hasattr(head, "layers") else head, logits)
            return model
        spread(model.model.enc_score_head, lambda: encoder_scores(model, inputs))
        spread(model.model.decoder.class_embed[-1], logits)
        most = model.config.num_queries
        best = encoder_scores(model, inputs).amax(-1).sort(-1, descending=True).values
        if (best[:, most - 1] - best[:, most]).min() > MARGIN:
            return model
    raise SystemExit("no seed chooses queries by a margin")


def encoder_scores(model: Any, inputs: list[Any]) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([model(**item).enc_outputs_class for item in inputs]).clone()


def widest_gap(scores: list[float]) -> float:
    ordered = sorted(scores)
    pairs = itertools.pairwise(ordered)
    gaps = [(high - low, (high + low) / 2) for low, high in pairs if low > 0.1]
    return max(gaps)[1] if gaps else 0.5


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pictures = make_pictures(folder / "pictures")
    answers: dict[str, dict[str, Any]] = {}
    for name, (model, processor) in kinds().items():
        inputs = pixels_of(processor, pictures)
        settle(model, inputs)
        export(model, [processor], "object-detection", folder / "models" / name)
        answers[name] = {}
        for path, item in zip(pictures, inputs, strict=True):
            with Image.open(path) as picture:
                size = ImageOps.exif_transpose(picture).size[::-1]
            with torch.inference_mode():
                outputs = model(**item)
            found = processor.post_process_object_detection(outputs, 0.0, [size])[0]
            threshold = widest_gap(found["scores"].tolist())
            found = processor.post_process_object_detection(outputs, threshold, [size])[0]
            rows = zip(found["labels"].tolist(), found["scores"].tolist(), found["boxes"].tolist(), strict=True)
            boxes = [{"label": NAMES[label], "score": score, "box": box} for label, score, box in rows]
            answers[name][path.name] = {"threshold": threshold, "boxes": boxes}
    (folder / "answers.json").write_text(json.dumps(answers), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
