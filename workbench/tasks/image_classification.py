"""What a picture shows, as labels with scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbench.errors import EngineError, ModelError
from workbench.results import Label, Labels
from workbench.runtime.image_processing import ImageProcessor
from workbench.runtime.images import load_image
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike

__all__ = ["PIPELINE", "ImageClassification"]

INPUT = "pixel_values"
OUTPUT = "logits"
TOP_K = 5


class ImageClassification(Pipeline):
    """Input: the path of a picture. Reference: ``transformers.pipeline("image-classification")``."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        super().__init__(files, sessions)
        self._session = sessions["model"]
        self._processor = ImageProcessor(files)
        self._labels = files.labels
        for name in self._session.input_names:
            if name != INPUT:
                raise ModelError("model-unknown-input", name=name, known=INPUT)
        if OUTPUT not in self._session.output_names:
            got = ", ".join(self._session.output_names)
            raise ModelError("model-no-output", file=files.graphs["model"], name=OUTPUT, got=got)
        self._dtype = self._session.input_dtypes[INPUT]
        self._default_function = _default_function(files.config, len(self._labels))

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Array:
        """``pixel_values`` [1, 3, height, width] in the graph's own type."""
        values = self._processor(load_image(item, run), item)
        return values.astype(self._dtype, copy=False)

    def forward(self, prepared: Array, params: Mapping[str, Any], run: Run) -> Outputs:
        return self._session.run({INPUT: prepared}, run, (OUTPUT,))

    def postprocess(self, outputs: Outputs, prepared: Array, params: Mapping[str, Any], run: Run) -> Labels:
        """The ``top_k`` likeliest labels (5 when not given); ``function_to_apply`` as the model says when not given."""
        logits = outputs[OUTPUT][0].astype(np.float32)
        if not np.isfinite(logits).all():
            raise EngineError("graph-not-finite")
        scores = FUNCTIONS[params.get("function_to_apply") or self._default_function](logits)
        order = np.argsort(-scores, kind="stable")[: params.get("top_k") or TOP_K]
        return Labels(tuple(Label(self._labels.get(int(n), f"LABEL_{n}"), float(scores[n])) for n in order))


def _default_function(config: Mapping[str, Any], labels: int) -> str:
    """What ``ImageClassificationPipeline`` of transformers does when it is not told."""
    problem = config.get("problem_type")
    if problem == "multi_label_classification" or labels == 1:
        return "sigmoid"
    return "softmax"


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def _sigmoid(logits: Array) -> Array:
    # Written so that no power overflows.
    powers = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1 / (1 + powers), powers / (1 + powers))


def _none(logits: Array) -> Array:
    return logits


FUNCTIONS: dict[str, Callable[[Array], Array]] = {"softmax": _softmax, "sigmoid": _sigmoid, "none": _none}

PIPELINE = ImageClassification
