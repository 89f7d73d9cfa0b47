"""Tiny detectors of what is named, and the boxes that transformers' pipeline finds: ``zero_shot_detection.py FOLDER``.

    FOLDER/pictures/…
    FOLDER/models/NAME/     checkpoint, processor, tokenizer and onnx/model.onnx, by Optimum
    FOLDER/answers.json     {model: {picture: [{"candidates", "threshold", "boxes": [{"label", "score", "box"}]}]}}
    FOLDER/pixels.npz       "NAME/PICTURE" → pixel_values

The pipeline cuts boxes off to whole pixels; here its step that does so is left out. The threshold lies in the widest
gap between scores.
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
from vision_detection import widest_gap
from vision_tiny import TRANSFORMER, export, make_pictures, pixels_of, reset, side
from vision_vectors import byte_pairs

CASES = [["a cat", "two dogs", "the sea at night"], ["one"], ["猫", "CAT!", "", "a very long label", "a drawing"]]


class Exact(t.ZeroShotObjectDetectionPipeline):
    def _get_bounding_box(self, box: torch.Tensor) -> Any:
        return box.tolist()


def kinds(vocabulary: Any) -> dict[str, tuple[Any, Any]]:
    text = TRANSFORMER | {"vocab_size": len(vocabulary), "max_position_embeddings": 16}
    text |= {"bos_token_id": vocabulary.bos_token_id, "eos_token_id": vocabulary.eos_token_id, "pad_token_id": 0}
    small, large = ({**TRANSFORMER, "image_size": 64, "patch_size": size} for size in (16, 8))
    wide = large | {"hidden_size": 48, "intermediate_size": 80, "image_size": 72}
    return {
        "owlvit": (
            t.OwlViTForObjectDetection(t.OwlViTConfig(text_config=text, vision_config=small, projection_dim=32)),
            t.OwlViTImageProcessor(size=side(64), crop_size=side(64)),
        ),
        "owlvit-fine": (
            t.OwlViTForObjectDetection(t.OwlViTConfig(text_config=text, vision_config=wide, projection_dim=32)),
            t.OwlViTImageProcessor(size=side(72), resample=2, image_mean=[0.5] * 3, image_std=[0.4, 0.5, 0.6]),
        ),
        "owlv2": (
            t.Owlv2ForObjectDetection(t.Owlv2Config(text_config=text, vision_config=small, projection_dim=32)),
            t.Owlv2ImageProcessor(size=side(64)),
        ),
    }


def settle(model: Any, inputs: list[Any], ids: torch.Tensor) -> None:
    """Scores that a picture and a text decide, spread around a half."""
    reset(model, 5, 0.3)
    with torch.inference_mode():
        logits = torch.cat([model(input_ids=ids, **item).logits.flatten() for item in inputs]).clone()
    with torch.no_grad():
        for part in (model.class_head.logit_shift, model.class_head.logit_scale):
            part.weight.mul_(0.5)
        model.class_head.logit_shift.bias.sub_(logits.mean())


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pictures = make_pictures(folder / "pictures")
    tokenizer = byte_pairs()
    answers: dict[str, Any] = {}
    pixels: dict[str, np.ndarray] = {}
    for name, (model, processor) in kinds(tokenizer).items():
        inputs = pixels_of(processor, pictures)
        settle(model, inputs, tokenizer(CASES[1], return_tensors="pt").input_ids)
        export(model, [processor, tokenizer], "zero-shot-object-detection", folder / "models" / name)
        find = Exact(model=model, image_processor=processor, tokenizer=tokenizer, device="cpu")
        answers[name] = {}
        for path, item in zip(pictures, inputs, strict=True):
            pixels[f"{name}/{path.name}"] = item.pixel_values.numpy()
            answers[name][path.name] = []
            for labels in CASES:
                found = find(str(path), candidate_labels=labels, threshold=0.0)
                threshold = widest_gap([row["score"] for row in found])
                boxes = [row for row in found if row["score"] > threshold]
                answers[name][path.name].append({"candidates": labels, "threshold": threshold, "boxes": boxes})
    (folder / "answers.json").write_text(json.dumps(answers), "utf-8")
    np.savez(folder / "pixels.npz", **pixels)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
