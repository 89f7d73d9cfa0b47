"""Texts in the order in which they fit a query, by a cross-encoder. The reference is the model's logit for each pair.

Query and text are read together, the longer of both cut first, as sentence-transformers' ``CrossEncoder`` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import ModelError
from workbench.results import Rank, Ranking
from workbench.runtime.text import Tokens
from workbench.tasks.base import ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.classes import class_scores
from workbench.tasks.text_inputs import fields_of
from workbench.tasks.text_logits import TextLogits

__all__ = ["PIPELINE", "Prepared", "TextRanking"]


@dataclass(frozen=True)
class Prepared:
    """The query with each text."""

    query: str
    texts: tuple[str, ...]
    pairs: tuple[Tokens, ...]


class TextRanking(TextLogits):
    """An input is ``{"query", "texts"}``."""

    stage = "rank"

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a graph that is no classifier, more than one label."""
        super().__init__(files, sessions)
        if len(self._labels) != 1:
            raise ModelError("ranking-labels", file=files.folder / "config.json", count=len(self._labels))

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError."""
        values = fields_of(item, ("query",), ("texts",))
        query, texts = values["query"], tuple(values["texts"])
        return Prepared(query, texts, tuple(self._tokenizer.encode(query, text, run=run) for text in texts))

    def rows(self, prepared: Prepared) -> Sequence[Tokens]:
        """One pair a text: ``logits`` float [texts, 1]."""
        return prepared.pairs

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Ranking:
        function = params.get("function_to_apply") or "none"
        scores = class_scores(outputs[self._output], self.files, function)[:, 0]
        order = np.argsort(-scores, kind="stable")[: params.get("top_k")]
        return Ranking(prepared.query, tuple(Rank(int(n), prepared.texts[n], float(scores[n])) for n in order))


PIPELINE = TextRanking
