"""Tiny models for masks and depth, odd pictures, and what transformers makes of them:
``vision_maps.py FOLDER``.

    FOLDER/pictures/…
    FOLDER/models/NAME/         checkpoint, preprocessor_config.json and onnx/model.onnx, by Optimum
    FOLDER/answers.json         {model: [{"picture", "params", "masks": [{"label", "score"}]}]}, of depth without masks
    FOLDER/maps.npz             "NAME/number of the case" → uint8 [masks, height, width], or float32 [height, width]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as t

sys.path.insert(0, str(Path(__file__).parent))  # the interpreter is isolated
from vision_tiny import RESNET, TRANSFORMER, export, make_pictures, pixels_of, reset, side, spread

QUERIES = ("detr-panoptic", "maskformer", "maskformer-swin")
MARGIN = 3e-3
MANY = 70  # torch sorts the best pairs of MaskFormer's instances from 64 classes on


def labels(count: int) -> dict[str, Any]:
    names = {n: f"kind {n}" for n in range(count)}
    return {"id2label": names, "label2id": {name: n for n, name in names.items()}}


def maskformer(backbone: Any) -> Any:
    decoder = t.DetrConfig(
        **{"d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2},
        **{"decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "num_queries": 8},
    )
    config = t.MaskFormerConfig(
        backbone_config=backbone, decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32, **labels(MANY)
    )
    return t.MaskFormerForInstanceSegmentation(config)


def detr() -> Any:
    return t.DetrForSegmentation(
        t.DetrConfig(
            **{"d_model": 64, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 8},
            **{"decoder_attention_heads": 8, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "num_queries": 3},
            **{"use_timm_backbone": False, "use_pretrained_backbone": False, "backbone": None},
            backbone_config=t.ResNetConfig(**RESNET, out_features=["stage1", "stage2", "stage3", "stage4"]),
            **labels(5),
        )
    )


def dpt(model: Any, **more: Any) -> Any:
    return model(
        t.DPTConfig(
            **(TRANSFORMER | {"num_hidden_layers": 4}),
            image_size=48,
            patch_size=16,
            backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 16, 16],
            fusion_hidden_size=16,
            reassemble_factors=[4, 2, 1, 0.5],
            **more,
        )
    )


def pyramid(config: Any, model: Any, **more: Any) -> Any:
    sizes = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]}
    return model(config(**sizes, decoder_hidden_size=16, **more))


def mobilevit() -> Any:
    sizes = {"hidden_sizes": [16, 16, 16], "neck_hidden_sizes": [8, 8, 8, 8, 8, 8, 32], "num_attention_heads": 2}
    return t.MobileViTForSemanticSegmentation(
        t.MobileViTConfig(**sizes, image_size=64, aspp_out_channels=16, **labels(6))
    )


def kinds() -> dict[str, tuple[str, Any, Any]]:
    """Export task, model and processor."""
    edges = {"shortest_edge": 64, "longest_edge": 240}
    stages = ["stage1", "stage2", "stage3", "stage4"]
    resnet = t.ResNetConfig(**RESNET, out_features=stages)
    swin = t.SwinConfig(
        **{"image_size": 64, "patch_size": 4, "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2]},
        **{"window_size": 4, "out_features": stages},
    )
    segmentation, depth = "image-segmentation", "depth-estimation"
    return {
        "segformer": (
            segmentation,
            pyramid(t.SegformerConfig, t.SegformerForSemanticSegmentation, **labels(9)),
            t.SegformerImageProcessor(size=side(64)),
        ),
        "mobilevit": (segmentation, mobilevit(), t.MobileViTImageProcessor(size=side(64), do_center_crop=False)),
        "dpt-classes": (
            segmentation,
            dpt(t.DPTForSemanticSegmentation, **labels(7)),
            t.DPTImageProcessor(size=side(48)),
        ),
        "maskformer": (segmentation, maskformer(resnet), t.MaskFormerImageProcessor(size=edges)),
        # What Optimum traces of Swin holds for the size that it was traced with.
        "maskformer-swin": (segmentation, maskformer(swin), t.MaskFormerImageProcessor(size=side(64))),
        "detr-panoptic": (segmentation, detr(), t.DetrImageProcessor(size=edges)),
        "dpt": (depth, dpt(t.DPTForDepthEstimation), t.DPTImageProcessor(size=side(48))),
        "glpn": (
            depth,
            pyramid(t.GLPNConfig, t.GLPNForDepthEstimation, max_depth=10),
            t.GLPNImageProcessor(size_divisor=32),
        ),
    }


def settle(name: str, model: Any, inputs: list[Any]) -> None:
    """Queries that differ, and are sure of their class. Of DETR the first seed at which none is as sure as another:
    their masks are much alike, and which of two wins a place must not hang on rounding."""
    if name not in QUERIES:
        reset(model, 1)
    elif name != "detr-panoptic":
        settle_queries(name, model, inputs, 1)
    else:
        for seed in range(60):
            settle_queries(name, model, inputs, seed)
            with torch.inference_mode():
                sure = torch.cat([model(**item).logits.softmax(-1).amax(-1) for item in inputs]).sort(-1).values
            if sure.diff(dim=-1).min() > MARGIN:
                return
        raise SystemExit("no seed tells the queries apart")


def settle_queries(name: str, model: Any, inputs: list[Any], seed: int) -> None:
    reset(model, seed)
    with torch.no_grad():
        if name != "detr-panoptic":
            model.model.transformer_module.queries_embedder.weight.normal_(0, 2)
        else:
            model.detr.model.query_position_embeddings.weight.normal_(0, 2)
            model.bbox_attention.q_linear.weight.mul_(3)
            model.bbox_attention.k_linear.weight.mul_(3)

    def logits() -> torch.Tensor:
        with torch.inference_mode():
            found = [model(**item) for item in inputs]
        return torch.cat(
            [item.class_queries_logits if name != "detr-panoptic" else item.logits for item in found]
        ).clone()

    def masks() -> torch.Tensor:
        with torch.inference_mode():
            return torch.cat([model(**item).pred_masks.flatten()[:, None] for item in inputs]).clone()

    if name == "detr-panoptic":
        spread(model.mask_head.out_lay, masks)
    spread(model.class_predictor if name != "detr-panoptic" else model.detr.class_labels_classifier, logits, 4)


def cases(name: str, task: str, picture: str) -> list[dict[str, Any]]:
    if task == "depth-estimation":
        return [{}]
    if name not in QUERIES:
        return [{}, {"subtask": "semantic"}] if picture == "photo.jpg" else [{}]
    low = {"threshold": 0.1, "overlap_mask_area_threshold": 0.1}
    return [
        {},
        low | {"mask_threshold": 0.05},
        low | {"subtask": "instance"},
        {"subtask": "instance", "threshold": 0.05},
        {"subtask": "semantic"},
        {"threshold": 0.15, "mask_threshold": 0.3, "overlap_mask_area_threshold": 0.6},
    ]


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pictures = make_pictures(folder / "pictures")
    answers: dict[str, list[dict[str, Any]]] = {}
    maps: dict[str, np.ndarray] = {}
    for name, (task, model, processor) in kinds().items():
        # A model with patches of 32 pixels has none of these.
        shown = [path for path in pictures if not (name == "glpn" and path.name in ("tiny.png", "panorama.png"))]
        settle(name, model, pixels_of(processor, shown))
        export(model, [processor], task, folder / "models" / name)
        pipe = t.pipeline(task, model=model, image_processor=processor)
        answers[name] = []
        for path in shown:
            for params in cases(name, task, path.name):
                key = f"{name}/{len(answers[name])}"
                found = pipe(str(path), **params)
                row: dict[str, Any] = {"picture": path.name, "params": params}
                if task == "depth-estimation":
                    maps[key] = found["predicted_depth"].numpy()
                else:
                    row["masks"] = [{"label": item["label"], "score": item["score"]} for item in found]
                    maps[key] = np.array([np.asarray(item["mask"]) for item in found], np.uint8)
                answers[name].append(row)
    (folder / "answers.json").write_text(json.dumps(answers), "utf-8")
    np.savez(folder / "maps.npz", **maps)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
