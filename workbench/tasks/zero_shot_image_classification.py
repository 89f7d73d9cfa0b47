"""Which of some texts fits a picture, by CLIP, SigLIP and their like. The reference is transformers'
``pipeline("zero-shot-image-classification")``.

One graph that reads picture and texts gives ``logits_per_image``. Where a repository has a graph for each instead, the
score is the cosine of what they give, times the temperature, which such graphs lack: see :data:`CLIP_SCALE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import ModelError, UsageError
from workbench.results import Labels
from workbench.runtime.pooling import normalized
from workbench.runtime.text import TextTokenizer
from workbench.tasks.base import Array, ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.classes import best_labels
from workbench.tasks.image_task import ImageTask, Seen
from workbench.tasks.scores import finite, sigmoid, softmax

__all__ = ["PIPELINE", "ZeroShotImageClassification"]

TEXT_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
LOGITS = "logits_per_image"
TEXT_VECTORS, IMAGE_VECTORS = ("text_embeds", "pooler_output"), ("image_embeds", "pooler_output")
TEMPLATE = "This is a photo of {}."
# SigLIP was trained on texts that are filled up to this length, and does not see where they end.
SIGLIP_TOKENS = 64
# CLIP's training bounds the temperature there, and the models that were published have reached it.
CLIP_SCALE = 100.0


@dataclass(frozen=True)
class Asked:
    """A picture with its candidates; ``texts`` are the inputs of the graph that reads them."""

    seen: Seen
    labels: tuple[str, ...]
    texts: dict[str, Array]


class ZeroShotImageClassification(ImageTask):
    """An input is the path of a picture; the candidates are a parameter."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings or a tokenizer that are not supported, graphs of another kind."""
        self._split = "model" not in sessions
        super().__init__(files, sessions, "vision_model" if self._split else "model")
        self._texts = sessions["text_model"] if self._split else self._session
        self._siglip = "siglip" in str(files.config.get("model_type"))
        self.only_takes(*(() if self._split else TEXT_INPUTS))
        if "input_ids" not in self._texts.input_names:
            names = ", ".join(self._texts.input_names)
            raise ModelError("model-unknown-input", name=names, known=", ".join(TEXT_INPUTS))
        if self._split and self._siglip:
            raise ModelError("graph-no-output", wanted=LOGITS, got=", ".join(self._session.output_names))
        self._outputs = (self.output(*IMAGE_VECTORS),) if self._split else (self.output(LOGITS),)
        self._tokenizer = TextTokenizer(files)
        self._known: tuple[tuple[str, ...], Array] | None = None  # the texts seen last, with their vectors

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Asked:
        """Raises InputError, UsageError where there are no candidates or no place for them in the template."""
        labels = tuple(params.get("candidate_labels") or ())
        if not labels:
            raise UsageError("usage-bad-param", name="candidate_labels", value=[], expected="at least one label")
        template = TEMPLATE if params.get("hypothesis_template") is None else params["hypothesis_template"]
        if "{}" not in template:
            raise UsageError("usage-bad-param", name="hypothesis_template", value=template, expected="a text with {}")
        texts = self._feeds([template.replace("{}", label) for label in labels], run)
        return Asked(super().preprocess(item, params, run), labels, texts)

    def forward(self, prepared: Asked, params: Mapping[str, Any], run: Run) -> Outputs:
        """``logits_per_image`` float [1, texts]."""
        if not self._split:
            return self._session.run(prepared.seen.feeds | prepared.texts, run, self._outputs)
        run.warn("zero-shot-scale", scale=CLIP_SCALE)
        texts = self._vectors(prepared, run)
        image = normalized(finite(self._session.run(prepared.seen.feeds, run, self._outputs)[self._outputs[0]]))
        return {LOGITS: CLIP_SCALE * image @ texts.T}

    def postprocess(self, outputs: Outputs, prepared: Asked, params: Mapping[str, Any], run: Run) -> Labels:
        """The candidates, the likeliest first: SigLIP scores each for itself, others all together."""
        logits = finite(outputs[LOGITS])[0]
        scores = sigmoid(logits) if self._siglip else softmax(logits)
        return best_labels(scores, dict(enumerate(prepared.labels)), None)

    def _vectors(self, prepared: Asked, run: Run) -> Array:
        """Of the texts, length 1; those of the last picture are mostly those of the next one."""
        key = tuple(value.tobytes().hex() for value in prepared.texts.values())
        if self._known is None or self._known[0] != key:
            names = [name for name in TEXT_VECTORS if name in self._texts.output_names]
            if not names:
                got = ", ".join(self._texts.output_names)
                raise ModelError("graph-no-output", wanted=" / ".join(TEXT_VECTORS), got=got)
            found = self._texts.run(prepared.texts, run, (names[0],))[names[0]]
            self._known = key, normalized(finite(found))
        return self._known[1]

    def _feeds(self, texts: list[str], run: Run) -> dict[str, Array]:
        """The tokens of all texts, filled up to the longest, or to what SigLIP was trained with."""
        limit = SIGLIP_TOKENS if self._siglip else min(self._tokenizer.limit, self._positions())
        rows = [self._tokenizer.encode(text, run=run, limit=limit).ids for text in texts]
        width = limit if self._siglip else max(map(len, rows))
        pad = self._tokenizer.pad_id
        ids = np.full((len(rows), width), 0 if pad is None else pad, np.int64)
        mask = np.zeros_like(ids)
        for number, row in enumerate(rows):
            place = slice(width - len(row), width) if self._tokenizer.pads_left else slice(len(row))
            ids[number, place], mask[number, place] = row, 1
        values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        dtypes = self._texts.input_dtypes
        return {name: value.astype(dtypes[name], copy=False) for name, value in values.items() if name in dtypes}

    def _positions(self) -> int:
        inner = self.files.config.get("text_config")
        positions = inner.get("max_position_embeddings") if isinstance(inner, dict) else None
        return positions if isinstance(positions, int) else self._tokenizer.limit


PIPELINE = ZeroShotImageClassification
