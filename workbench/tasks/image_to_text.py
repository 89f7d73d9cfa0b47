"""What a picture shows or says, as text. The reference is transformers' ``pipeline("image-to-text")``.

Models are put together of an encoder for pictures and a decoder for text (``VisionEncoderDecoderModel``): captions
(ViT and GPT-2), handwriting (TrOCR), documents (Donut).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.results import Text
from workbench.runtime.document_images import DonutImages, is_donut
from workbench.runtime.generate import Seq2SeqDecoder
from workbench.runtime.generation_settings import GenerationSettings
from workbench.runtime.image_processing import ImageProcessor
from workbench.runtime.images import load_image
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.written import Encoded, Writer, run_encoder

__all__ = ["PIPELINE", "ImageToText", "Prepared"]

# What transformers' pipeline sets by itself.
PIPELINE_SETTINGS = {"max_new_tokens": 256}


@dataclass(frozen=True)
class Prepared:
    """``pixel_values`` float32 [1, 3, height, width], and how to write."""

    pixel_values: Array
    settings: GenerationSettings


class ImageToText(Pipeline):
    """An input is the path of a picture."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a missing or broken file, a setting or an input of a graph that is not known."""
        super().__init__(files, sessions)
        self._images = DonutImages(files) if is_donut(files) else ImageProcessor(files)
        self._encoder = sessions["encoder_model"]
        self._writer = Writer(Seq2SeqDecoder(sessions), Vocabulary.of_model(files), "generated_text")
        self._settings = GenerationSettings.of_model(files, PIPELINE_SETTINGS, "image-to-text")

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError for what is no picture."""
        if not isinstance(item, (str, Path)):
            raise InputError("image-bad-input", got=type(item).__name__)
        pixels = self._images(load_image(item, run), item)
        wishes = {name: params.get(name) for name in ("max_new_tokens", "num_beams")}
        return Prepared(pixels, self._settings.wishing(**wishes))

    def forward(self, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Outputs:
        """Returns ``token_ids`` int64 [tokens]: what was written, with the end token if it came to that."""
        return {"token_ids": self._writer.write(self._encode(prepared, run), prepared.settings, (), run)}

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Text:
        return self._writer.text(outputs["token_ids"].tolist(), prepared.settings)

    def reference_outputs(
        self, prepared: Prepared, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``encoder.last_hidden_state`` and ``decoder.logits`` when the reference's tokens are fed in."""
        return self._writer.reference_outputs(self._encode(prepared, run), answer["token_ids"], run)

    def _encode(self, prepared: Prepared, run: Run) -> Encoded:
        return run_encoder(self._encoder, {"pixel_values": prepared.pixel_values}, run)


PIPELINE = ImageToText
