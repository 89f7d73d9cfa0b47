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
from workbench.runtime.document_images import DonutImages, is_donut
from workbench.runtime.generation_settings import GenerationSettings
from workbench.runtime.image_processing import ImageProcessor
from workbench.runtime.images import load_image
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import Array, ModelFiles, Run, SessionLike
from workbench.tasks.written import WritingPipeline

__all__ = ["PIPELINE", "ImageToText", "Prepared"]

# What transformers' pipeline sets by itself.
PIPELINE_SETTINGS = {"max_new_tokens": 256}


@dataclass(frozen=True)
class Prepared:
    """``pixel_values`` float32 [1, 3, height, width], and how to write."""

    pixel_values: Array
    settings: GenerationSettings


class ImageToText(WritingPipeline):
    """An input is the path of a picture."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a missing or broken file, a setting or an input of a graph that is not known."""
        super().__init__(files, sessions, Vocabulary.of_model(files), "generated_text")
        self._images = DonutImages(files) if is_donut(files) else ImageProcessor(files)
        self._settings = GenerationSettings.of_model(files, PIPELINE_SETTINGS, "image-to-text")

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError for what is no picture."""
        if not isinstance(item, (str, Path)):
            raise InputError("image-bad-input", got=type(item).__name__)
        pixels = self._images(load_image(item, run), item)
        return Prepared(pixels, self._settings.asked(params))

    def encoder_feeds(self, prepared: Prepared) -> Mapping[str, Array]:
        return {"pixel_values": prepared.pixel_values}


PIPELINE = ImageToText
