"""Classes of a text or of a pair of texts. The reference is transformers' ``pipeline`` with ``top_k=None``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.results import Labels
from workbench.runtime.text import Tokens
from workbench.tasks.base import ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.classes import best_labels, class_scores
from workbench.tasks.text_inputs import texts_of_pair
from workbench.tasks.text_logits import TextLogits

__all__ = ["PIPELINE", "TextClassification"]


class TextClassification(TextLogits):
    """An input is a text, or ``{"text", "text_pair"}``."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a graph that is no text classifier."""
        super().__init__(files, sessions)
        self._function = _own_function(files.config, len(self._labels))

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Tokens:
        """Raises InputError."""
        text, pair = texts_of_pair(item)
        return self._tokenizer.encode(text, pair, run=run)

    def postprocess(self, outputs: Outputs, prepared: Tokens, params: Mapping[str, Any], run: Run) -> Labels:
        function = params.get("function_to_apply") or self._function
        scores = class_scores(outputs[self._output][0], self.files, function)
        return best_labels(scores, self._labels, params.get("top_k"))


def _own_function(config: Mapping[str, Any], classes: int) -> str:
    """How the model was trained to score: one of many classes, each for itself, or any number."""
    problem = config.get("problem_type")
    if problem == "regression":
        return "none"
    return "sigmoid" if problem == "multi_label_classification" or classes == 1 else "softmax"


PIPELINE = TextClassification
