"""The tasks that look at pictures."""

from __future__ import annotations

from workbench.tasks.info import Layout, Param, TaskInfo
from workbench.tasks.shared_params import FUNCTION, TOP_K

__all__ = ["VISION_TASKS"]

PROCESSOR = ("preprocessor_config.json",)

THRESHOLD = Param("threshold", float, 0.5, "Leave out what has a lower score", minimum=0, maximum=1)

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
)
