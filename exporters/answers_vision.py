"""What torch models answer to pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exporters.answers import Answer, Answerer, MakeAnswerer, as_numpy, load_tokenizer, recorded_tokens

__all__ = ["VISION_ANSWERERS"]

# How much is written for each picture; workbench/tasks/catalog_vision.py verifies with the same number.
WRITTEN_TOKENS = 48


def _image_classification(model: Any, source: Path, samples: int) -> Answerer:
    from PIL import Image, ImageOps
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(str(source), use_fast=False)

    def answer(sample: Any) -> Answer:
        with Image.open(sample) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        return Answer({"logits": as_numpy(model(**processor(upright, return_tensors="pt")).logits)})

    return answer


def _image_to_text(model: Any, source: Path, samples: int) -> Answerer:
    """What transformers' pipeline writes, and the logits when the first tokens of it are fed back in."""
    from PIL import Image, ImageOps
    from transformers import AutoImageProcessor, pipeline

    processor = AutoImageProcessor.from_pretrained(str(source), use_fast=False)
    tokenizer = load_tokenizer(source, "image-to-text")
    write = pipeline("image-to-text", model=model, tokenizer=tokenizer, image_processor=processor, device="cpu")
    recorded = recorded_tokens(model.config, samples)

    def answer(sample: Any) -> Answer:
        with Image.open(sample) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        inputs = processor(upright, return_tensors="pt")
        generated = model.generate(
            inputs.pixel_values,
            generation_config=write.generation_config,
            max_new_tokens=WRITTEN_TOKENS,
            do_sample=False,
        )
        tokens = generated[:1, :recorded]
        encoded = model.get_encoder()(inputs.pixel_values)
        logits = model(encoder_outputs=encoded, decoder_input_ids=tokens).logits
        return Answer(
            {
                "encoder.last_hidden_state": as_numpy(encoded.last_hidden_state),
                "decoder.logits": as_numpy(logits),
            },
            {"text": tokenizer.decode(generated[0], skip_special_tokens=True), "token_ids": tokens[0].tolist()},
        )

    return answer


# Export task without its "-with-past" → what answers its samples.
VISION_ANSWERERS: dict[str, MakeAnswerer] = {
    "image-classification": _image_classification,
    "image-to-text": _image_to_text,
}
