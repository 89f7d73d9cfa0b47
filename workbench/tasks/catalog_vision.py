"""The tasks that look at pictures."""

from __future__ import annotations

from workbench.tasks.info import Layout, TaskInfo
from workbench.tasks.shared_params import FUNCTION, TOP_K

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
)
