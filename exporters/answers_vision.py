"""What torch models answer to pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exporters.answers import Answer, Answerer, MakeAnswerer, as_numpy, load_tokenizer, recorded_tokens

__all__ = ["CANDIDATES", "VISION_ANSWERERS"]

# The app asks its task the same when it verifies (a test compares).
CANDIDATES = ("a landscape", "a face", "fruit", "a sign with letters", "leaves", "a town", "the sea", "fabric")
TEMPLATE = "This is a photo of {}."
SIGLIP_TOKENS = 64

# How much is written for each picture; workbench/tasks/catalog_vision.py verifies with the same number.
WRITTEN_TOKENS = 48


def _picture_model(*outputs: str) -> MakeAnswerer:
    """Answers of a model to pictures alone: these outputs, by the names of the attributes."""

    def make(model: Any, source: Path, samples: int) -> Answerer:
        from transformers import AutoImageProcessor

        processor = AutoImageProcessor.from_pretrained(str(source), use_fast=False)

        def answer(sample: Any) -> Answer:
            found = model(**processor(_upright(sample), return_tensors="pt"))
            return Answer({name: as_numpy(found[name]) for name in outputs})

        return answer

    return make


def _segmentation(model: Any, source: Path, samples: int) -> Answerer:
    outputs: tuple[str, ...] = ("logits",)
    if model.config.model_type == "maskformer":
        outputs = ("class_queries_logits", "masks_queries_logits")
    elif model.config.model_type == "detr":
        outputs = ("logits", "pred_masks")
    return _picture_model(*outputs)(model, source, samples)


def _zero_shot(model: Any, source: Path, samples: int) -> Answerer:
    from transformers import AutoImageProcessor

    tokenizer = load_tokenizer(source, "zero-shot-image-classification")
    processor = AutoImageProcessor.from_pretrained(str(source), use_fast=False)
    filled = {"padding": "max_length", "max_length": SIGLIP_TOKENS, "truncation": True}
    options = filled if "siglip" in model.config.model_type else {"padding": True}
    texts = tokenizer([TEMPLATE.format(label) for label in CANDIDATES], return_tensors="pt", **options)

    def answer(sample: Any) -> Answer:
        found = model(**texts, **processor(_upright(sample), return_tensors="pt"))
        return Answer({"logits_per_image": as_numpy(found.logits_per_image)})

    return answer


def _zero_shot_detection(model: Any, source: Path, samples: int) -> Answerer:
    """All candidates beside each picture. Filled up with 0: the model looks at the place of the largest id."""
    import torch
    from transformers import AutoImageProcessor

    tokenizer = load_tokenizer(source, "zero-shot-object-detection")
    processor = AutoImageProcessor.from_pretrained(str(source), use_fast=False)
    positions = model.config.text_config.max_position_embeddings
    rows = [torch.tensor(tokenizer(label, truncation=True, max_length=positions).input_ids) for label in CANDIDATES]
    fill = torch.nn.utils.rnn.pad_sequence
    texts = {
        "input_ids": fill(rows, batch_first=True),
        "attention_mask": fill([torch.ones_like(row) for row in rows], batch_first=True),
    }

    def answer(sample: Any) -> Answer:
        found = model(**texts, **processor(_upright(sample), return_tensors="pt"))
        return Answer({"logits": as_numpy(found.logits), "pred_boxes": as_numpy(found.pred_boxes)})

    return answer


def _image_to_text(model: Any, source: Path, samples: int) -> Answerer:
    """What transformers' pipeline writes, and the logits when the first tokens of it are fed back in."""
    from transformers import AutoImageProcessor, pipeline

    processor = AutoImageProcessor.from_pretrained(str(source), use_fast=False)
    tokenizer = load_tokenizer(source, "image-to-text")
    write = pipeline("image-to-text", model=model, tokenizer=tokenizer, image_processor=processor, device="cpu")
    recorded = recorded_tokens(model.config, samples)

    def answer(sample: Any) -> Answer:
        inputs = processor(_upright(sample), return_tensors="pt")
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


def _document_question_answering(model: Any, source: Path, samples: int) -> Answerer:
    """What transformers' pipeline answers, and the logits when the first tokens of it are fed back in."""
    from transformers import AutoImageProcessor, pipeline

    processor = AutoImageProcessor.from_pretrained(str(source), use_fast=False)
    tokenizer = load_tokenizer(source, "document-question-answering")
    parts = {"tokenizer": tokenizer, "image_processor": processor}
    ask = pipeline("document-question-answering", model=model, device="cpu", **parts)
    recorded = recorded_tokens(model.config, samples)

    def answer(sample: Any) -> Answer:
        (inputs,) = ask.preprocess({"image": _upright(sample["image"]), "question": sample["question"]})
        pixels = inputs["inputs"]
        generated = model.generate(
            pixels,
            decoder_input_ids=inputs["decoder_input_ids"],
            generation_config=ask.generation_config,
            max_new_tokens=WRITTEN_TOKENS,
            do_sample=False,
        )
        tokens = generated[:1, :recorded]
        encoded = model.get_encoder()(pixels)
        logits = model(encoder_outputs=encoded, decoder_input_ids=tokens).logits
        said = ask.postprocess_encoder_decoder_single({"sequences": generated})["answer"]
        return Answer(
            {
                "encoder.last_hidden_state": as_numpy(encoded.last_hidden_state),
                "decoder.logits": as_numpy(logits),
            },
            {"text": said or "", "token_ids": tokens[0].tolist()},
        )

    return answer


def _upright(sample: Any) -> Any:
    from PIL import Image, ImageOps

    with Image.open(sample) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


# Task, or export task without its "-with-past" → what answers its samples.
VISION_ANSWERERS: dict[str, MakeAnswerer] = {
    "image-classification": _picture_model("logits"),
    "object-detection": _picture_model("logits", "pred_boxes"),
    "image-segmentation": _segmentation,
    "depth-estimation": _picture_model("predicted_depth"),
    "zero-shot-image-classification": _zero_shot,
    "zero-shot-object-detection": _zero_shot_detection,
    "image-feature-extraction": _picture_model("last_hidden_state"),
    "image-to-text": _image_to_text,
    "image-to-image": _picture_model("reconstruction"),
    "document-question-answering": _document_question_answering,
}
