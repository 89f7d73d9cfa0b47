"""What a picture shows, as labels with scores. The reference is transformers' ``pipeline("image-classification")``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.results import Labels
from workbench.tasks.base import ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.classes import best_labels, class_scores, logits_output
from workbench.tasks.image_task import ImageTask, Seen

__all__ = ["PIPELINE", "ImageClassification"]

TOP_K = 5


class ImageClassification(ImageTask):
    """An input is the path of a picture."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings of the image processor that are not supported, a graph that takes no picture."""
        super().__init__(files, sessions)
        self.only_takes()
        self._output = logits_output(self._session)
        self._labels = files.labels
        self._function = _own_function(files.config, len(self._labels))

    def wanted(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """``logits`` float [1, classes]."""
        return (self._output,)

    def postprocess(self, outputs: Outputs, prepared: Seen, params: Mapping[str, Any], run: Run) -> Labels:
        """The ``top_k`` likeliest labels, 5 when not given; ``function_to_apply`` as the model says when not given."""
        function = params.get("function_to_apply") or self._function
        scores = class_scores(outputs[self._output][0], self.files, function)
        return best_labels(scores, self._labels, params.get("top_k") or TOP_K)


def _own_function(config: Mapping[str, Any], classes: int) -> str:
    """How the model was trained to score: each class for itself, or one of many (also for a regression)."""
    several = config.get("problem_type") == "multi_label_classification"
    return "sigmoid" if several or classes == 1 else "softmax"


PIPELINE = ImageClassification
