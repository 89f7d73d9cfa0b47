"""Things in a picture, each with a box. The reference is transformers' ``pipeline("object-detection")``, whose boxes
are cut off to whole pixels; these are not.

A query of DETR and YOLOS tells one of the classes or, last, that it found nothing. RT-DETR, Conditional and Deformable
DETR score each class of each query for itself, and the best pairs count. Which it is follows from the image processor,
as in transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.results import Box, Boxes
from workbench.tasks.base import Array, ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.corners import corners
from workbench.tasks.image_task import ImageTask, Seen
from workbench.tasks.scores import finite, sigmoid, softmax

__all__ = ["PIPELINE", "ObjectDetection"]

BOXES = "pred_boxes"
# Processor → how many pairs of a query and a class count at most; 0 stands for the number of queries.
SCORED_APART = {"RTDetr": 0, "ConditionalDetr": 100, "DeformableDetr": 100}


class ObjectDetection(ImageTask):
    """An input is the path of a picture."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings that are not supported, a graph that is no detector."""
        super().__init__(files, sessions)
        self.only_takes()
        self._outputs = (self.output("logits"), self.output(BOXES))
        self._labels = files.labels
        self._most = SCORED_APART.get(self.processor.steps.kind)

    def wanted(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """``logits`` float [1, queries, classes], with one more class for nothing where a query tells one of them;
        ``pred_boxes`` [1, queries, 4]: middle x, middle y, width and height as shares of the picture."""
        return self._outputs

    def postprocess(self, outputs: Outputs, prepared: Seen, params: Mapping[str, Any], run: Run) -> Boxes:
        """All above ``threshold``, 0.5 when not given, the surest first."""
        logits, boxes = (finite(outputs[name])[0] for name in self._outputs)
        threshold = params.get("threshold")
        queries, classes, scores = self._found(logits)
        kept = scores > np.float32(0.5 if threshold is None else threshold)
        sides = corners(boxes, prepared.width_px, prepared.height_px)
        found = tuple(
            Box(self._labels[int(label)], float(score), *map(float, sides[query]))
            for query, label, score in zip(queries[kept], classes[kept], scores[kept], strict=True)
        )
        return Boxes(prepared.width_px, prepared.height_px, found)

    def _found(self, logits: Array) -> tuple[Array, Array, Array]:
        """Queries, classes and scores, the surest first."""
        apart = self._most is not None
        if logits.shape[-1] != len(self._labels) + (not apart):
            raise ModelError("model-files-disagree", file=self.files.folder / "config.json", name="id2label")
        if apart:
            flat = sigmoid(logits).ravel()
            order = np.argsort(-flat, kind="stable")[: self._most or len(logits)]
            return order // logits.shape[-1], order % logits.shape[-1], flat[order]
        shares = softmax(logits)[:, :-1]
        classes, scores = shares.argmax(-1), shares.max(-1)
        order = np.argsort(-scores, kind="stable")
        return order, classes[order], scores[order]

    def aligned(self, got: Outputs, wanted: Outputs) -> Outputs:
        """Queries in the order of the reference: models that choose them by a score (RT-DETR) have no order of their
        own, and two that are as good as equal may change places."""
        if self._most is None or any(got[name].shape != wanted[name].shape for name in self._outputs):
            return got
        ours, theirs = (
            np.concatenate([sigmoid(finite(side[self._outputs[0]])[0]), finite(side[BOXES])[0]], axis=-1)
            for side in (got, wanted)
        )
        order = _nearest(ours, theirs)
        return got | {name: got[name][:, order] for name in self._outputs}


def _nearest(ours: Array, theirs: Array) -> Array:
    """For each row of ``theirs`` the row of ``ours`` that goes with it, the closest pairs first, each row once."""
    distances = np.stack([np.abs(ours - row).sum(-1) for row in theirs])
    order = np.full(len(theirs), -1)
    free = np.ones(len(ours), bool)
    for pair in np.argsort(distances, axis=None, kind="stable"):
        row, own = divmod(int(pair), len(ours))
        if order[row] < 0 and free[own]:
            order[row], free[own] = own, False
    return order


PIPELINE = ObjectDetection
