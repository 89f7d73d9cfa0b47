"""The tasks that look at pictures."""

from __future__ import annotations

from workbench.tasks.info import ENCODER_DECODER, Layout, TaskInfo
from workbench.tasks.shared_params import FUNCTION, NUM_BEAMS, TOP_K, WRITTEN_TOKENS

__all__ = ["VISION_TASKS"]

PROCESSOR = ("preprocessor_config.json",)

VISION_TASKS = (
    TaskInfo(
        id="image-classification",
        title="Image classification",
        input="image",
        result="Labels",
        layouts=(Layout("image-classification", ("ForImageClassification",), files=PROCESSOR),),
        params=(TOP_K, FUNCTION),
    ),
    TaskInfo(
        id="image-to-text",
        title="Image to text",
        input="image",
        result="Text",
        layouts=(
            Layout(
                "image-to-text-with-past",
                ("VisionEncoderDecoderModel",),
                graphs=ENCODER_DECODER,
                files=(*PROCESSOR, "tokenizer.json"),
            ),
        ),
        # An export writes no more for each picture; exporters/answers_vision.py does the same.
        verified_with={"max_new_tokens": 48},
        params=(WRITTEN_TOKENS, NUM_BEAMS),
    ),
)
