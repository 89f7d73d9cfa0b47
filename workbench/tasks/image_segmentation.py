"""What each part of a picture shows, as masks. The reference is transformers' ``pipeline("image-segmentation")``.

A graph with ``logits`` of a map tells a class for each place (semantic). One with queries (DETR, MaskFormer) tells for
each a class and a mask: the queries themselves are the parts (panoptic, instance), or their classes are added up
(semantic).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from workbench.errors import ModelError, UsageError
from workbench.results import Mask, Masks
from workbench.runtime.enlarging import bilinear_strips, label_map, nearest
from workbench.tasks.base import Array, ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.image_task import ImageTask, Seen
from workbench.tasks.scores import finite, sigmoid, softmax

__all__ = ["PIPELINE", "ImageSegmentation"]

# Names of the classes' and the masks' outputs of a graph with queries.
QUERIES = (("class_queries_logits", "masks_queries_logits"), ("logits", "pred_masks"))
# The only kind of processor whose instances overlap; with the others, instances are what panoptic segmentation finds.
OVERLAPPING = "MaskFormer"
# What transformers' pipeline has.
THRESHOLD, MASK_THRESHOLD, OVERLAP_THRESHOLD = 0.9, 0.5, 0.5


class ImageSegmentation(ImageTask):
    """An input is the path of a picture."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings that are not supported, a graph that gives no masks."""
        super().__init__(files, sessions)
        self.only_takes()
        found = [names for names in QUERIES if names[1] in self._session.output_names]
        self._queries = bool(found)
        self._outputs = found[0] if found else (self.output("logits"),)
        self._labels = files.labels

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Any:
        """Raises InputError, UsageError for a subtask that the model cannot do."""
        if params.get("subtask") not in (None, "semantic") and not self._queries:
            raise UsageError("usage-bad-param", name="subtask", value=params["subtask"], expected="semantic")
        return super().preprocess(item, params, run)

    def wanted(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """``logits`` float [1, classes, rows, columns]; or of queries their classes, with one more for nothing,
        [1, queries, classes + 1], and their masks [1, queries, rows, columns]."""
        return self._outputs

    def postprocess(self, outputs: Outputs, prepared: Seen, params: Mapping[str, Any], run: Run) -> Masks:
        """``subtask`` is panoptic where the model can do it, when not given, else semantic."""
        values = [finite(outputs[name])[0] for name in self._outputs]
        if values[0].shape[-1 if self._queries else 0] != len(self._labels) + self._queries:
            raise ModelError("model-files-disagree", file=self.files.folder / "config.json", name="id2label")
        size = (prepared.height_px, prepared.width_px)
        subtask = params.get("subtask") or ("panoptic" if self._queries else "semantic")
        if not self._queries:
            found = self._semantic(values[0], size)
        elif subtask == "semantic":
            classes, masks = values
            found = self._semantic(np.einsum("qc,qhw->chw", softmax(classes)[:, :-1], sigmoid(masks)), size)
        elif subtask == "instance" and self.processor.steps.kind == OVERLAPPING:
            found = self._instances(values[0], values[1], size, _given(params, "threshold", THRESHOLD), run)
        else:
            found = self._segments(values[0], values[1], size, params, run)
        return Masks(prepared.width_px, prepared.height_px, tuple(found))

    def _semantic(self, planes: Array, size: tuple[int, int]) -> Iterator[Mask]:
        """A mask for each class that is the likeliest anywhere, in their order."""
        labels = label_map(planes, *size)
        for label in np.unique(labels):
            yield Mask(self._labels[int(label)], None, _white(labels == label))

    def _segments(
        self, classes: Array, masks: Array, size: tuple[int, int], params: Mapping[str, Any], run: Run
    ) -> Iterator[Mask]:
        """A mask for each query that is sure of a class: where its share is the greatest, if enough of it is left."""
        shares = softmax(classes)
        labels, scores = shares.argmax(-1), shares.max(-1)
        kept = (labels != shares.shape[-1] - 1) & (scores > np.float32(_given(params, "threshold", THRESHOLD)))
        labels, scores, inside = labels[kept], scores[kept], sigmoid(masks[kept])
        if not len(labels):
            return
        least = np.float32(_given(params, "mask_threshold", MASK_THRESHOLD))
        owners = np.empty(size, np.int32)
        areas = np.zeros(len(labels), np.int64)
        for rows, part in bilinear_strips(inside, *size):
            run.cancellation.check()
            weighed = part * scores[:, None, None]
            owners[rows] = weighed.argmax(0)
            areas += (weighed >= least).sum((1, 2))
        won = np.bincount(owners.ravel(), minlength=len(labels))
        share = _given(params, "overlap_mask_area_threshold", OVERLAP_THRESHOLD)
        for query, (label, score) in enumerate(zip(labels, scores, strict=True)):
            if won[query] and areas[query] and won[query] / areas[query] > share:
                yield Mask(
                    self._labels[int(label)], float(score), _white(owners == query), params.get("subtask") == "instance"
                )

    def _instances(
        self, classes: Array, masks: Array, size: tuple[int, int], threshold: float, run: Run
    ) -> Iterator[Mask]:
        """The best pairs of a query and a class, weighed by how sure their masks are; a later one covers those before.

        Pairs come the surest first, as torch gives them from 64 classes on.
        """
        shares = softmax(classes)[:, :-1]
        best = np.argsort(-shares, axis=None, kind="stable")[: len(shares)]
        owners = np.full(size, -1, np.int32)
        found: list[tuple[int, float]] = []
        for pair in best:
            run.cancellation.check()
            query, label = divmod(int(pair), shares.shape[1])
            inside = masks[query] > 0
            sure = float((sigmoid(masks[query]) * inside).sum() / (inside.sum() + 1e-6))
            score = float(shares.flat[pair]) * sure
            shown = nearest(inside[None], *size)[0]
            if shown.any() and score >= threshold:
                owners[shown] = len(found)
                found.append((label, score))
        for number, (label, score) in enumerate(found):
            yield Mask(self._labels[label], score, _white(owners == number), is_thing=True)


def _given(params: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = params.get(name)
    return otherwise if value is None else float(value)


def _white(inside: Array) -> Array:
    return inside.astype(np.uint8) * np.uint8(255)


PIPELINE = ImageSegmentation
