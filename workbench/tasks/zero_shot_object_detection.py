"""Things that are named, found in a picture, by OWL-ViT and OWLv2. The reference is transformers'
``pipeline("zero-shot-object-detection")``, whose boxes are cut off to whole pixels; these are not.

The pipeline runs the graph once a label; here all labels go through it together, and the picture once. Labels are
scored each for itself, so that the answers are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import ModelError, UsageError
from workbench.results import Box, Boxes
from workbench.runtime.text import TextTokenizer
from workbench.tasks.base import Array, ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.corners import corners
from workbench.tasks.image_task import ImageTask, Seen
from workbench.tasks.scores import finite, sigmoid

__all__ = ["PIPELINE", "ZeroShotObjectDetection"]

LOGITS, BOXES = "logits", "pred_boxes"
TEXT_INPUTS = ("input_ids", "attention_mask")
# What a config that does not tell means.
DEFAULT_POSITIONS = 16


@dataclass(frozen=True)
class Asked:
    """A picture with what is looked for; ``texts`` are the tokens, int64 [labels, tokens], and where they are."""

    seen: Seen
    labels: tuple[str, ...]
    texts: dict[str, Array]


class ZeroShotObjectDetection(ImageTask):
    """An input is the path of a picture; what is looked for is a parameter."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings or a tokenizer that are not supported, a graph that finds nothing by names."""
        super().__init__(files, sessions)
        self.only_takes(*TEXT_INPUTS)
        if "input_ids" not in self._session.input_names:
            names = ", ".join(self._session.input_names)
            raise ModelError("model-unknown-input", name=names, known=", ".join(TEXT_INPUTS))
        self._outputs = (self.output(LOGITS), self.output(BOXES))
        self._tokenizer = TextTokenizer(files)
        inner = files.config.get("text_config")
        positions = inner.get("max_position_embeddings") if isinstance(inner, dict) else None
        self._limit = min(self._tokenizer.limit, positions if isinstance(positions, int) else DEFAULT_POSITIONS)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Asked:
        """Raises InputError, UsageError where nothing is looked for."""
        labels = tuple(params.get("candidate_labels") or ())
        if not labels:
            raise UsageError("usage-bad-param", name="candidate_labels", value=[], expected="at least one label")
        texts = self._feeds(labels, run)
        return Asked(super().preprocess(item, params, run), labels, texts)

    def forward(self, prepared: Asked, params: Mapping[str, Any], run: Run) -> Outputs:
        """``logits`` float [1, places, labels]; ``pred_boxes`` [1, places, 4]: middle x, middle y, width and height as
        shares of what the model saw."""
        return self._session.run(prepared.seen.feeds | prepared.texts, run, self._outputs)

    def postprocess(self, outputs: Outputs, prepared: Asked, params: Mapping[str, Any], run: Run) -> Boxes:
        """All above ``threshold``, 0.1 when not given, the surest first: a place may be several things."""
        logits, boxes = (finite(outputs[name])[0] for name in self._outputs)
        threshold = params.get("threshold")
        scores = sigmoid(logits).T.ravel()
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] > np.float32(0.1 if threshold is None else threshold)]
        width, height = prepared.seen.width_px, prepared.seen.height_px
        square = self.processor.steps.square
        sides = corners(boxes, *((max(width, height),) * 2 if square else (width, height)))
        found = tuple(
            Box(prepared.labels[label], float(scores[pair]), *map(float, sides[place]))
            for pair, (label, place) in zip(order, (divmod(int(pair), len(logits)) for pair in order), strict=True)
        )
        return Boxes(width, height, found)

    def _feeds(self, labels: tuple[str, ...], run: Run) -> dict[str, Array]:
        """Filled up with 0 behind the texts: the model reads a text at the place of its largest id, its end."""
        rows = [self._tokenizer.encode(label, run=run, limit=self._limit).ids for label in labels]
        ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        mask = np.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)], mask[number, : len(row)] = row, 1
        dtypes = self._session.input_dtypes
        values = {"input_ids": ids, "attention_mask": mask}
        return {name: value.astype(dtypes[name], copy=False) for name, value in values.items() if name in dtypes}


PIPELINE = ZeroShotObjectDetection
