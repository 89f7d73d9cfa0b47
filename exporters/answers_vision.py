"""What torch models answer to pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exporters.answers import Answer, Answerer, MakeAnswerer, as_numpy

__all__ = ["VISION_ANSWERERS"]


def _image_classification(model: Any, source: Path, samples: int) -> Answerer:
    from PIL import Image, ImageOps
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(str(source), use_fast=False)

    def answer(sample: Any) -> Answer:
        with Image.open(sample) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        return Answer({"logits": as_numpy(model(**processor(upright, return_tensors="pt")).logits)})

    return answer


# Export task without its "-with-past" → what answers its samples.
VISION_ANSWERERS: dict[str, MakeAnswerer] = {
    "image-classification": _image_classification,
}
