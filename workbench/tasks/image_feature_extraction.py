"""The vectors of a picture: one for each of its parts, or one for all of it.

``pool="none"`` is transformers' ``pipeline("image-feature-extraction")``, and ``pool="model"`` what that gives with
``pool=True``. A map of features [channels, rows, columns] becomes one vector for each of its places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.errors import UsageError
from workbench.results import Embedding
from workbench.tasks.base import Array, ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.image_task import ImageTask, Seen
from workbench.tasks.scores import finite

__all__ = ["PIPELINE", "ImageFeatureExtraction"]

HIDDEN, POOLED = ("last_hidden_state", "image_embeds", "pooler_output"), "pooler_output"
# Models whose pooled vector is the first of the others, so that it need not be an output.
FIRST_IS_POOLED = frozenset({"dinov2", "dinov2_with_registers", "dinov3_vit"})


class ImageFeatureExtraction(ImageTask):
    """An input is the path of a picture."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings that are not supported, a graph that gives no features."""
        super().__init__(files, sessions)
        self.only_takes()
        self._hidden = self.output(*HIDDEN)
        self._has_pooled = POOLED in self._session.output_names
        self._first = files.config.get("model_type") in FIRST_IS_POOLED

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Any:
        """Raises InputError, UsageError for a pooled vector that the graph does not give."""
        if params.get("pool") == "model" and not (self._has_pooled or self._first):
            raise UsageError("usage-bad-param", name="pool", value="model", expected="none, cls or mean")
        return super().preprocess(item, params, run)

    def wanted(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """``last_hidden_state`` float [1, parts, hidden] or [1, channels, rows, columns]; with it ``pooler_output``
        where that is what is asked for."""
        names = [self._hidden]
        if params.get("pool") == "model" and self._has_pooled:
            names.append(POOLED)
        return tuple(dict.fromkeys(names))

    def postprocess(self, outputs: Outputs, prepared: Seen, params: Mapping[str, Any], run: Run) -> Embedding:
        """Raises UsageError for the first vector of a map, which means nothing."""
        pool = params.get("pool") or "none"
        if pool == "model" and POOLED in outputs:
            return Embedding(finite(outputs[POOLED])[0].reshape(1, -1), pooled=True)
        values = finite(outputs[self._hidden])[0]
        if pool == "cls" and values.ndim == 3:
            raise UsageError("usage-bad-param", name="pool", value=pool, expected="none, model or mean")
        vectors = _vectors(values)
        if pool == "none":
            return Embedding(vectors, pooled=False)
        one = vectors.mean(0, keepdims=True, dtype=np.float32) if pool == "mean" else vectors[:1]
        return Embedding(one, pooled=True)


def _vectors(values: Array) -> Array:
    """One for each part of the picture, [parts, hidden]."""
    if values.ndim == 3:
        return np.ascontiguousarray(values.reshape(len(values), -1).T)
    return values.reshape(-1, values.shape[-1])


PIPELINE = ImageFeatureExtraction
