"""Classes of a text or of a pair of texts. The reference is transformers' ``pipeline`` with ``top_k=None``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.results import Labels
from workbench.runtime.text import TextFeeds, TextTokenizer, Tokens
from workbench.tasks.base import ModelFiles, Outputs, Pipeline, Run, SessionLike
from workbench.tasks.classes import best_labels, class_scores, logits_output
from workbench.tasks.text_inputs import texts_of_pair

__all__ = ["PIPELINE", "TextClassification"]


class TextClassification(Pipeline):
    """An input is a text, or ``{"text", "text_pair"}``."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a graph that is no text classifier."""
        super().__init__(files, sessions)
        self._session = sessions["model"]
        self._tokenizer = TextTokenizer(files)
        self._feeds = TextFeeds(self._session, self._tokenizer)
        self._output = logits_output(self._session)
        self._labels = files.labels
        self._function = _own_function(files.config, len(self._labels))

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Tokens:
        """Raises InputError."""
        text, pair = texts_of_pair(item)
        return self._tokenizer.encode(text, pair, run=run)

    def forward(self, prepared: Tokens, params: Mapping[str, Any], run: Run) -> Outputs:
        """``logits`` float [1, classes]."""
        return self._session.run(self._feeds([prepared]), run, (self._output,))

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
