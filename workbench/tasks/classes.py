"""What the tasks that tell classes apart share, whatever their inputs: the logits, their scores, the best labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workbench.errors import EngineError, ModelError
from workbench.results import Label, Labels
from workbench.tasks.base import Array, ModelFiles, SessionLike

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
    values = logits.astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise EngineError("graph-not-finite")
    if function == "softmax":
        powers = np.exp(values - values.max(-1, keepdims=True))
        return np.asarray(powers / powers.sum(-1, keepdims=True))
    if function == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))))
    return values


def best_labels(scores: Array, names: Mapping[int, str], top_k: int | None) -> Labels:
    """The likeliest of these scores [classes], all where ``top_k`` is None; of equal ones the first class first."""
    order = np.argsort(-scores, kind="stable")[:top_k]
    return Labels(tuple(Label(names[int(index)], float(scores[index])) for index in order))
