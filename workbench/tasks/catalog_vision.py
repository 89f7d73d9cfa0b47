"""The tasks that look at pictures."""

from __future__ import annotations

from workbench.tasks.info import ENCODER_DECODER, Field, Layout, Param, TaskInfo
from workbench.tasks.shared_params import FUNCTION, NUM_BEAMS, TOP_K, WRITTEN_TOKENS

__all__ = ["CANDIDATES", "VISION_TASKS"]

PROCESSOR = ("preprocessor_config.json",)

# What exports of models that choose among texts are verified with; the exporter has the same list.
CANDIDATES = ("a landscape", "a face", "fruit", "a sign with letters", "leaves", "a town", "the sea", "fabric")
THRESHOLD = Param("threshold", float, 0.5, "Leave out what has a lower score", minimum=0, maximum=1)
LABELS = Param("candidate_labels", list, (), "The labels to choose from, divided by commas")

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
        id="object-detection",
        title="Object detection",
        input="image",
        result="Boxes",
        layouts=(Layout("object-detection", ("ForObjectDetection",), files=PROCESSOR),),
        params=(THRESHOLD,),
    ),
    TaskInfo(
        id="zero-shot-object-detection",
        title="Zero-shot object detection",
        input="image",
        result="Boxes",
        layouts=(
            Layout(
                "zero-shot-object-detection",
                ("OwlViTForObjectDetection", "Owlv2ForObjectDetection"),
                files=(*PROCESSOR, "tokenizer.json"),
            ),
        ),
        verified_with={"candidate_labels": list(CANDIDATES)},
        params=(
            LABELS,
            Param("threshold", float, 0.1, "Leave out what has a lower score", minimum=0, maximum=1),
        ),
    ),
    TaskInfo(
        id="image-segmentation",
        title="Image segmentation",
        input="image",
        result="Masks",
        layouts=(
            Layout(
                "image-segmentation",
                (
                    *("ForSemanticSegmentation", "ForInstanceSegmentation", "ForUniversalSegmentation"),
                    *("ForSegmentation", "ForPanopticSegmentation"),
                ),
                files=PROCESSOR,
            ),
        ),
        params=(
            Param(
                "subtask",
                str,
                None,
                "What the parts are: things and what surrounds them, things alone, or kinds of things",
                choices=("panoptic", "instance", "semantic"),
            ),
            Param("threshold", float, 0.9, "Leave out what has a lower score", minimum=0, maximum=1),
            Param(
                "mask_threshold", float, 0.5, "From which certainty on a place counts as inside", minimum=0, maximum=1
            ),
            Param(
                "overlap_mask_area_threshold",
                float,
                0.5,
                "Leave out a part of which less than this share is left uncovered by others",
                minimum=0,
                maximum=1,
            ),
        ),
    ),
    TaskInfo(
        id="depth-estimation",
        title="Depth estimation",
        input="image",
        result="Depth",
        layouts=(Layout("depth-estimation", ("ForDepthEstimation",), files=PROCESSOR),),
    ),
    TaskInfo(
        id="zero-shot-image-classification",
        title="Zero-shot image classification",
        input="image",
        result="Labels",
        layouts=(
            Layout(
                "zero-shot-image-classification",
                ("CLIPModel", "MetaClip2Model", "SiglipModel", "ForZeroShotImageClassification"),
                files=(*PROCESSOR, "tokenizer.json"),
            ),
            # Repositories that have a graph for the pictures and one for the texts.
            Layout(
                "zero-shot-image-classification",
                graphs=(("vision_model",), ("text_model",)),
                files=(*PROCESSOR, "tokenizer.json"),
            ),
        ),
        verified_with={"candidate_labels": list(CANDIDATES)},
        params=(
            LABELS,
            Param("hypothesis_template", str, "This is a photo of {}.", "The text that is compared, {} for the label"),
        ),
    ),
    TaskInfo(
        id="image-feature-extraction",
        title="Image embeddings",
        input="image",
        result="Embedding",
        layouts=(Layout("feature-extraction", files=PROCESSOR),),
        params=(
            Param(
                "pool",
                str,
                "none",
                "How the vectors of the parts become one: 'model' as the model was trained to",
                choices=("none", "model", "cls", "mean"),
            ),
        ),
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
    TaskInfo(
        id="image-to-image",
        title="Image to image",
        input="image",
        result="MadePicture",
        layouts=(Layout("image-to-image", ("Swin2SRForImageSuperResolution",), files=PROCESSOR),),
    ),
    TaskInfo(
        id="document-question-answering",
        title="Document question answering",
        input="fields",
        result="Text",
        fields=(Field("image", "image"), Field("question")),
        layouts=(
            Layout(
                "image-to-text-with-past",
                ("VisionEncoderDecoderModel",),
                graphs=ENCODER_DECODER,
                files=(*PROCESSOR, "tokenizer.json"),
            ),
        ),
        # As that of image-to-text.
        verified_with={"max_new_tokens": 48},
        params=(WRITTEN_TOKENS, NUM_BEAMS),
    ),
)
