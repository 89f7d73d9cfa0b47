"""What the tasks that tell classes apart share, whatever their inputs: the logits, their scores, the best labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workbench.errors import ModelError
from workbench.results import Label, Labels
from workbench.tasks.base import Array, ModelFiles, SessionLike
from workbench.tasks.scores import finite, sigmoid, softmax

__all__ = ["best_labels", "class_scores", "logits_output"]


def logits_output(session: SessionLike) -> str:
    """The output that has the logits. Raises ModelError."""
    if "logits" not in session.output_names:
        raise ModelError("graph-no-output", wanted="logits", got=", ".join(session.output_names))
    return "logits"


def class_scores(logits: Array, files: ModelFiles, function: str) -> Array:
    """Logits [..., classes] as scores float32, by ``"softmax"``, ``"sigmoid"`` or ``"none"``.

    Raises ModelError where the model has another number of labels, EngineError where a logit is no number.
    """
    if logits.shape[-1] != len(files.labels):
        raise ModelError("model-files-disagree", file=files.folder / "config.json", name="id2label")
    values = finite(logits)
    if function == "softmax":
        return softmax(values)
    return sigmoid(values) if function == "sigmoid" else values


def best_labels(scores: Array, names: Mapping[int, str], top_k: int | None) -> Labels:
    """The likeliest of these scores [classes], all where ``top_k`` is None; of equal ones the first class first."""
    order = np.argsort(-scores, kind="stable")[:top_k]
    return Labels(tuple(Label(names[int(index)], float(scores[index])) for index in order))
